//! The figures of one member at one moment, with the breakdowns that have no fixed names.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use model::id::MemberId;

use super::catalogue::{BACKEND_COMMIT, FigureId, FigureSpec, WAL_FSYNC};
use super::engine::Span;
use super::histogram::Histogram;
use super::source::PeerCounter;

/// The figures of one member at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// When the latest page was fetched.
    pub at: Timestamp,
    /// What rates, means and quantiles cover; zero on the first page, which has none.
    pub window: Duration,
    /// Methods that were called in the window, by service and method.
    pub requests: Vec<RequestFigures>,
    /// The ways other than `OK` in which calls ended in the window, streams included.
    pub errors_by_code: Vec<CodeFigures>,
    /// The other members as this one sees them, by ID.
    pub peers: Vec<PeerFigures>,
    /// By the order of the catalogue.
    values: Box<[Option<f64>]>,
    observations: Box<[u32]>,
    /// What the disk took in the last half of the window.
    pub(crate) disk: DiskTimes,
}

/// What the disk took in the last half minute or so: of a minute, a disk that became slow is seen
/// late, since the many fast writes before outnumber the few slow ones.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct DiskTimes {
    /// To make the write-ahead log durable.
    pub(crate) fsync: Option<Histogram>,
    /// To commit the database.
    pub(crate) commit: Option<Histogram>,
}

/// With a scrape every 15 s this is two steps; the time between two is never quite the interval.
const DISK_SECONDS: f64 = 25.0;

/// Calls of one method.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestFigures {
    /// The gRPC service, such as `etcdserverpb.KV`.
    pub service: String,
    /// The method, such as `Range`.
    pub method: String,
    /// Calls that ended, per second.
    pub per_second: f64,
    /// Those of them for which the server is to blame
    /// ([`ERROR_CODES`](super::source::ERROR_CODES)), per second.
    pub errors_per_second: f64,
}

/// Calls that ended in one way.
#[derive(Debug, Clone, PartialEq)]
pub struct CodeFigures {
    /// The gRPC code, such as `DeadlineExceeded`.
    pub code: &'static str,
    /// Calls per second.
    pub per_second: f64,
}

/// Another member, as this one sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerFigures {
    /// The other member.
    pub remote: MemberId,
    /// Whether this member is connected to it.
    pub is_active: Option<bool>,
    /// Half of the round trips took at most this, seconds.
    pub round_trip_p50_seconds: Option<f64>,
    /// 95 % of the round trips took at most this, seconds.
    pub round_trip_p95_seconds: Option<f64>,
    /// 99 % of the round trips took at most this, seconds.
    pub round_trip_p99_seconds: Option<f64>,
    /// Bytes sent to it per second.
    pub sent_bytes_per_second: Option<f64>,
    /// Bytes received from it per second.
    pub received_bytes_per_second: Option<f64>,
    /// Messages per second that could not be sent to it.
    pub send_failures_per_second: Option<f64>,
    /// How many round trips the quantiles rest on.
    pub round_trips: u32,
}

impl Figures {
    pub(super) fn over(span: &Span<'_>) -> Self {
        let recent = span.last(DISK_SECONDS);
        Self {
            disk: DiskTimes {
                fsync: recent.observed_by(WAL_FSYNC).cloned(),
                commit: recent.observed_by(BACKEND_COMMIT).cloned(),
            },
            at: span.latest().at(),
            window: Duration::try_from_secs_f64(span.seconds()).unwrap_or_default(),
            requests: requests(span),
            errors_by_code: errors_by_code(span),
            peers: peers(span),
            values: FigureId::all().map(|id| span.evaluate(id.spec().source)).collect(),
            observations: FigureId::all()
                .map(|id| span.observations(id.spec().source).unwrap_or(0.0) as u32)
                .collect(),
        }
    }

    /// The figure of this name; `None` if it is absent or there is none of this name.
    pub fn get(&self, name: &str) -> Option<f64> {
        FigureId::named(name).and_then(|id| self.value(id))
    }

    /// The figure with this ID; `None` if it is absent.
    pub fn value(&self, id: FigureId) -> Option<f64> {
        self.values[id.index()]
    }

    /// How many observations in the window a quantile rests on; 0 for what is no quantile.
    pub fn observations(&self, id: FigureId) -> u32 {
        self.observations[id.index()]
    }

    /// Every figure of the catalogue, also the absent ones.
    pub fn iter(&self) -> impl Iterator<Item = (&'static FigureSpec, Option<f64>)> {
        FigureId::all().map(|id| (id.spec(), self.value(id)))
    }
}

fn requests(span: &Span<'_>) -> Vec<RequestFigures> {
    let mut methods: BTreeMap<(&str, &str), (f64, f64)> = BTreeMap::new();
    for (call, rate) in span.call_rates() {
        let (all, errors) = methods.entry((call.service, call.method)).or_default();
        *all += rate;
        *errors += if call.code.is_error() { *rate } else { 0.0 };
    }
    let figures = methods.into_iter().map(|((service, method), (all, errors))| RequestFigures {
        service: service.to_owned(),
        method: method.to_owned(),
        per_second: all,
        errors_per_second: errors,
    });
    figures.collect()
}

fn errors_by_code(span: &Span<'_>) -> Vec<CodeFigures> {
    let mut codes: BTreeMap<&'static str, f64> = BTreeMap::new();
    for (call, rate) in span.call_rates().iter().filter(|(call, _)| !call.code.is_ok()) {
        *codes.entry(call.code.as_str()).or_default() += rate;
    }
    codes.into_iter().map(|(code, per_second)| CodeFigures { code, per_second }).collect()
}

fn peers(span: &Span<'_>) -> Vec<PeerFigures> {
    // ID 0 stands for what the member could not attribute: no peer to show.
    let named = span.latest().peers().iter().filter(|peer| peer.remote != MemberId(0));
    let mut figures: Vec<PeerFigures> = named
        .map(|peer| {
            let round_trips = span.round_trips(peer.remote);
            let quantile = |q| round_trips.as_ref().and_then(|times: &Histogram| times.quantile(q));
            let rate = |counter| span.rate_of_peer(peer.remote, counter);
            PeerFigures {
                remote: peer.remote,
                is_active: peer.is_active,
                round_trip_p50_seconds: quantile(0.5),
                round_trip_p95_seconds: quantile(0.95),
                round_trip_p99_seconds: quantile(0.99),
                sent_bytes_per_second: rate(PeerCounter::SentBytes),
                received_bytes_per_second: rate(PeerCounter::ReceivedBytes),
                send_failures_per_second: rate(PeerCounter::SendFailures),
                round_trips: round_trips.as_ref().map_or(0.0, Histogram::total) as u32,
            }
        })
        .collect();
    figures.sort_by_key(|peer| peer.remote);
    figures
}
