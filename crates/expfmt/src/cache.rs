//! Recognises the series of the page before, so that a scrape looks up nothing by name.

use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::quality::RandomState;

/// The identities that a caller gave to the series of one target's last page, in page order.
///
/// A process writes its series in the same order every time, so the next series is nearly always
/// the one that stood at this place before: one comparison, no lookup. Where the order differs, the
/// rest of the page is looked up in an index built for the occasion.
///
/// A series is known by a 64-bit fingerprint of its text instead of the text: 12 bytes instead of
/// about 110, which is the difference between 15 and 140 MB at 1,000 etcd members. Two series of a
/// page of 1,300 share a fingerprint with a probability of 10⁻¹³; the seed is drawn per cache, so
/// that no page can be made to collide on purpose.
#[derive(Debug, Clone)]
pub struct ScrapeCache<T> {
    hasher: RandomState,
    known: Known<T>,
}

/// Fingerprints and identities side by side: a pair of `u64` and `u32` would be padded to 16 bytes.
#[derive(Debug, Clone)]
struct Known<T> {
    fingerprints: Vec<u64>,
    ids: Vec<T>,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self { fingerprints: Vec::new(), ids: Vec::new() }
    }
}

impl<T: Copy> Known<T> {
    fn push(&mut self, fingerprint: u64, id: T) {
        self.fingerprints.push(fingerprint);
        self.ids.push(id);
    }

    /// Gives back what doubling took too much: there are as many of these as members, and they last.
    fn shrink(&mut self) {
        self.fingerprints.shrink_to_fit();
        self.ids.shrink_to_fit();
    }
}

impl<T: Copy> Default for ScrapeCache<T> {
    fn default() -> Self {
        Self { hasher: RandomState::default(), known: Known::default() }
    }
}

impl<T: Copy> ScrapeCache<T> {
    /// Starts a page. The cache changes only with [`Page::finish`]: a page that breaks off halfway
    /// leaves it as it was.
    pub fn page(&mut self) -> Page<'_, T> {
        Page { cache: self, position: 0, reordered: None }
    }

    /// How many series the last page had.
    pub fn len(&self) -> usize {
        self.known.ids.len()
    }

    /// Whether there was no page yet, or one without a series.
    pub fn is_empty(&self) -> bool {
        self.known.ids.is_empty()
    }
}

/// One page on its way through a [`ScrapeCache`].
#[derive(Debug)]
pub struct Page<'c, T> {
    cache: &'c mut ScrapeCache<T>,
    /// How many series stood where they stood before.
    position: usize,
    reordered: Option<Reordered<T>>,
}

/// A page whose order differs from the last one's.
#[derive(Debug)]
struct Reordered<T> {
    /// The series of the last page.
    index: HashMap<u64, T>,
    /// The series of this page.
    seen: Known<T>,
}

impl<T: Copy> Page<'_, T> {
    /// The identity of the next series, given as [`Sample::series`](crate::Sample::series).
    ///
    /// `make` is called for a series that the last page did not have.
    pub fn id(&mut self, series: &str, make: impl FnOnce() -> T) -> T {
        let fingerprint = self.cache.hasher.hash_one(series);
        let known = &self.cache.known;
        if self.reordered.is_none() && known.fingerprints.get(self.position) == Some(&fingerprint) {
            self.position += 1;
            return known.ids[self.position - 1];
        }
        let position = self.position;
        let reordered = self.reordered.get_or_insert_with(|| Reordered::after(known, position));
        let id = *reordered.index.entry(fingerprint).or_insert_with(make);
        reordered.seen.push(fingerprint, id);
        id
    }

    /// Ends the page and makes it the last one. Returns the identities that the page no longer had.
    pub fn finish(self) -> Vec<T> {
        let known = &mut self.cache.known;
        match self.reordered {
            None => {
                known.fingerprints.truncate(self.position);
                known.ids.split_off(self.position)
            }
            Some(Reordered { mut index, seen }) => {
                for fingerprint in &seen.fingerprints {
                    index.remove(fingerprint);
                }
                *known = seen;
                known.shrink();
                index.into_values().collect()
            }
        }
    }
}

impl<T: Copy> Reordered<T> {
    /// From the first series that is not in its place: `position` of them were.
    fn after(known: &Known<T>, position: usize) -> Self {
        let pairs = known.fingerprints.iter().copied().zip(known.ids.iter().copied());
        let mut seen = Known::default();
        for (fingerprint, id) in pairs.clone().take(position) {
            seen.push(fingerprint, id);
        }
        Self { index: pairs.collect(), seen }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends a page through; returns the identities, what was made and what is gone.
    fn scrape(
        cache: &mut ScrapeCache<u32>,
        next: &mut u32,
        page: &[&str],
    ) -> (Vec<u32>, u32, Vec<u32>) {
        let before = *next;
        let mut reading = cache.page();
        let ids = page
            .iter()
            .map(|series| {
                reading.id(series, || {
                    *next += 1;
                    *next
                })
            })
            .collect();
        let mut gone = reading.finish();
        gone.sort_unstable();
        (ids, *next - before, gone)
    }

    #[test]
    fn identities_survive_every_change_of_a_page() {
        let (mut cache, mut next) = (ScrapeCache::default(), 0);
        for (page, ids, made, gone) in [
            (&["a", "b", "c"][..], &[1, 2, 3][..], 3, &[][..]),
            // unchanged
            (&["a", "b", "c"], &[1, 2, 3], 0, &[]),
            // one in the middle
            (&["a", "x", "b", "c"], &[1, 4, 2, 3], 1, &[]),
            (&["a", "x", "b", "c"], &[1, 4, 2, 3], 0, &[]),
            // one away from the middle
            (&["a", "b", "c"], &[1, 2, 3], 0, &[4]),
            // another order
            (&["c", "a", "b"], &[3, 1, 2], 0, &[]),
            // cut at the end, grown at the end
            (&["c"], &[3], 0, &[1, 2]),
            (&["c", "d"], &[3, 5], 1, &[]),
            // gone and back: forgotten in between
            (&[], &[], 0, &[3, 5]),
            (&["d"], &[6], 1, &[]),
            // the same series twice, which no sound page has
            (&["d", "d"], &[6, 6], 0, &[]),
        ] {
            let scraped = scrape(&mut cache, &mut next, page);
            assert_eq!(scraped, (ids.to_vec(), made, gone.to_vec()), "{page:?}");
            assert_eq!(cache.len(), page.len());
        }
    }

    #[test]
    fn a_page_that_breaks_off_changes_nothing() {
        let (mut cache, mut next) = (ScrapeCache::default(), 0);
        scrape(&mut cache, &mut next, &["a", "b"]);
        let mut page = cache.page();
        page.id("z", || 9);
        drop(page);
        assert_eq!(scrape(&mut cache, &mut next, &["a", "b"]), (vec![1, 2], 0, vec![]));
    }
}
