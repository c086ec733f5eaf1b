//! What is stored, by prefix: counted page by page on one member, within a budget, and only when
//! somebody asks for it.
//!
//! Keys are read without values (before etcd 3.7 the member loads the values all the same); of a few
//! keys, spread over all, the value's size is looked at. Nothing that was read is kept but prefixes
//! and sizes.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use etcd::{Error, ErrorClass, GetRequest, Member};
use jiff::Timestamp;
use model::finding::FindingKind;
use model::severity::Severity;
use tokio::time::{Instant, sleep};

use crate::detect::Condition;

/// How much a scan may take of a member.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// Keys in one page.
    pub page_keys: i64,
    /// The time from the start of one page to that of the next, at least.
    pub between_pages: Duration,
    /// Keys after which the scan ends.
    pub max_keys: u64,
    /// Values whose size is looked at.
    pub sampled_values: usize,
    /// A page that takes longer means that the member is under pressure: the scan ends.
    pub slowest_page: Duration,
}

impl Default for Budget {
    /// At most 10,000 keys a second, and two million in all.
    fn default() -> Self {
        Self {
            page_keys: 1_000,
            between_pages: Duration::from_millis(100),
            max_keys: 2_000_000,
            sampled_values: 300,
            slowest_page: Duration::from_secs(1),
        }
    }
}

/// For one page, and for one value.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Between two values that are looked at.
const BETWEEN_VALUES: Duration = Duration::from_millis(10);

/// Parts of a prefix that are told apart, and how many prefixes are counted at most.
const DEPTH: usize = 4;
const MAX_PREFIXES: usize = 20_000;

/// A prefix with a smaller part of the keys is not worth telling.
const LEAST_SHARE: f64 = 0.05;

/// Sizes from which on a value is large: etcd's limit of a request is 1.5 MiB (`--max-request-bytes`).
const LARGE_BYTES: usize = 100 << 10;
const HUGE_BYTES: usize = 1 << 20;

/// Keys from which on their number is worth telling.
const MANY_KEYS: u64 = 1_000_000;

/// What is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct KeySpace {
    /// Who was asked.
    pub endpoint: String,
    /// When the scan ended.
    pub at: Timestamp,
    /// As of which revision.
    pub revision: i64,
    /// Keys that were counted.
    pub counted: u64,
    /// Keys that there are.
    pub total: u64,
    /// Why not all were counted.
    pub cut_short: Option<String>,
    /// Prefixes that hold many of the keys, the largest first; a prefix stands for those beneath it
    /// unless one of them holds nearly as many.
    pub prefixes: Vec<Prefix>,
    /// Sizes of values, of those that were looked at, smallest first, bytes.
    pub sizes: Vec<usize>,
    /// The prefix of the largest of them.
    pub largest: Option<(String, usize)>,
    /// The highest number of changes of a key that still exists, and its prefix.
    pub most_changed: Option<(String, i64)>,
}

/// The keys under a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    /// The prefix, with what is not printable escaped.
    pub name: String,
    /// How many keys.
    pub keys: u64,
}

/// Counts the keys of `member`.
///
/// # Errors
/// The first page can't be read: no answer, or no permission.
pub async fn scan(member: &Member, budget: &Budget, now: Timestamp) -> Result<KeySpace, Error> {
    let mut count = Counter::default();
    let mut request = GetRequest { serializable: true, keys_only: true, ..GetRequest::prefix("") };
    request.limit = budget.page_keys;
    let first = member.get(request.clone(), TIMEOUT).await?;
    let total = u64::try_from(first.count).unwrap_or_default();
    let revision = first.header.revision;
    request.revision = revision;
    let every = (total / budget.sampled_values.max(1) as u64).max(1);
    let mut page = first;
    let mut cut_short = None;
    loop {
        for kv in &page.kvs {
            count.add(&kv.key, kv.version, every);
        }
        let Some(last) = page.kvs.last().filter(|_| page.more) else { break };
        if count.keys >= budget.max_keys {
            cut_short = Some(format!("the budget of {} keys was used up", budget.max_keys));
            break;
        }
        request.key = after(&last.key);
        sleep(budget.between_pages).await;
        let start = Instant::now();
        page = match member.get(request.clone(), TIMEOUT).await {
            Ok(page) => page,
            Err(error) => {
                cut_short = Some(match error.class() {
                    ErrorClass::Compacted => "the revision was compacted meanwhile".to_owned(),
                    _ => error.to_string(),
                });
                break;
            }
        };
        if start.elapsed() > budget.slowest_page {
            let took = start.elapsed().as_secs_f64();
            cut_short = Some(format!("a page took {took:.1} s: the member is under pressure"));
            break;
        }
    }
    let mut sizes = Vec::new();
    let mut largest: Option<(String, usize)> = None;
    for key in std::mem::take(&mut count.sample) {
        sleep(BETWEEN_VALUES).await;
        let request = GetRequest { serializable: true, revision, ..GetRequest::key(key.clone()) };
        // A key that cannot be read any more tells nothing of sizes.
        let Ok(reply) = member.get(request, TIMEOUT).await else { continue };
        for kv in reply.kvs {
            let size = kv.value.len();
            if largest.as_ref().is_none_or(|(_, before)| size > *before) {
                largest = Some((prefix_of(&key), size));
            }
            sizes.push(size);
        }
    }
    sizes.sort_unstable();
    Ok(KeySpace {
        endpoint: member.endpoint().to_string(),
        at: now,
        revision,
        counted: count.keys,
        total,
        cut_short,
        prefixes: count.top(),
        sizes,
        largest,
        most_changed: count.most_changed,
    })
}

/// The first key after `key`.
fn after(key: &[u8]) -> Bytes {
    let mut next = key.to_vec();
    next.push(0);
    next.into()
}

#[derive(Default)]
struct Counter {
    keys: u64,
    prefixes: BTreeMap<Vec<u8>, u64>,
    sample: Vec<Bytes>,
    most_changed: Option<(String, i64)>,
}

impl Counter {
    fn add(&mut self, key: &Bytes, version: i64, every: u64) {
        if self.keys.is_multiple_of(every) {
            self.sample.push(key.clone());
        }
        self.keys += 1;
        for end in ends(key) {
            let prefix = &key[..end];
            if let Some(count) = self.prefixes.get_mut(prefix) {
                *count += 1;
            } else if self.prefixes.len() < MAX_PREFIXES {
                self.prefixes.insert(prefix.to_vec(), 1);
            }
        }
        if self.most_changed.as_ref().is_none_or(|(_, before)| version > *before) {
            self.most_changed = Some((prefix_of(key), version));
        }
    }

    fn top(&self) -> Vec<Prefix> {
        let least = (self.keys as f64 * LEAST_SHARE).max(1.0) as u64;
        let large = || self.prefixes.iter().filter(|(_, count)| **count >= least);
        let is_told_by_one_beneath = |prefix: &Vec<u8>, count: u64| {
            large().any(|(other, of_other)| {
                other.len() > prefix.len()
                    && other.starts_with(prefix)
                    && of_other * 10 >= count * 9
            })
        };
        let mut top: Vec<Prefix> = large()
            .filter(|(prefix, count)| !is_told_by_one_beneath(prefix, **count))
            .map(|(prefix, count)| Prefix { name: shown(prefix), keys: *count })
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
fn prefix_of(key: &[u8]) -> String {
    shown(&key[..ends(key).last().unwrap_or(0)])
}

fn shown(prefix: &[u8]) -> String {
    if prefix.is_empty() { "(no prefix)".to_owned() } else { prefix.escape_ascii().to_string() }
}

impl KeySpace {
    /// What is wrong with it.
    pub fn conditions(&self) -> Vec<Condition> {
        self.conditions_of(MANY_KEYS)
    }

    /// What is wrong with it, when `many_keys` are worth telling.
    pub fn conditions_of(&self, many_keys: u64) -> Vec<Condition> {
        self.big_value().into_iter().chain(self.hot_prefix(many_keys)).collect()
    }

    fn big_value(&self) -> Option<Condition> {
        let (prefix, size) = self.largest.as_ref().filter(|(_, size)| *size >= LARGE_BYTES)?;
        let large = self.sizes.iter().filter(|size| **size >= LARGE_BYTES).count();
        let severity = if *size >= HUGE_BYTES { Severity::Warning } else { Severity::Info };
        let summary = format!("a value under {prefix} has {} KiB", size >> 10);
        let condition = Condition::new(FindingKind::BigValue, severity, summary)
            .about(prefix.as_str())
            .explained(
                "Each write of a large value goes through the log, the database and every watcher \
                 of it as a whole. etcd is made for values of some kilobytes.",
            )
            .seen(
                self.at,
                format!("{} Range", self.endpoint),
                format!(
                    "{large} of {} values that were looked at have 100 KiB or more; the largest \
                     {size} bytes",
                    self.sizes.len()
                ),
            )
            .caused_by([
                "a client stores files or whole lists in one key",
                "in Kubernetes: ConfigMaps, Secrets (Helm releases) or custom resources of that size",
            ])
            .next([
                format!("etcdctl get --prefix --keys-only --limit=20 '{prefix}'"),
                "keep large data elsewhere, and its address in etcd".to_owned(),
            ]);
        Some(condition)
    }

    fn hot_prefix(&self, many_keys: u64) -> Option<Condition> {
        if self.total < many_keys {
            return None;
        }
        let largest = self.prefixes.first()?;
        let share = largest.keys as f64 / self.counted.max(1) as f64;
        let summary =
            format!("{} keys, {:.0} % of them under {}", self.total, share * 100.0, largest.name);
        let condition = Condition::new(FindingKind::HotPrefix, Severity::Info, summary)
            .about(largest.name.as_str())
            .explained(
                "Every key takes memory in each member's index, and a read of a whole prefix takes \
                 time with their number.",
            )
            .seen(
                self.at,
                format!("{} Range", self.endpoint),
                format!(
                    "{} of {} keys counted at revision {}",
                    self.counted, self.total, self.revision
                ),
            )
            .caused_by(["keys that nobody deletes", "in Kubernetes: events, leases, finished jobs"])
            .next([
                format!("etcdctl get --prefix --keys-only --limit=20 '{}'", largest.name),
                "give such keys a lease, or delete them when they are done".to_owned(),
            ]);
        Some(condition)
    }
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
    fn large_values_are_told_by_their_prefix_and_not_by_their_key() {
        let space = KeySpace {
            endpoint: "m1:2379".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            revision: 7,
            counted: 3,
            total: 3,
            cut_short: None,
            prefixes: Vec::new(),
            sizes: vec![10, 200 << 10, 2 << 20],
            largest: Some((prefix_of(b"/registry/secrets/ns/helm.v1"), 2 << 20)),
            most_changed: None,
        };
        let found = &space.conditions()[0];
        assert_eq!(found.summary, "a value under /registry/secrets/ns/ has 2048 KiB");
        assert_eq!(found.severity, Severity::Warning);
        let small = KeySpace { largest: Some((String::new(), 10)), ..space };
        assert_eq!(small.conditions(), []);
    }
}
