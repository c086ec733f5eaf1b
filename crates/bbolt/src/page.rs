//! One page: its header and elements, checked once so that access cannot fail.

use crate::Error;
use crate::layout::{
    BRANCH, ELEMENT_BYTES, FREELIST, LEAF, META, PAGE_HEADER_BYTES, u16_at, u32_at, u64_at,
};

/// What a page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Branch,
    Leaf,
}

/// A page of a tree.
#[derive(Debug)]
pub(crate) struct Page {
    /// Its number; of an inline bucket, that of the page around it.
    pub(crate) id: u64,
    pub(crate) kind: Kind,
    pub(crate) count: usize,
    pub(crate) overflow: u32,
    bytes: Vec<u8>,
}

/// An element of a leaf page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LeafElement<'a> {
    pub(crate) flags: u32,
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
}

/// The header of a page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) id: u64,
    pub(crate) flags: u16,
    pub(crate) count: u16,
    pub(crate) overflow: u32,
}

impl Header {
    /// Reads the header; `bytes` hold at least one.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        Self {
            id: u64_at(bytes, 0),
            flags: u16_at(bytes, 8),
            count: u16_at(bytes, 10),
            overflow: u32_at(bytes, 12),
        }
    }

    pub(crate) fn kind(&self) -> String {
        match self.flags {
            BRANCH => "branch".to_owned(),
            LEAF => "leaf".to_owned(),
            META => "meta".to_owned(),
            FREELIST => "freelist".to_owned(),
            flags => format!("unknown<{flags:02x}>"),
        }
    }
}

impl Page {
    /// Takes the bytes of a tree's page, header and overflow included, and checks that each element
    /// lies within them.
    pub(crate) fn new(id: u64, bytes: Vec<u8>) -> Result<Self, Error> {
        if bytes.len() < PAGE_HEADER_BYTES {
            return Err(Error::page(id, "it is shorter than a page header"));
        }
        let header = Header::parse(&bytes);
        let kind = match header.flags {
            BRANCH => Kind::Branch,
            LEAF => Kind::Leaf,
            _ => return Err(Error::page(id, format!("invalid type: {}", header.kind()))),
        };
        let (count, overflow) = (usize::from(header.count), header.overflow);
        let page = Self { id, kind, count, overflow, bytes };
        page.check_elements()?;
        Ok(page)
    }

    fn check_elements(&self) -> Result<(), Error> {
        let fault = |reason: String| Err(Error::page(self.id, reason));
        let elements_end = PAGE_HEADER_BYTES + self.count * ELEMENT_BYTES;
        if elements_end > self.bytes.len() {
            return fault(format!("it cannot hold the {} elements that it counts", self.count));
        }
        if self.kind == Kind::Branch && self.count == 0 {
            return fault("it is a branch page without children".to_owned());
        }
        for index in 0..self.count {
            let at = element_at(index);
            let (offset, key, value) = self.extent(at);
            // In u64: three numbers of 32 bits cannot overflow it.
            let start = at as u64 + u64::from(offset);
            let end = start + u64::from(key) + u64::from(value);
            if start < elements_end as u64 || end > self.bytes.len() as u64 {
                return fault(format!("element {index} lies outside of it"));
            }
            if key == 0 {
                return fault(format!("element {index} has an empty key"));
            }
        }
        Ok(())
    }

    /// Offset from the element, key size and value size of the element at a position.
    fn extent(&self, at: usize) -> (u32, u32, u32) {
        match self.kind {
            Kind::Branch => (u32_at(&self.bytes, at), u32_at(&self.bytes, at + 4), 0),
            Kind::Leaf => (
                u32_at(&self.bytes, at + 4),
                u32_at(&self.bytes, at + 8),
                u32_at(&self.bytes, at + 12),
            ),
        }
    }

    /// The key of the element at `index`, which is below the count.
    pub(crate) fn key(&self, index: usize) -> &[u8] {
        let at = element_at(index);
        let (offset, key, _) = self.extent(at);
        let start = at + offset as usize;
        &self.bytes[start..start + key as usize]
    }

    /// The page that the element at `index` of a branch page points to.
    pub(crate) fn child(&self, index: usize) -> u64 {
        u64_at(&self.bytes, element_at(index) + 8)
    }

    /// The element at `index` of a leaf page.
    pub(crate) fn leaf(&self, index: usize) -> LeafElement<'_> {
        let at = element_at(index);
        let (offset, key, value) = self.extent(at);
        let start = at + offset as usize;
        let middle = start + key as usize;
        LeafElement {
            flags: u32_at(&self.bytes, at),
            key: &self.bytes[start..middle],
            value: &self.bytes[middle..middle + value as usize],
        }
    }

    /// The first element whose key is not less than `key`, or the count.
    pub(crate) fn lower_bound(&self, key: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.key(middle) < key { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Bytes that header and elements take, padding not counted.
    pub(crate) fn used_bytes(&self) -> u64 {
        let contents: u64 = (0..self.count)
            .map(|index| {
                let (_, key, value) = self.extent(element_at(index));
                u64::from(key) + u64::from(value)
            })
            .sum();
        (PAGE_HEADER_BYTES + self.count * ELEMENT_BYTES) as u64 + contents
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.bytes.len()
    }
}

fn element_at(index: usize) -> usize {
    PAGE_HEADER_BYTES + index * ELEMENT_BYTES
}
