//! The numbers of one scrape of a member that the catalogue needs: about 3 kB of a 150 kB page.

use std::collections::HashSet;

use expfmt::{Format, Limits, Line, Sample};
use foldhash::fast::RandomState;
use jiff::Timestamp;
use model::id::MemberId;

use super::histogram::{Histogram, MAX_BUCKETS};
use super::layout::{LAYOUT, Target};
use super::requests::Requests;
use super::source::{CallType, PeerCounter, QUOTA};

/// More than a cluster has members, by far; what is above is no page of etcd.
const MAX_PEERS: usize = 64;

/// How much of a page is taken: more than ten times what a busy member of nine shows (300 kB, 3,000
/// series, lines of at most 300 bytes). A page that has more is refused as a whole.
pub const LIMITS: Limits =
    Limits { body_bytes: 4 << 20, line_bytes: 8 << 10, samples: 30_000, labels: 64 };

/// Series that the catalogue needs of a page, about.
const SERIES: usize = 1_000;

/// Why a page can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// It does not follow the format, or is larger than [`LIMITS`].
    #[error("{0}; check that the metrics URL is that of an etcd member")]
    Format(#[from] expfmt::ParseError),
    /// It follows the format, but etcd did not write it.
    #[error("no series of etcd on the page; check that the metrics URL is that of an etcd member")]
    NotEtcd,
    /// More of something than any etcd shows.
    #[error("more than {limit} {what} on the page; an etcd member shows fewer")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are taken.
        limit: usize,
    },
}

/// One scrape of a member.
#[derive(Debug, Clone)]
pub struct Page {
    at: Timestamp,
    /// By [`LAYOUT`]; NaN where the page has none.
    scalars: Box<[f64]>,
    /// By [`LAYOUT`]; empty where the page has none.
    histograms: Box<[Histogram]>,
    peers: Vec<Peer>,
    requests: Option<Requests>,
}

/// What a page says of one peer.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// The peer; 0 stands for those that the member could not name.
    pub(super) remote: MemberId,
    /// Whether the member is connected to it.
    pub(super) is_active: Option<bool>,
    /// By [`PeerCounter`]. What the page lacks is 0: these series begin with their first event.
    counters: [f64; PeerCounter::ALL.len()],
    round_trip: Histogram,
}

impl Peer {
    fn new(remote: MemberId) -> Self {
        Self {
            remote,
            is_active: None,
            counters: [0.0; PeerCounter::ALL.len()],
            round_trip: Histogram::default(),
        }
    }
}

impl Page {
    /// Reads the body of a member's `/metrics` that was fetched at `at`. Of a series that is there
    /// more than once the first counts, as in Prometheus.
    pub fn parse(body: &[u8], at: Timestamp) -> Result<Self, PageError> {
        Self::parse_with(body, at, &mut |_| {})
    }

    /// The same, and hands each line to `also`: reading a page is the dearest part of a scrape, and
    /// so is done once. What `also` saw is worth nothing when there is an error.
    pub fn parse_with<'b>(
        body: &'b [u8],
        at: Timestamp,
        also: &mut dyn FnMut(&Line<'b>),
    ) -> Result<Self, PageError> {
        let layout = &*LAYOUT;
        let mut page = Self {
            at,
            scalars: vec![f64::NAN; layout.scalars].into(),
            histograms: vec![Histogram::default(); layout.histograms].into(),
            peers: Vec::new(),
            requests: None,
        };
        // The series of a name follow one another, so most are not looked up.
        let mut name = "";
        let mut target = None;
        let mut is_etcd = false;
        let mut seen = HashSet::with_capacity_and_hasher(SERIES, RandomState::default());
        for line in expfmt::parse(body, Format::Text, LIMITS) {
            let line = line?;
            also(&line);
            let Line::Sample(sample) = line else { continue };
            if sample.name != name {
                name = sample.name;
                target = layout.target(name);
                is_etcd |= name.starts_with("etcd_");
            }
            if let Some(target) = target
                && seen.insert(sample.series)
            {
                page.take(target, &sample)?;
            }
        }
        if !is_etcd {
            return Err(PageError::NotEtcd);
        }
        page.shrink();
        Ok(page)
    }

    fn take(&mut self, target: Target, sample: &Sample<'_>) -> Result<(), PageError> {
        match target {
            Target::Scalar(index) => self.scalars[index] = sample.value,
            Target::Bucket(index) => {
                if let (Some(le), Some(count)) = (label_number(sample, "le"), present(sample.value))
                {
                    add(&mut self.histograms[index], le, count)?;
                }
            }
            Target::Started => self.requests.get_or_insert_default().add_started(sample),
            Target::Handled => self.requests.get_or_insert_default().add_handled(sample)?,
            Target::Peer(counter) => {
                if let Some(peer) = self.peer(sample, counter.peer_label())? {
                    peer.counters[counter as usize] = present(sample.value).unwrap_or(0.0);
                }
            }
            Target::ActivePeer => {
                if let Some(peer) = self.peer(sample, "Remote")? {
                    peer.is_active = Some(sample.value > 0.0);
                }
            }
            Target::RoundTrip => {
                if let (Some(le), Some(count), Some(peer)) =
                    (label_number(sample, "le"), present(sample.value), self.peer(sample, "To")?)
                {
                    add(&mut peer.round_trip, le, count)?;
                }
            }
        }
        Ok(())
    }

    /// The peer that a label of the series names; `None` if it names none.
    fn peer(&mut self, sample: &Sample<'_>, label: &str) -> Result<Option<&mut Peer>, PageError> {
        let Some(remote) = sample.labels.get(label).and_then(|id| id.parse().ok()) else {
            return Ok(None);
        };
        let index = match self.peers.iter().position(|peer| peer.remote == remote) {
            Some(index) => index,
            None if self.peers.len() == MAX_PEERS => {
                return Err(PageError::TooMany { what: "peers", limit: MAX_PEERS });
            }
            None => {
                self.peers.push(Peer::new(remote));
                self.peers.len() - 1
            }
        };
        Ok(Some(&mut self.peers[index]))
    }

    fn shrink(&mut self) {
        self.peers.shrink_to_fit();
        let round_trips = self.peers.iter_mut().map(|peer| &mut peer.round_trip);
        self.histograms.iter_mut().chain(round_trips).for_each(Histogram::shrink);
        if let Some(requests) = &mut self.requests {
            requests.shrink();
        }
    }

    /// When it was fetched.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The value of a series without labels; `None` if the page has none or the catalogue needs
    /// none of this name.
    pub fn gauge(&self, metric: &str) -> Option<f64> {
        LAYOUT.scalar(metric).and_then(|index| self.scalar(index))
    }

    /// When the process started, by its own clock, seconds of Unix time.
    pub fn process_start_time(&self) -> Option<f64> {
        LAYOUT.started_at.and_then(|index| self.scalar(index))
    }

    /// The size of the database at which the member refuses writes, bytes.
    pub fn quota_bytes(&self) -> Option<f64> {
        self.gauge(QUOTA)
    }

    /// The peers and whether the member is connected to them (`etcd_network_active_peers`).
    pub fn active_peers(&self) -> impl Iterator<Item = (MemberId, bool)> {
        self.peers.iter().filter_map(|peer| Some((peer.remote, peer.is_active?)))
    }

    /// How many bytes came from each peer since the process started. What belongs to no peer, such as
    /// the signs of life of a connection, is under ID 0.
    pub fn received_bytes(&self) -> impl Iterator<Item = (MemberId, f64)> {
        let received = |peer: &Peer| peer.counters[PeerCounter::ReceivedBytes as usize];
        let peers = self.peers.iter().map(move |peer| (peer.remote, received(peer)));
        peers.filter(|(_, bytes)| bytes.is_finite() && *bytes > 0.0)
    }

    /// The peers of which the page says anything, in no particular order.
    pub(super) fn peers(&self) -> &[Peer] {
        &self.peers
    }

    fn peer_by_id(&self, remote: MemberId) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.remote == remote)
    }

    /// A counter of one peer; 0 if the page does not speak of it (yet).
    pub(super) fn peer_counter(&self, remote: MemberId, counter: PeerCounter) -> f64 {
        self.peer_by_id(remote).map_or(0.0, |peer| peer.counters[counter as usize])
    }

    /// The round trip times of one peer; without buckets if the page does not speak of it (yet).
    pub(super) fn round_trips(&self, remote: MemberId) -> &Histogram {
        static NONE: Histogram = Histogram::new();
        self.peer_by_id(remote).map_or(&NONE, |peer| &peer.round_trip)
    }

    pub(super) fn requests(&self) -> Option<&Requests> {
        self.requests.as_ref()
    }

    /// Calls that began and have not ended.
    pub(super) fn open_requests(&self, call_type: CallType) -> Option<f64> {
        self.requests.as_ref().map(|requests| requests.open(call_type))
    }

    /// The value at a place of the layout; absent if it is not on the page or not a number.
    pub(super) fn scalar(&self, index: usize) -> Option<f64> {
        present(self.scalars[index])
    }

    /// The histogram at a place of the layout.
    pub(super) fn histogram(&self, index: usize) -> Option<&Histogram> {
        Some(&self.histograms[index]).filter(|histogram| !histogram.is_empty())
    }

    /// Bytes that the page takes, without those of the allocator.
    #[cfg(test)]
    pub(super) fn size_in_memory(&self) -> usize {
        let round_trips = self.peers.iter().map(|peer| &peer.round_trip);
        let histograms = self.histograms.iter().chain(round_trips);
        size_of::<Self>()
            + size_of_val(&*self.scalars)
            + size_of_val(&*self.histograms)
            + self.peers.capacity() * size_of::<Peer>()
            + histograms.map(Histogram::heap_bytes).sum::<usize>()
            + self.requests.as_ref().map_or(0, Requests::heap_bytes)
    }

    /// Whether the process of this page began after `earlier` was fetched.
    ///
    /// A later start time is not enough: it is worked out from the clock of the member's machine,
    /// so that it moves when that clock is set. It must also lie after the earlier page, give or
    /// take the skew of two clocks. Where that fails to tell, counters that fall still do.
    pub(super) fn is_restarted_since(&self, earlier: &Self) -> bool {
        const JITTER_SECONDS: f64 = 1.0;
        const SKEW_SECONDS: f64 = 30.0;
        match (earlier.process_start_time(), self.process_start_time()) {
            (Some(old), Some(new)) => {
                let fetched = earlier.at.as_duration().as_secs_f64();
                new > old + JITTER_SECONDS && new > fetched - SKEW_SECONDS
            }
            _ => false,
        }
    }
}

fn add(histogram: &mut Histogram, le: f64, count: f64) -> Result<(), PageError> {
    if !histogram.add(le, count) {
        return Err(PageError::TooMany { what: "buckets in a histogram", limit: MAX_BUCKETS });
    }
    Ok(())
}

fn label_number(sample: &Sample<'_>, label: &str) -> Option<f64> {
    present(sample.labels.get(label)?.parse().ok()?)
}

fn present(value: f64) -> Option<f64> {
    (!value.is_nan()).then_some(value)
}
