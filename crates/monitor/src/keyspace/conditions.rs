//! What is wrong with the keys of a cluster: too many, or too large.

use model::finding::FindingKind;
use model::severity::Severity;

use super::KeySpace;
use crate::detect::Condition;

/// Sizes from which on a value is large: etcd's limit of a request is 1.5 MiB (`--max-request-bytes`).
const LARGE_BYTES: usize = 100 << 10;
const HUGE_BYTES: usize = 1 << 20;

/// Keys from which on their number is worth telling.
const MANY_KEYS: u64 = 1_000_000;

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
    use jiff::Timestamp;

    use super::*;
    use crate::keyspace::Prefix;
    use crate::keyspace::count::prefix_of;

    #[test]
    fn large_values_are_told_by_their_prefix_and_not_by_their_key() {
        let space = KeySpace {
            endpoint: "m1:2379".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            revision: 7,
            counted: 3,
            total: 3,
            cut_short: None,
            all: Prefix { name: String::new(), keys: 3, bytes: None },
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
