//! The numbers of the file format: sizes, flags, and the meta page.

/// Before everything on a page: id (8), flags (2), count (2), overflow (4).
pub(crate) const PAGE_HEADER_BYTES: usize = 16;
/// One element of a branch page (offset, key size, child) or a leaf page (flags, offset, key size,
/// value size).
pub(crate) const ELEMENT_BYTES: usize = 16;
/// Before the page of an inline bucket, and the whole value of any other: root page, sequence.
pub(crate) const BUCKET_HEADER_BYTES: usize = 16;

pub(crate) const BRANCH: u16 = 0x01;
pub(crate) const LEAF: u16 = 0x02;
pub(crate) const META: u16 = 0x04;
pub(crate) const FREELIST: u16 = 0x10;
/// Flag of a leaf element whose value is a bucket.
pub(crate) const BUCKET_ELEMENT: u32 = 0x01;
/// The count of a freelist page whose true count stands in its first element.
pub(crate) const COUNT_ELSEWHERE: u16 = 0xFFFF;

const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
/// Of the meta structure, its checksum included.
pub(crate) const META_BYTES: usize = 64;

/// Page number in the meta of a file that keeps no list of free pages, as etcd's do.
pub const NO_FREELIST: u64 = u64::MAX;
/// Longest key that bbolt takes.
pub const MAX_KEY_BYTES: usize = 32_768;
/// Longest value that bbolt takes.
pub(crate) const MAX_VALUE_BYTES: usize = (1 << 31) - 2;
/// Sizes that a page may have; the system's page size is what bbolt takes.
pub(crate) const PAGE_SIZES: std::ops::RangeInclusive<u32> = 512..=65_536;

/// What a file says about itself: one of the two copies at its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// Bytes of each page.
    pub page_size: u32,
    /// Page of the bucket that holds all buckets.
    pub root: u64,
    /// Page of the list of free pages, or [`NO_FREELIST`].
    pub freelist: u64,
    /// How many pages are in use or free: the first number never given.
    pub page_count: u64,
    /// The transaction that wrote this copy; the higher one counts.
    pub transaction: u64,
}

impl Meta {
    /// Reads the structure after the page header; says why it is unusable.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() < META_BYTES {
            return Err("it is too short".to_owned());
        }
        let magic = u32_at(bytes, 0);
        if magic == MAGIC.swap_bytes() {
            return Err("it was written by a big-endian machine".to_owned());
        }
        if magic != MAGIC {
            return Err(format!("its magic number is {magic:08x}, not {MAGIC:08x}"));
        }
        let version = u32_at(bytes, 4);
        if version != VERSION {
            return Err(format!("its version is {version}, not {VERSION}"));
        }
        if fnv1a(&bytes[..META_BYTES - 8]) != u64_at(bytes, META_BYTES - 8) {
            return Err("its checksum is wrong".to_owned());
        }
        let page_size = u32_at(bytes, 8);
        if !PAGE_SIZES.contains(&page_size) || !page_size.is_power_of_two() {
            return Err(format!("its page size is {page_size}"));
        }
        Ok(Self {
            page_size,
            root: u64_at(bytes, 16),
            freelist: u64_at(bytes, 32),
            page_count: u64_at(bytes, 40),
            transaction: u64_at(bytes, 48),
        })
    }

    /// The whole page with this copy.
    pub(crate) fn page(&self) -> Vec<u8> {
        let mut page = Vec::with_capacity(self.page_size as usize);
        page.extend(page_header(self.transaction % 2, META, 0, 0));
        page.extend(MAGIC.to_le_bytes());
        page.extend(VERSION.to_le_bytes());
        page.extend(self.page_size.to_le_bytes());
        page.extend(0_u32.to_le_bytes());
        page.extend(self.root.to_le_bytes());
        page.extend(0_u64.to_le_bytes());
        page.extend(self.freelist.to_le_bytes());
        page.extend(self.page_count.to_le_bytes());
        page.extend(self.transaction.to_le_bytes());
        let checksum = fnv1a(&page[PAGE_HEADER_BYTES..]);
        page.extend(checksum.to_le_bytes());
        page.resize(self.page_size as usize, 0);
        page
    }
}

/// The beginning of a page.
pub(crate) fn page_header(id: u64, flags: u16, count: u16, overflow: u32) -> [u8; 16] {
    let mut header = [0; PAGE_HEADER_BYTES];
    header[..8].copy_from_slice(&id.to_le_bytes());
    header[8..10].copy_from_slice(&flags.to_le_bytes());
    header[10..12].copy_from_slice(&count.to_le_bytes());
    header[12..].copy_from_slice(&overflow.to_le_bytes());
    header
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("invariant: four bytes"))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("invariant: eight bytes"))
}

/// FNV-1a with 64 bits, the checksum of meta pages.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meta_page_reads_back_and_any_flipped_bit_is_noticed() {
        let meta =
            Meta { page_size: 4096, root: 3, freelist: NO_FREELIST, page_count: 9, transaction: 7 };
        let page = meta.page();
        assert_eq!(Meta::parse(&page[PAGE_HEADER_BYTES..]), Ok(meta));
        for bit in 0..META_BYTES * 8 {
            let mut bytes = page[PAGE_HEADER_BYTES..].to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Meta::parse(&bytes).is_err(), "bit {bit}");
        }
    }
}
