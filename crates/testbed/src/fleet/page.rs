//! A simulated member's `/metrics`: text made once for all, with places for the values that move.
//!
//! Family by family it is the page of an etcd 3.6.16 member in use: 1,470 series, 172 kB. Only some
//! 400 values are written anew for each page, the text between them is copied.

mod families;
mod tables;

use std::fmt::Write as _;
use std::time::Duration;

use super::state::View;

/// What a page is drawn from.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) id: u64,
    /// The other members.
    pub(super) peers: Vec<u64>,
    pub(super) view: View,
    pub(super) uptime: Duration,
    pub(super) start_unix_seconds: f64,
    pub(super) db_bytes: i64,
    pub(super) db_in_use_bytes: i64,
}

/// The text of a page, with places in it.
#[derive(Debug)]
pub(super) struct Template {
    text: String,
    /// By offset in the text.
    slots: Vec<(usize, Slot)>,
}

/// Something that is not the same on every page.
#[derive(Debug, Clone, Copy)]
enum Slot {
    /// The member's own ID, inside a label.
    OwnId,
    /// The ID of the other member at this position, inside a label.
    PeerId(usize),
    HasLeader,
    IsLeader,
    Elections,
    RaftIndex,
    Revision,
    DbBytes,
    DbInUseBytes,
    StartTime,
    /// A counter.
    Count {
        per_second: f64,
    },
    /// A counter that is not whole.
    Sum {
        per_second: f64,
    },
    /// A gauge that swings around a middle.
    Level {
        middle: f64,
        swing: f64,
    },
    /// Observations up to a bound, of a latency with this median.
    Bucket {
        per_second: f64,
        median: f64,
        bound: f64,
    },
}

impl Template {
    /// The page of a member of a cluster of this size.
    pub(super) fn new(members: usize) -> Self {
        let mut families = families::all(members.saturating_sub(1));
        // As the Go library writes them.
        families.sort_by_key(|family| family.name);
        let mut template = Self { text: String::new(), slots: Vec::new() };
        for family in families {
            let start = template.text.len();
            template.text.push_str(&family.text);
            template.slots.extend(family.slots.iter().map(|&(at, slot)| (start + at, slot)));
        }
        template
    }

    /// Draws a page.
    pub(super) fn render(&self, reading: &Reading) -> String {
        // A place takes some twenty bytes at most, but a bucket that fills up takes few.
        let mut page = String::with_capacity(self.text.len() + self.slots.len() * 14);
        let mut copied = 0;
        for &(at, slot) in &self.slots {
            page.push_str(&self.text[copied..at]);
            copied = at;
            slot.write(&mut page, reading);
        }
        page.push_str(&self.text[copied..]);
        page
    }
}

impl Slot {
    fn write(self, page: &mut String, reading: &Reading) {
        let uptime = reading.uptime.as_secs_f64() * reading.pace();
        let value = match self {
            Self::OwnId => return write_id(page, reading.id),
            Self::PeerId(position) => {
                return write_id(page, reading.peers.get(position).copied().unwrap_or_default());
            }
            Self::HasLeader => f64::from(reading.view.leader_id != 0),
            Self::IsLeader => f64::from(reading.view.is_leader),
            Self::Elections => reading.view.elections as f64,
            Self::RaftIndex => reading.view.index as f64,
            Self::Revision => reading.view.revision as f64,
            Self::DbBytes => reading.db_bytes as f64,
            Self::DbInUseBytes => reading.db_in_use_bytes as f64,
            Self::StartTime => reading.start_unix_seconds,
            Self::Count { per_second } => (per_second * uptime).floor(),
            Self::Sum { per_second } => per_second * uptime,
            Self::Level { middle, swing } => (middle + swing * (uptime / 97.0).sin()).floor(),
            Self::Bucket { per_second, median, bound } => {
                // Log-logistic: half of all below the median, a tail as latencies have it.
                let ratio = median / bound;
                let below = 1.0 / (1.0 + ratio * ratio * ratio);
                ((per_second * uptime).floor() * below).floor()
            }
        };
        write_value(page, value);
    }
}

impl Reading {
    /// How busy this member is, 0.8 to 1.2, so that no two pages are equal.
    fn pace(&self) -> f64 {
        0.8 + (self.id % 401) as f64 / 1000.0
    }
}

fn write_id(page: &mut String, id: u64) {
    write!(page, "{id:x}").expect("invariant: a string takes all text");
}

/// Writes a value as Go's exporter does: `409600`, but `1.048576e+06`.
fn write_value(page: &mut String, value: f64) {
    let magnitude = value.abs();
    let is_plain = magnitude == 0.0 || (1e-4..1e6).contains(&magnitude);
    if is_plain {
        write!(page, "{value}").expect("invariant: a string takes all text");
        return;
    }
    let start = page.len();
    write!(page, "{value:e}").expect("invariant: a string takes all text");
    let Some(exponent) = page[start..].find('e').map(|at| start + at + 1) else { return };
    let digits = page.split_off(exponent);
    let (sign, digits) = digits.strip_prefix('-').map_or(('+', &*digits), |rest| ('-', rest));
    write!(page, "{sign}{digits:0>2}").expect("invariant: a string takes all text");
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use expfmt::{Format, Limits, Line, parse};

    use super::*;

    fn reading(uptime: u64) -> Reading {
        let view = View {
            leader_id: 7,
            is_leader: true,
            term: 3,
            elections: 2,
            revision: 1_048_576,
            index: 1_100_000,
        };
        Reading {
            id: 0xa276_b26b_93dd_e400,
            peers: vec![0x3016, 0x3017],
            view,
            uptime: Duration::from_secs(uptime),
            start_unix_seconds: 1_795_000_000.25,
            db_bytes: 32 << 20,
            db_in_use_bytes: 24 << 20,
        }
    }

    fn samples(page: &str) -> HashMap<&str, f64> {
        let mut samples = HashMap::new();
        for line in parse(page.as_bytes(), Format::Text, Limits::default()) {
            if let Line::Sample(sample) = line.unwrap() {
                let earlier = samples.insert(sample.series, sample.value);
                assert_eq!(earlier, None, "{} stands there twice", sample.series);
            }
        }
        samples
    }

    #[test]
    fn a_page_has_the_size_and_the_series_of_a_real_one() {
        let page = Template::new(3).render(&reading(3600));
        let samples = samples(&page);
        assert!((1400..1500).contains(&samples.len()), "{} series", samples.len());
        assert!((160_000..180_000).contains(&page.len()), "{} bytes", page.len());
        assert_eq!(samples["etcd_server_has_leader"], 1.0);
        assert_eq!(samples["etcd_debugging_mvcc_current_revision"], 1_048_576.0);
        assert_eq!(samples["etcd_server_id{server_id=\"a276b26b93dde400\"}"], 1.0);
        assert!(samples.contains_key("etcd_network_peer_sent_bytes_total{To=\"3017\"}"));
    }

    #[test]
    fn counters_only_grow_and_buckets_never_shrink_with_their_bound() {
        let template = Template::new(3);
        let (before, after) = (template.render(&reading(3600)), template.render(&reading(3615)));
        let (before, after) = (samples(&before), samples(&after));
        assert!(before.keys().all(|series| after.contains_key(series)));
        let mut moved = 0;
        for (series, value) in &before {
            if series.contains("_total") || series.contains("_bucket") || series.contains("_count")
            {
                assert!(after[series] >= *value, "{series}");
                moved += usize::from(after[series] > *value);
            }
        }
        assert!(moved > 100, "only {moved} counters moved");
        let buckets: Vec<f64> = (0..14)
            .map(|power| 0.001 * f64::from(1 << power))
            .map(|bound| format!("etcd_disk_wal_fsync_duration_seconds_bucket{{le=\"{bound}\"}}"))
            .map(|series| after[series.as_str()])
            .collect();
        assert!(buckets.is_sorted() && buckets[0] > 0.0, "{buckets:?}");
    }

    #[test]
    fn values_are_spelled_as_go_spells_them() {
        for (value, text) in [
            (0.0, "0"),
            (819_200.0, "819200"),
            (1_048_576.0, "1.048576e+06"),
            (1e21, "1e+21"),
            (0.25, "0.25"),
            (0.000_012, "1.2e-05"),
            (-3.0, "-3"),
        ] {
            let mut page = String::new();
            write_value(&mut page, value);
            assert_eq!(page, text);
        }
    }
}
