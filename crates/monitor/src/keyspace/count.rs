//! Counting keys and bytes by prefix, in bounded memory.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::Prefix;

/// Parts of a prefix that are told apart, and how many prefixes are counted at most.
const DEPTH: usize = 4;
const MAX_PREFIXES: usize = 20_000;

/// A prefix with a smaller part of the keys is not worth telling.
const LEAST_SHARE: f64 = 0.05;

#[derive(Default)]
pub(super) struct Counter {
    pub(super) keys: u64,
    pub(super) most_changed: Option<(String, i64)>,
    /// Of all keys: no prefix.
    all: Count,
    prefixes: BTreeMap<Vec<u8>, Count>,
    sample: Vec<Bytes>,
}

/// What is under a prefix.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    keys: u64,
    key_bytes: u64,
    /// Values that were looked at, and what they have together.
    values: u64,
    value_bytes: u64,
}

impl Count {
    fn add(&mut self, key: &[u8]) {
        self.keys += 1;
        self.key_bytes += key.len() as u64;
    }

    fn weigh(&mut self, size: usize) {
        self.values += 1;
        self.value_bytes += size as u64;
    }

    fn named(self, name: String) -> Prefix {
        let value_bytes = self.value_bytes as f64 * self.keys as f64;
        let bytes = self.key_bytes + (value_bytes / self.values.max(1) as f64) as u64;
        Prefix { name, keys: self.keys, bytes: (self.values > 0).then_some(bytes) }
    }
}

impl Counter {
    pub(super) fn add(&mut self, key: &Bytes, version: i64, every: u64) {
        if self.keys.is_multiple_of(every) {
            self.sample.push(key.clone());
        }
        self.keys += 1;
        self.all.add(key);
        for end in ends(key) {
            let prefix = &key[..end];
            if let Some(count) = self.prefixes.get_mut(prefix) {
                count.add(key);
            } else if self.prefixes.len() < MAX_PREFIXES {
                self.prefixes.entry(prefix.to_vec()).or_default().add(key);
            }
        }
        if self.most_changed.as_ref().is_none_or(|(_, before)| version > *before) {
            self.most_changed = Some((prefix_of(key), version));
        }
    }

    /// The keys whose values are to be looked at.
    pub(super) fn take_sample(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.sample)
    }

    /// Takes the size of the value of a key that was counted.
    pub(super) fn weigh(&mut self, key: &[u8], size: usize) {
        self.all.weigh(size);
        for end in ends(key) {
            if let Some(count) = self.prefixes.get_mut(&key[..end]) {
                count.weigh(size);
            }
        }
    }

    /// All keys.
    pub(super) fn whole(&self) -> Prefix {
        self.all.named(String::new())
    }

    pub(super) fn top(&self) -> Vec<Prefix> {
        let least = (self.keys as f64 * LEAST_SHARE).max(1.0) as u64;
        let large = || self.prefixes.iter().filter(|(_, count)| count.keys >= least);
        let is_told_by_one_beneath = |prefix: &Vec<u8>, count: u64| {
            large().any(|(other, of_other)| {
                other.len() > prefix.len()
                    && other.starts_with(prefix)
                    && of_other.keys * 10 >= count * 9
            })
        };
        let mut top: Vec<Prefix> = large()
            .filter(|(prefix, count)| !is_told_by_one_beneath(prefix, count.keys))
            .map(|(prefix, count)| count.named(shown(prefix)))
            .collect();
        top.sort_by(|a, b| b.keys.cmp(&a.keys).then_with(|| a.name.cmp(&b.name)));
        top
    }
}

/// Where the prefixes of a key end: after each of its first slashes.
fn ends(key: &[u8]) -> impl Iterator<Item = usize> {
    // A slash at the beginning parts nothing.
    let parts = key.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/');
    parts.take(DEPTH).map(|(index, _)| index + 1)
}

/// The longest of its prefixes: a key's own name may tell too much.
pub(super) fn prefix_of(key: &[u8]) -> String {
    shown(&key[..ends(key).last().unwrap_or(0)])
}

fn shown(prefix: &[u8]) -> String {
    if prefix.is_empty() { "(no prefix)".to_owned() } else { prefix.escape_ascii().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(keys: &[(&str, u32)]) -> Vec<String> {
        let mut counter = Counter::default();
        for (prefix, times) in keys {
            for number in 0..*times {
                counter.add(&Bytes::from(format!("{prefix}{number}")), 1, 100);
            }
        }
        counter.top().iter().map(|prefix| format!("{} {}", prefix.name, prefix.keys)).collect()
    }

    #[test]
    fn the_prefixes_that_hold_most_are_named_as_far_down_as_they_do() {
        let keys = [("/registry/pods/a/", 90), ("/registry/events/", 900), ("/other/x/", 10)];
        // 990 of 1000 are under /registry/, of which events are 900.
        assert_eq!(count(&keys), ["/registry/events/ 900", "/registry/pods/a/ 90"]);
        assert_eq!(count(&[("a", 5)]), [""; 0]);
        assert_eq!(count(&[("\u{0}b/", 5)]), ["\\x00b/ 5"]);
    }

    #[test]
    fn the_values_that_were_looked_at_stand_for_the_rest_of_their_prefix() {
        let mut counter = Counter::default();
        for number in 10..30 {
            counter.add(&Bytes::from(format!("a/{number}")), 1, 5);
        }
        counter.add(&Bytes::from("b/1"), 1, 5);
        for key in counter.take_sample() {
            counter.weigh(&key, 100);
        }
        let of = |name: &str, keys, bytes| Prefix { name: name.to_owned(), keys, bytes };
        // Keys of four bytes each, with values of a hundred.
        assert_eq!(counter.top()[0], of("a/", 20, Some(20 * 104)));
        assert_eq!(counter.whole(), of("", 21, Some(20 * 4 + 3 + 21 * 100)));
        counter.add(&Bytes::from("c/1"), 1, 5);
        let unseen = counter.prefixes[&b"c/"[..]].named("c/".to_owned());
        assert_eq!(unseen, of("c/", 1, None));
    }
}
