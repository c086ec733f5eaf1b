//! CRC-32 with Castagnoli's polynomial: etcd's checksum in its log, and of its keys.

const POLYNOMIAL: u32 = 0x82F6_3B78;
const LANES: usize = 8;

/// What each byte at each of eight places does to the sum: eight bytes are taken at a time.
static TABLES: [[u32; 256]; LANES] = tables();

const fn tables() -> [[u32; 256]; LANES] {
    let mut tables = [[0; 256]; LANES];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ POLYNOMIAL } else { sum >> 1 };
            bit += 1;
        }
        tables[0][byte] = sum;
        byte += 1;
    }
    let mut lane = 1;
    while lane < LANES {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[lane - 1][byte];
            tables[lane][byte] = (before >> 8) ^ tables[0][(before & 0xFF) as usize];
            byte += 1;
        }
        lane += 1;
    }
    tables
}

/// A sum under way.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Crc32c(u32);

impl Crc32c {
    /// Goes on from a sum.
    pub(crate) fn from_sum(sum: u32) -> Self {
        Self(sum)
    }

    /// Adds bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        let mut sum = !self.0;
        let mut chunks = bytes.chunks_exact(LANES);
        for chunk in &mut chunks {
            let low = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]) ^ sum;
            sum = TABLES[7][(low & 0xFF) as usize]
                ^ TABLES[6][(low >> 8 & 0xFF) as usize]
                ^ TABLES[5][(low >> 16 & 0xFF) as usize]
                ^ TABLES[4][(low >> 24) as usize]
                ^ TABLES[3][usize::from(chunk[4])]
                ^ TABLES[2][usize::from(chunk[5])]
                ^ TABLES[1][usize::from(chunk[6])]
                ^ TABLES[0][usize::from(chunk[7])];
        }
        for byte in chunks.remainder() {
            sum = (sum >> 8) ^ TABLES[0][((sum ^ u32::from(*byte)) & 0xFF) as usize];
        }
        self.0 = !sum;
    }

    /// The sum of all bytes so far; more may follow.
    pub(crate) fn sum(self) -> u32 {
        self.0
    }
}

/// The sum of some bytes.
pub(crate) fn of(bytes: &[u8]) -> u32 {
    let mut crc = Crc32c::default();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_rfc_3720_and_does_not_depend_on_how_bytes_come() {
        assert_eq!(of(&[0; 32]), 0x8A91_36AA);
        assert_eq!(of(&[0xFF; 32]), 0x62A8_AB43);
        assert_eq!(of(b"123456789"), 0xE306_9283);
        let bytes: Vec<u8> = (0..=255).collect();
        for at in 0..bytes.len() {
            let mut crc = Crc32c::default();
            crc.update(&bytes[..at]);
            crc.update(&bytes[at..]);
            assert_eq!(crc.sum(), of(&bytes));
        }
    }
}
