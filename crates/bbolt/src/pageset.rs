//! A set of page numbers, one bit each.

/// Pages of a file with a known count.
#[derive(Debug)]
pub(crate) struct PageSet {
    bits: Vec<u64>,
}

impl PageSet {
    /// An empty set for numbers below `page_count`, which the size of the file bounds.
    pub(crate) fn new(page_count: u64) -> Self {
        Self { bits: vec![0; page_count.div_ceil(64) as usize] }
    }

    /// Adds a number below the count; whether it was new.
    pub(crate) fn insert(&mut self, page: u64) -> bool {
        let word = &mut self.bits[(page / 64) as usize];
        let bit = 1 << (page % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    pub(crate) fn contains(&self, page: u64) -> bool {
        self.bits.get((page / 64) as usize).is_some_and(|word| word & (1 << (page % 64)) != 0)
    }

    /// How many are in it.
    ///
    /// Counted when it is asked for: a count kept by `insert` came out as 0 in optimised builds, where
    /// rustc 1.95 loses a comparison that is both added and branched on (rust-lang/rust#158206).
    pub(crate) fn len(&self) -> u64 {
        self.bits.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}
