//! Where the pages of a long range begin and end.

use bytes::Bytes;

use crate::answer::KeyValue;

/// The part of a page that a range is to fill: one that has a little more than expected still fits.
const FILLED: f64 = 0.8;
/// The part of a page that a range must have filled to tell anything of the next one.
const TELLING: f64 = 0.25;
/// Bytes of keys that are taken for a number; with all 256 numerals, it fits.
const DIGITS: usize = 15;
/// How many of them may be equal in all keys of a page.
const CARRIED: usize = 4;

/// Key and end of a range, with the meaning that they have in a request.
pub type KeyRange = (Bytes, Bytes);

/// A range that is read page by page, at one revision.
///
/// With each page a server counts all keys of the range that is asked for, not of the page alone:
/// a million keys in pages of a thousand, each asked for up to the end, cost it five hundred million
/// steps. So all requests but the first ask for less, which ends where a page should, if keys go on as
/// densely as those before. Where they do not, a page has fewer keys, or more are counted.
#[derive(Debug, Clone)]
pub struct Pages {
    /// Where the next range begins; `None` when all were asked for.
    ahead: Option<Bytes>,
    range_end: Bytes,
    density: Option<Density>,
}

impl Pages {
    /// All keys from `key` to `range_end`.
    pub fn new((key, range_end): KeyRange) -> Self {
        Self { ahead: Some(key), range_end, density: None }
    }

    /// The range to ask for next, with a limit of `limit` keys; `None` when all were asked for.
    pub fn next(&mut self, limit: i64) -> Option<KeyRange> {
        let begin = self.ahead.take()?;
        let density = self.density.as_ref();
        let end = density.and_then(|density| density.beyond(&begin, limit as f64 * FILLED));
        self.ahead = end.filter(|end| self.range_end == b"\0"[..] || *end < self.range_end);
        Some((begin, self.ahead.clone().unwrap_or_else(|| self.range_end.clone())))
    }

    /// Takes account of the answer for a range with a limit of `limit` keys. Returns what is to be asked
    /// for before any range that was handed out after it: what the limit cut off.
    pub fn learn(
        &mut self,
        (_, end): KeyRange,
        limit: i64,
        kvs: &[KeyValue],
        more: bool,
    ) -> Option<KeyRange> {
        let rest: Option<Bytes> =
            kvs.last().filter(|_| more).map(|last| [&last.key, &b"\0"[..]].concat().into());
        let is_telling = more || kvs.len() as f64 >= limit as f64 * TELLING;
        self.density = kvs
            .first()
            .filter(|_| is_telling)
            .and_then(|first| Density::of(kvs, &first.key, rest.as_ref().unwrap_or(&end)));
        let rest = rest?;
        if end == *self.ahead.as_ref().unwrap_or(&self.range_end) {
            // It was the last that was handed out.
            self.ahead = Some(rest);
            return None;
        }
        Some((rest, end))
    }
}

/// How densely keys lie.
///
/// The bytes that keys are made of where they differ are taken for the numerals of a number: keys with
/// numbers in them lie evenly in these, and by no means in all 256.
#[derive(Debug, Clone)]
struct Density {
    /// What all keys begin with.
    prefix: Bytes,
    /// In their order.
    numerals: Vec<u8>,
    /// From one key to the next.
    step: f64,
}

impl Density {
    /// Of keys that fill the range from `first` to `end`.
    fn of(kvs: &[KeyValue], first: &[u8], end: &[u8]) -> Option<Self> {
        let common = first.iter().zip(end).take_while(|(a, b)| a == b).count();
        let mut is_used = [false; 256];
        for key in kvs.iter().map(|kv| &kv.key[..]).chain([end]) {
            for byte in key.iter().skip(common).take(DIGITS) {
                is_used[usize::from(*byte)] = true;
            }
        }
        // As far as they may belong to the same number, bytes that all share can be carried into.
        let carried = first[..common].iter().rev().take(CARRIED);
        let start = common - carried.take_while(|byte| is_used[usize::from(**byte)]).count();
        let numerals = (0..=u8::MAX).filter(|byte| is_used[usize::from(*byte)]).collect();
        let prefix = Bytes::copy_from_slice(&first[..start]);
        let mut density = Self { prefix, numerals, step: 0.0 };
        let span = density.read(&end[start..]).checked_sub(density.read(&first[start..]))?;
        density.step = span as f64 / kvs.len() as f64;
        Some(density)
    }

    /// The key behind which about `keys` more lie than behind `key`.
    fn beyond(&self, key: &[u8], keys: f64) -> Option<Bytes> {
        // A float that does not fit becomes the greatest number, and the sum nothing.
        let further = ((self.step * keys) as u128).max(1);
        let number = self.read(key.strip_prefix(&self.prefix[..])?).checked_add(further)?;
        let end: Bytes = [&self.prefix[..], &self.write(number)?].concat().into();
        (end[..] > *key).then_some(end)
    }

    fn read(&self, key: &[u8]) -> u128 {
        let digit = |byte: Option<&u8>| {
            byte.map_or(0, |byte| self.numerals.partition_point(|numeral| numeral < byte) as u128)
        };
        let base = self.numerals.len() as u128;
        (0..DIGITS).fold(0, |sum, at| sum * base + digit(key.get(at)))
    }

    /// `None` when it has too many digits.
    fn write(&self, mut number: u128) -> Option<[u8; DIGITS]> {
        let base = self.numerals.len() as u128;
        let mut key = [0; DIGITS];
        for byte in key.iter_mut().rev() {
            *byte = *self.numerals.get((number % base) as usize)?;
            number /= base;
        }
        (number == 0).then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, VecDeque};

    use super::*;

    /// Reads all of `keys` as a server answers them, with one or two requests under way; returns how many
    /// there were, and how many steps the server made.
    fn read(
        keys: &BTreeSet<Bytes>,
        range: (&'static [u8], &'static [u8]),
        limit: i64,
        at_once: usize,
    ) -> (usize, usize) {
        let in_range = |key: &Bytes, end: &Bytes| {
            let all = keys.range(key.clone()..);
            all.take_while(|key| *end == b"\0"[..] || *key < end).cloned().collect::<Vec<_>>()
        };
        let range = (Bytes::from_static(range.0), Bytes::from_static(range.1));
        let expected = in_range(&range.0, &range.1);
        let mut pages = Pages::new(range);
        let mut under_way = VecDeque::new();
        let (mut got, mut requests, mut steps) = (Vec::new(), 0, 0);
        loop {
            while under_way.len() < at_once
                && let Some(range) = pages.next(limit)
            {
                under_way.push_back(range);
            }
            let Some(range) = under_way.pop_front() else { break };
            assert!(requests < 10_000, "does it end?");
            let found = in_range(&range.0, &range.1);
            (requests, steps) = (requests + 1, steps + found.len());
            let page: Vec<_> = found.iter().take(limit as usize).cloned().collect();
            let kv = |key: &Bytes| KeyValue { key: key.clone(), ..KeyValue::default() };
            let kvs: Vec<_> = page.iter().map(kv).collect();
            let rest = pages.learn(range, limit, &kvs, found.len() > page.len());
            assert!(rest.is_none() || at_once > 1);
            if let Some(rest) = rest {
                under_way.push_front(rest);
            }
            got.extend(page);
        }
        assert_eq!(got, expected);
        (requests, steps)
    }

    fn keys(names: impl IntoIterator<Item = String>) -> BTreeSet<Bytes> {
        names.into_iter().map(Bytes::from).collect()
    }

    #[test]
    fn keys_in_a_row_and_by_chance_are_counted_a_few_times_only() {
        let mut random = fastrand::Rng::with_seed(7);
        let in_a_row = keys((0..20_000).map(|n| format!("many/{n:08}")));
        let by_chance = keys((0..20_000).map(|_| format!("many/{:016x}", random.u64(..))));
        for (all, at_once) in [(&in_a_row, 1), (&in_a_row, 2), (&by_chance, 1), (&by_chance, 2)] {
            let (requests, steps) = read(all, (b"many/", b"many0"), 200, at_once);
            assert!(requests < 150, "{requests} for 100 pages");
            // All are counted with the first; up to the end each time, they would be a million.
            assert!(steps < 90_000, "{steps}");
        }
    }

    #[test]
    fn every_key_is_read_once_however_they_lie() {
        let mut random = fastrand::Rng::with_seed(11);
        let kinds = ["configmaps", "events", "leases", "pods", "secrets", "z\u{7f}"];
        let like_kubernetes = keys((0..3_000).map(|n| {
            let kind = kinds[random.usize(..kinds.len())];
            format!("/registry/{kind}/ns-{}/name-{n}", random.u32(..40))
        }));
        let any_bytes: BTreeSet<Bytes> = (0..2_000)
            .map(|_| (0..random.usize(1..6)).map(|_| random.u8(..) % 4 * 85).collect())
            .collect();
        for (limit, at_once) in [(1, 1), (2, 2), (7, 1), (7, 3), (100, 1), (100, 2), (10_000, 2)] {
            read(&like_kubernetes, (b"\0", b"\0"), limit, at_once);
            let (requests, _) =
                read(&like_kubernetes, (b"/registry/", b"/registry0"), limit, at_once);
            let full = 3_000_usize.div_ceil(limit as usize);
            assert!(requests <= 3 * full + 20, "{requests} for {full} pages");
            read(&any_bytes, (b"\0", b"\0"), limit, at_once);
            read(&any_bytes, (b"\x55", b"\xff"), limit, at_once);
            read(&BTreeSet::new(), (b"a", b"b"), limit, at_once);
        }
    }
}
