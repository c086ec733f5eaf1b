//! The figures of members in answers.

use std::collections::BTreeMap;

use monitor::metrics::figures::{Figures, PeerFigures, RequestFigures};
use monitor::record::MemberMetrics;
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::names::MemberName;
use crate::wire::time::Time;

/// The current figures of a cluster's members.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Metrics {
    /// The cluster's name in the configuration.
    pub(crate) cluster: String,
    /// What each figure is; the same for all members.
    pub(crate) catalogue: Vec<FigureInfo>,
    /// By member.
    pub(crate) members: Vec<MemberFigures>,
}

/// What a figure is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FigureInfo {
    /// Its name; also that of its history.
    pub(crate) name: &'static str,
    /// What one of it is.
    pub(crate) unit: &'static str,
    /// What it means.
    pub(crate) help: &'static str,
}

/// The figures of a member.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MemberFigures {
    /// Whose.
    pub(crate) member: MemberName,
    /// When its metrics were last asked for.
    pub(crate) last_scrape_at: Option<Time>,
    /// Why the last scrape brought none; null when it did.
    pub(crate) error: Option<String>,
    /// When the figures were read; null before the first scrape.
    pub(crate) as_of: Option<Time>,
    /// The time that rates and quantiles cover; 0 after the first scrape, which has none.
    pub(crate) window_seconds: Option<f64>,
    /// Every figure by name; null where the member does not show it or there is nothing to rate.
    pub(crate) figures: BTreeMap<&'static str, Option<f64>>,
    /// Calls by method, of those that were called in the window.
    pub(crate) requests: Vec<Requests>,
    /// Calls per second that did not end with OK, by gRPC code.
    pub(crate) errors_by_code: BTreeMap<&'static str, f64>,
    /// The other members as this one sees them.
    pub(crate) peers: Vec<Peer>,
}

/// Calls of one method.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Requests {
    /// The gRPC service.
    pub(crate) service: String,
    /// The method.
    pub(crate) method: String,
    /// Calls that ended, per second.
    pub(crate) per_second: f64,
    /// Those of them for which the server is to blame.
    pub(crate) errors_per_second: f64,
}

/// Another member, as this one sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Peer {
    /// Its ID.
    pub(crate) remote: String,
    /// Whether they are connected.
    pub(crate) is_active: Option<bool>,
    /// Half of the round trips took at most this.
    pub(crate) round_trip_p50_seconds: Option<f64>,
    /// 95 % of the round trips took at most this.
    pub(crate) round_trip_p95_seconds: Option<f64>,
    /// 99 % of the round trips took at most this.
    pub(crate) round_trip_p99_seconds: Option<f64>,
    /// Sent to it.
    pub(crate) sent_bytes_per_second: Option<f64>,
    /// Received from it.
    pub(crate) received_bytes_per_second: Option<f64>,
    /// Messages that could not be sent to it.
    pub(crate) send_failures_per_second: Option<f64>,
}

impl Metrics {
    /// The figures of the members of `cluster`.
    pub(crate) fn new(cluster: String, members: &[MemberMetrics]) -> Self {
        let catalogue = monitor::metrics::catalogue::CATALOGUE
            .iter()
            .map(|spec| FigureInfo { name: spec.name, unit: spec.unit.as_str(), help: spec.help })
            .collect();
        Self { cluster, catalogue, members: members.iter().map(MemberFigures::from).collect() }
    }
}

impl From<&MemberMetrics> for MemberFigures {
    fn from(metrics: &MemberMetrics) -> Self {
        let figures = metrics.figures.as_deref();
        Self {
            member: MemberName::from(&metrics.member),
            last_scrape_at: metrics.last_scrape_at.map(Time),
            error: metrics.error.clone(),
            as_of: figures.map(|figures| Time(figures.at)),
            window_seconds: figures.map(|figures| figures.window.as_secs_f64()),
            figures: figures.map(all).unwrap_or_default(),
            requests: figures
                .map(|figures| figures.requests.iter().map(Requests::from).collect())
                .unwrap_or_default(),
            errors_by_code: figures
                .map(|f| f.errors_by_code.iter().map(|c| (c.code, c.per_second)).collect())
                .unwrap_or_default(),
            peers: figures
                .map(|figures| figures.peers.iter().map(Peer::from).collect())
                .unwrap_or_default(),
        }
    }
}

fn all(figures: &Figures) -> BTreeMap<&'static str, Option<f64>> {
    figures.iter().map(|(spec, value)| (spec.name, value)).collect()
}

impl From<&RequestFigures> for Requests {
    fn from(figures: &RequestFigures) -> Self {
        Self {
            service: figures.service.clone(),
            method: figures.method.clone(),
            per_second: figures.per_second,
            errors_per_second: figures.errors_per_second,
        }
    }
}

impl From<&PeerFigures> for Peer {
    fn from(peer: &PeerFigures) -> Self {
        Self {
            remote: peer.remote.to_string(),
            is_active: peer.is_active,
            round_trip_p50_seconds: peer.round_trip_p50_seconds,
            round_trip_p95_seconds: peer.round_trip_p95_seconds,
            round_trip_p99_seconds: peer.round_trip_p99_seconds,
            sent_bytes_per_second: peer.sent_bytes_per_second,
            received_bytes_per_second: peer.received_bytes_per_second,
            send_failures_per_second: peer.send_failures_per_second,
        }
    }
}
