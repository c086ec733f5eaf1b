//! How many keys to ask for at once: few enough for the member's ease and for our memory.

use std::time::Duration;

/// Keys of the first page, and least of a later one.
const FIRST: i64 = 500;
const LEAST: i64 = 20;
/// Bytes that a page is to have at most.
const BYTES: usize = 4 << 20;
/// A page that takes longer is too much.
const SLOW: Duration = Duration::from_millis(250);

/// The size of the next page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageSize {
    keys: i64,
    most: i64,
}

impl PageSize {
    /// A page of at most so many keys.
    pub(super) fn new(most: i64) -> Self {
        let most = most.max(1);
        Self { keys: FIRST.min(most), most }
    }

    pub(super) fn keys(self) -> i64 {
        self.keys
    }

    /// Takes account of a page: its keys, their bytes, and its time.
    pub(super) fn learn(&mut self, keys: usize, bytes: usize, took: Duration) {
        let wanted = if took > SLOW { self.keys / 2 } else { self.keys.saturating_mul(2) };
        let each = (bytes / keys.max(1)).max(1);
        let fitting = i64::try_from(BYTES / each).unwrap_or(i64::MAX);
        self.set(wanted.min(fitting));
    }

    /// Asks for less.
    pub(super) fn shrink(&mut self) {
        self.set(self.keys / 2);
    }

    fn set(&mut self, keys: i64) {
        self.keys = keys.clamp(LEAST.min(self.most), self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_grows_while_it_is_quick_and_small_and_shrinks_otherwise() {
        let mut page = PageSize::new(5000);
        let quick = Duration::from_millis(10);
        assert_eq!(page.keys(), FIRST);
        for expected in [1000, 2000, 4000, 5000, 5000] {
            page.learn(500, 50_000, quick);
            assert_eq!(page.keys(), expected);
        }
        page.learn(5000, 500_000, SLOW * 2);
        assert_eq!(page.keys(), 2500);
        page.learn(10, 10 << 20, quick);
        assert_eq!(page.keys(), LEAST);
        let mut small = PageSize::new(3);
        small.shrink();
        assert_eq!(small.keys(), 3);
    }
}
