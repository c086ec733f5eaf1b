//! What clients do to a cluster, as recorded: rates, sizes and the shape of the key space, and
//! neither keys nor values.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audience;
use crate::error::Error;

/// Version of the format.
pub const FORMAT: u32 = 1;
/// Shapes that are told apart; the rarest are put together with the most frequent.
pub const MAX_SHAPES: usize = 64;
/// Ranks of written keys that are told apart: each has as many keys as all before it.
pub const MAX_RANKS: usize = 24;
/// The highest number of keys or watchers that is believed.
const MAX_COUNT: u64 = 1 << 40;
/// The largest file that is read, bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// What was recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pattern {
    /// Version of this format.
    pub format: u32,
    /// When recording began.
    pub recorded_at: Timestamp,
    /// For how long.
    pub seconds: f64,
    /// Calls each second, of all members together.
    pub rates: Rates,
    /// Keys under the recorded prefix.
    pub keys: u64,
    /// What keys look like; shares add up to 1.
    pub shapes: Vec<Shape>,
    /// Sizes of values, rising; shares add up to 1.
    pub value_bytes: Vec<Bucket>,
    /// Keys in what one read returns, on the average.
    pub keys_per_read: f64,
    /// Share of transactions that write, 0 to 1.
    pub txn_write_ratio: f64,
    /// Different keys that were written, for each write.
    pub distinct_ratio: f64,
    /// Who watches; `None` where that was not recorded.
    #[serde(default)]
    pub watchers: Option<Watchers>,
    /// What else is to be known, such as limits that were met.
    pub remarks: Vec<String>,
}

/// Calls each second by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Reads.
    pub range: f64,
    /// Writes.
    pub put: f64,
    /// Deletions.
    pub delete: f64,
    /// Transactions.
    pub txn: f64,
    /// New leases.
    pub lease_grant: f64,
    /// Renewals of leases.
    pub lease_keep_alive: f64,
}

impl Rates {
    /// Each of them, in the order in which a replay tells its operations.
    pub fn each(&self) -> [f64; 6] {
        [self.range, self.put, self.delete, self.txn, self.lease_grant, self.lease_keep_alive]
    }

    /// All together.
    pub fn total(&self) -> f64 {
        self.each().iter().sum()
    }
}

/// Keys that look alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// A hash of what comes before the last `/`, by which nobody can be told but equals.
    pub hash: String,
    /// Parts between `/`.
    pub depth: usize,
    /// Length in bytes, on the average.
    pub bytes: usize,
    /// Share of the keys.
    pub share: f64,
    /// Share of the writes.
    pub write_share: f64,
    /// How its writes are spread over its keys: the most written one, the next, the next two, the next
    /// four and so on; keys that are in none were not written. Empty where that was not recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<Rank>,
}

/// Keys of a shape that are written about as often as each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rank {
    /// How many.
    pub keys: u64,
    /// Share of the writes to the shape.
    pub share: f64,
}

/// Who watches.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Watchers {
    /// How many, at the beginning.
    pub count: u64,
    /// Events that members sent, for each change of a key.
    pub events_per_change: f64,
}

/// Values up to a size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// The largest, bytes.
    pub up_to: usize,
    /// Share of the values that are in here and in none before.
    pub share: f64,
}

impl Pattern {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, is no pattern, or one that cannot be replayed.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File { what: "read", path: path.to_owned(), source };
        let size = std::fs::metadata(path).map_err(failed)?.len();
        let unusable = |why: String| Error::NoPattern { path: path.to_owned(), why };
        if size > MAX_FILE_BYTES {
            return Err(unusable(format!("it is larger than {MAX_FILE_BYTES} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let pattern: Self =
            serde_json::from_str(&text).map_err(|error| unusable(error.to_string()))?;
        pattern.trouble().map_or(Ok(pattern), |why| Err(unusable(why)))
    }

    /// Why it cannot be replayed, if it cannot.
    pub fn trouble(&self) -> Option<String> {
        let is_share = |share: f64| (0.0..=1.0).contains(&share);
        let is_count = |count: u64| (1..=MAX_COUNT).contains(&count);
        let is_rate = |rate: &f64| rate.is_finite() && *rate >= 0.0;
        let shares = [self.txn_write_ratio, self.distinct_ratio];
        let why = if self.format != FORMAT {
            format!("format {} is not known; this program knows {FORMAT}", self.format)
        } else if !self.rates.each().iter().all(is_rate) {
            "rates: each is to be a number of 0 or more".to_owned()
        } else if self.rates.total() <= 0.0 {
            "rates: nothing was called while it was recorded".to_owned()
        } else if !(1..=MAX_SHAPES).contains(&self.shapes.len()) {
            format!("shapes: 1 to {MAX_SHAPES} are needed")
        } else if self.shapes.iter().any(|shape| {
            shape.bytes > 4_096
                || shape.depth > 256
                || !is_share(shape.share)
                || !is_share(shape.write_share)
        }) {
            "shapes: shares are 0 to 1, depths up to 256, lengths up to 4096".to_owned()
        } else if self.shapes.iter().any(|shape| {
            shape.writes.len() > MAX_RANKS
                || shape.writes.iter().any(|rank| !is_share(rank.share) || !is_count(rank.keys))
        }) {
            format!("shapes.writes: up to {MAX_RANKS} with 1 key or more and shares of 0 to 1")
        } else if self.watchers.is_some_and(|watchers| {
            !(0.0..=1e9).contains(&watchers.events_per_change) || watchers.count > MAX_COUNT
        }) {
            "watchers: a count, and events for each change of 0 or more, are needed".to_owned()
        } else if self.value_bytes.is_empty()
            || self.value_bytes.iter().any(|bucket| !is_share(bucket.share))
            || !self.value_bytes.is_sorted_by_key(|bucket| bucket.up_to)
        {
            "value_bytes: rising sizes with shares of 0 to 1 are needed".to_owned()
        } else if !shares.into_iter().all(is_share) || !(0.0..=1e9).contains(&self.keys_per_read) {
            "txn_write_ratio and distinct_ratio are 0 to 1, keys_per_read 0 or more".to_owned()
        } else {
            return None;
        };
        Some(why)
    }

    /// What a replay cannot do as it was, because it is not known.
    pub fn unknown(&self) -> Vec<String> {
        let mut unknown = Vec::new();
        if self.rates.range > 0.0 || (self.rates.txn > 0.0 && self.txn_write_ratio < 1.0) {
            unknown.push("members do not tell which keys are read: all are, evenly".to_owned());
        }
        if self.shapes.iter().any(|shape| shape.write_share > 0.0 && shape.writes.is_empty()) {
            unknown.push(
                "which keys of a shape are written how often was not recorded: all are, evenly"
                    .to_owned(),
            );
        }
        match self.watchers {
            None => unknown.push("watchers were not recorded, and there are none".to_owned()),
            Some(Watchers { count: 0, .. }) => {}
            Some(watchers) => {
                unknown.push(format!(
                    "members do not tell what the {} watchers watch: so many watch everything that each \
                     change is told to {:.1} of them as it was, and the others what does not change",
                    watchers.count, watchers.events_per_change
                ));
                if watchers.count > audience::MOST {
                    let most = audience::MOST;
                    unknown.push(format!("a replay has {most} watchers at most"));
                }
            }
        }
        if self.rates.lease_grant > 0.0 || self.rates.lease_keep_alive > 0.0 {
            unknown.push(
                "members do not count renewals on streams that were opened before: there are none"
                    .to_owned(),
            );
        }
        unknown
    }

    /// The largest value, bytes.
    pub fn max_value_bytes(&self) -> usize {
        self.value_bytes.last().map_or(0, |bucket| bucket.up_to)
    }

    /// The longest key, bytes.
    pub fn max_key_bytes(&self) -> usize {
        self.shapes.iter().map(|shape| shape.bytes).max().unwrap_or(0)
    }

    /// A size of a value, by chance.
    pub(crate) fn pick_value_bytes(&self, random: &mut fastrand::Rng) -> usize {
        let mut chance = random.f64();
        let mut least = 0;
        for bucket in &self.value_bytes {
            if chance < bucket.share {
                return random.usize(least.min(bucket.up_to)..=bucket.up_to);
            }
            chance -= bucket.share;
            least = bucket.up_to + 1;
        }
        self.max_value_bytes()
    }
}

/// Sizes as buckets that double.
pub(crate) fn buckets(sizes: &[usize]) -> Vec<Bucket> {
    let mut sorted = sizes.to_vec();
    sorted.sort_unstable();
    let bound = |size: usize| size.max(1).next_power_of_two();
    let of_bound = sorted.chunk_by(|a, b| bound(*a) == bound(*b));
    let bucket = |chunk: &[usize]| Bucket {
        // What is largest in it, and not what could be: the last one is the largest of all.
        up_to: chunk[chunk.len() - 1],
        share: chunk.len() as f64 / sorted.len() as f64,
    };
    of_bound.map(bucket).collect()
}

/// What a key looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) hash: u64,
    pub(crate) depth: usize,
    pub(crate) bytes: usize,
}

impl Look {
    /// Of `key`; `salt` is another one for each recording, so that hashes of known names tell nothing.
    pub(crate) fn of(key: &[u8], salt: u64) -> Self {
        let parent = key.iter().rposition(|byte| *byte == b'/').map_or(&key[..0], |at| &key[..at]);
        // FNV-1a with a salt.
        let hash = parent.iter().fold(0xcbf2_9ce4_8422_2325 ^ salt, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let depth = key.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).count();
        Self { hash, depth, bytes: key.len() }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Something to replay.
    pub(crate) fn sample() -> Pattern {
        let shape = |hash: &str, depth, bytes, share, write_share| Shape {
            hash: hash.to_owned(),
            depth,
            bytes,
            share,
            write_share,
            writes: Vec::new(),
        };
        Pattern {
            format: FORMAT,
            recorded_at: Timestamp::UNIX_EPOCH,
            seconds: 10.0,
            rates: Rates {
                range: 60.0,
                put: 30.0,
                delete: 2.0,
                txn: 6.0,
                lease_grant: 1.0,
                lease_keep_alive: 1.0,
            },
            keys: 300,
            shapes: vec![shape("a", 4, 48, 0.75, 0.2), shape("b", 2, 20, 0.25, 0.8)],
            value_bytes: vec![Bucket { up_to: 100, share: 0.5 }, Bucket { up_to: 400, share: 0.5 }],
            keys_per_read: 1.5,
            txn_write_ratio: 0.5,
            distinct_ratio: 0.4,
            watchers: None,
            remarks: Vec::new(),
        }
    }

    #[test]
    fn a_pattern_survives_being_written_and_nonsense_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pattern.json");
        std::fs::write(&path, serde_json::to_vec(&sample()).unwrap()).unwrap();
        assert_eq!(Pattern::read(&path).unwrap(), sample());
        let broken: [fn(&mut Pattern); 8] = [
            |pattern| pattern.shapes[0].writes = vec![Rank { keys: 0, share: 0.5 }],
            |pattern| {
                pattern.watchers = Some(Watchers { count: 1, events_per_change: f64::INFINITY });
            },
            |pattern| pattern.format = 9,
            |pattern| pattern.rates = Rates::default(),
            |pattern| pattern.rates.put = -1.0,
            |pattern| pattern.shapes.clear(),
            |pattern| pattern.value_bytes[0].share = 2.0,
            |pattern| pattern.txn_write_ratio = f64::NAN,
        ];
        for spoil in broken {
            let mut pattern = sample();
            spoil(&mut pattern);
            assert!(pattern.trouble().is_some(), "{pattern:?}");
        }
        // What was recorded before watchers were, and how often keys are written.
        let mut old = serde_json::to_value(sample()).unwrap();
        old.as_object_mut().unwrap().remove("watchers");
        std::fs::write(&path, old.to_string()).unwrap();
        let told = Pattern::read(&path).unwrap().unknown().join("\n");
        for part in ["which keys are read", "watchers were not recorded", "how often was not"] {
            assert!(told.contains(part), "{told}");
        }
        std::fs::write(&path, "{}").unwrap();
        assert!(matches!(Pattern::read(&path), Err(Error::NoPattern { .. })));
    }

    #[test]
    fn keys_are_known_by_how_they_look_and_not_by_what_they_say() {
        let (one, other) = (Look::of(b"/registry/pods/a", 1), Look::of(b"/registry/pods/b", 1));
        assert_eq!(one, other);
        assert_eq!((one.depth, one.bytes), (3, 16));
        assert_ne!(one.hash, Look::of(b"/registry/jobs/a", 1).hash);
        assert_ne!(one.hash, Look::of(b"/registry/pods/a", 2).hash);
        assert_eq!(Look::of(b"", 1).depth, 0);
    }

    #[test]
    fn sizes_come_back_as_they_were() {
        let sizes: Vec<usize> =
            (0..1_000).map(|n| if n < 900 { 100 + n % 20 } else { 5_000 }).collect();
        let mut pattern = sample();
        pattern.value_bytes = buckets(&sizes);
        assert_eq!(pattern.max_value_bytes(), 5_000);
        let mut random = fastrand::Rng::with_seed(1);
        let picked: Vec<_> = (0..10_000).map(|_| pattern.pick_value_bytes(&mut random)).collect();
        let large = picked.iter().filter(|size| **size > 128).count();
        assert!(large.abs_diff(1_000) < 150, "{large}");
        assert!(picked.iter().all(|size| *size <= 5_000));
    }
}
