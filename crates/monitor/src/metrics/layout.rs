//! Where the numbers of a page are kept: derived from the catalogue, once.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::RandomState;

use super::catalogue::CATALOGUE;
use super::source::{
    ACTIVE_PEERS, HANDLED, PROCESS_START_TIME, PeerCounter, ROUND_TRIP, STARTED, Source,
};

/// The layout of every page.
pub(super) static LAYOUT: LazyLock<Layout> = LazyLock::new(Layout::new);

/// What to do with a series of a given name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// Keep the value as this scalar.
    Scalar(usize),
    /// Add the value to the bucket of this histogram.
    Bucket(usize),
    /// Count a call that ended.
    Handled,
    /// Count a call that began.
    Started,
    /// Keep the value for the peer that the series names.
    Peer(PeerCounter),
    /// Whether the peer is connected.
    ActivePeer,
    /// Add the value to the bucket of the peer's round trip times.
    RoundTrip,
}

/// The names that the catalogue needs, and their places on a page.
#[derive(Debug)]
pub(super) struct Layout {
    targets: HashMap<String, Target, RandomState>,
    /// The place of the time at which the process started, which every rate asks for.
    pub(super) started_at: Option<usize>,
    /// How many scalars a page has.
    pub(super) scalars: usize,
    /// How many histograms a page has, apart from those of the peers.
    pub(super) histograms: usize,
}

impl Layout {
    fn new() -> Self {
        let mut layout =
            Self { targets: HashMap::default(), started_at: None, scalars: 0, histograms: 0 };
        for figure in CATALOGUE {
            layout.add(figure.source);
        }
        layout.started_at = layout.scalar(PROCESS_START_TIME);
        layout
    }

    fn add(&mut self, source: Source) {
        match source {
            Source::Gauge(metric)
            | Source::Age(metric)
            | Source::Rate(metric)
            | Source::IndexRate(metric)
            | Source::Slope(metric) => self.add_scalar(metric.to_owned()),
            Source::Difference { of, less: other } | Source::Quotient { of, by: other } => {
                self.add_scalar(of.to_owned());
                self.add_scalar(other.to_owned());
            }
            Source::Mean { histogram, .. } => {
                self.add_scalar(format!("{histogram}_sum"));
                self.add_scalar(format!("{histogram}_count"));
            }
            Source::Quantile { histogram, .. } => {
                let next = self.histograms;
                let bucket = format!("{histogram}_bucket");
                if *self.targets.entry(bucket).or_insert(Target::Bucket(next))
                    == Target::Bucket(next)
                {
                    self.histograms += 1;
                }
            }
            Source::ActivePeers => self.add_fixed(ACTIVE_PEERS, Target::ActivePeer),
            Source::PeerRate(counter) => self.add_fixed(counter.metric(), Target::Peer(counter)),
            Source::PeerQuantile(_) => {
                self.targets.insert(format!("{ROUND_TRIP}_bucket"), Target::RoundTrip);
            }
            Source::Requests(_) | Source::RequestErrorRatio | Source::OpenRequests(_) => {
                self.add_fixed(STARTED, Target::Started);
                self.add_fixed(HANDLED, Target::Handled);
            }
        }
    }

    fn add_scalar(&mut self, metric: String) {
        let next = Target::Scalar(self.scalars);
        if *self.targets.entry(metric).or_insert(next) == next {
            self.scalars += 1;
        }
    }

    fn add_fixed(&mut self, metric: &str, target: Target) {
        self.targets.insert(metric.to_owned(), target);
    }

    /// What to do with a series of this name; `None`: nothing.
    pub(super) fn target(&self, name: &str) -> Option<Target> {
        self.targets.get(name).copied()
    }

    /// The place of a scalar.
    pub(super) fn scalar(&self, metric: &str) -> Option<usize> {
        match self.target(metric) {
            Some(Target::Scalar(index)) => Some(index),
            _ => None,
        }
    }

    /// The place of a histogram, by its name without `_bucket`.
    pub(super) fn histogram(&self, histogram: &str) -> Option<usize> {
        match self.target(&format!("{histogram}_bucket")) {
            Some(Target::Bucket(index)) => Some(index),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_one_place() {
        let layout = Layout::new();
        let mut scalars: Vec<usize> =
            layout.targets.keys().filter_map(|name| layout.scalar(name)).collect();
        scalars.sort_unstable();
        assert_eq!(scalars, (0..layout.scalars).collect::<Vec<_>>());
        let histograms =
            layout.targets.values().filter(|target| matches!(target, Target::Bucket(_)));
        assert_eq!(histograms.count(), layout.histograms);
        assert_eq!(layout.target("etcd_server_id"), None);
    }
}
