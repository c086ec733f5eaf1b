//! What stays as it is for too long: watchers that lag, a compact revision that does not move.

use jiff::Timestamp;

/// Something that should be none, and was not on any page since.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backlog {
    /// When the first page was read that had some.
    pub since: Timestamp,
    /// How many that one had.
    pub first: f64,
    /// How many the last one had.
    pub last: f64,
}

impl Backlog {
    /// Takes what a page says; one that does not tell ends it.
    pub fn follow(backlog: &mut Option<Self>, count: Option<f64>, read_at: Timestamp) {
        let Some(last) = count.filter(|count| count.is_finite() && *count > 0.0) else {
            *backlog = None;
            return;
        };
        match backlog {
            Some(backlog) => backlog.last = last,
            None => *backlog = Some(Self { since: read_at, first: last, last }),
        }
    }
}

/// Since when the compact revision has not moved, and how far the member was then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standstill {
    /// When the first page was read that had it.
    pub since: Timestamp,
    /// The compact revision.
    pub compact_revision: f64,
    /// The revision of the member at that time.
    pub revision: i64,
}

impl Standstill {
    /// Takes what a page and a Status say.
    pub fn follow(still: &mut Option<Self>, compacted: f64, revision: i64, read_at: Timestamp) {
        // A revision that is lower than before is that of another history.
        let stays = still
            .is_some_and(|still| still.compact_revision == compacted && revision >= still.revision);
        if !stays && compacted.is_finite() {
            *still = Some(Self { since: read_at, compact_revision: compacted, revision });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_backlog_begins_and_ends_with_its_count() {
        let mut backlog = None;
        for (second, count) in [(0, Some(0.0)), (1, Some(3.0)), (2, Some(9.0))] {
            Backlog::follow(&mut backlog, count, at(second));
        }
        assert_eq!(backlog, Some(Backlog { since: at(1), first: 3.0, last: 9.0 }));
        Backlog::follow(&mut backlog, Some(f64::NAN), at(3));
        assert_eq!(backlog, None);
    }

    #[test]
    fn a_standstill_ends_when_the_compact_revision_moves() {
        let mut still = None;
        for (second, compacted, revision) in [(0, -1.0, 5), (9, -1.0, 50), (10, 40.0, 60)] {
            Standstill::follow(&mut still, compacted, revision, at(second));
            let since = if second == 10 { 10 } else { 0 };
            assert_eq!(still.unwrap().since, at(since));
        }
        Standstill::follow(&mut still, 40.0, 7, at(20));
        assert_eq!(still.unwrap().since, at(20), "another history");
    }
}
