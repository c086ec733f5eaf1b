//! How fast members answered our probes, in answers.

use monitor::record::{MemberLatencies, ProbeLatency};
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::names::MemberName;

/// How fast the members of a cluster answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Latency {
    /// The cluster's name in the configuration.
    pub(crate) cluster: String,
    /// By member.
    pub(crate) members: Vec<MemberLatency>,
}

/// How fast one member answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MemberLatency {
    /// Whose.
    pub(crate) member: MemberName,
    /// By probe and window.
    pub(crate) probes: Vec<Probe>,
}

/// One kind of probe over one window. A probe that timed out counts with the time waited.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Probe {
    /// `serializable_read`, `linearizable_read` or `write`.
    pub(crate) probe: &'static str,
    /// The window, back from now.
    pub(crate) window_seconds: u64,
    /// Probes that ended, in any way.
    pub(crate) count: u64,
    /// Those of them that timed out or failed.
    pub(crate) failures: u64,
    /// Half took at most this; null, as all below, when none was answered.
    pub(crate) p50_seconds: Option<f64>,
    /// 95 % took at most this.
    pub(crate) p95_seconds: Option<f64>,
    /// 99 % took at most this.
    pub(crate) p99_seconds: Option<f64>,
    /// 99.9 % took at most this.
    pub(crate) p999_seconds: Option<f64>,
    /// The longest.
    pub(crate) max_seconds: Option<f64>,
    /// The arithmetic mean.
    pub(crate) mean_seconds: Option<f64>,
}

impl Latency {
    /// The latencies of the members of `cluster`.
    pub(crate) fn new(cluster: String, members: &[MemberLatencies]) -> Self {
        let members = members
            .iter()
            .map(|member| MemberLatency {
                member: MemberName::from(&member.member),
                probes: member.probes.iter().map(Probe::from).collect(),
            })
            .collect();
        Self { cluster, members }
    }
}

impl From<&ProbeLatency> for Probe {
    fn from(latency: &ProbeLatency) -> Self {
        let quantiles = latency.summary.quantiles;
        Self {
            probe: latency.probe.as_str(),
            window_seconds: latency.window.as_secs(),
            count: latency.summary.count,
            failures: latency.summary.failures,
            p50_seconds: quantiles.map(|q| q.p50.as_secs_f64()),
            p95_seconds: quantiles.map(|q| q.p95.as_secs_f64()),
            p99_seconds: quantiles.map(|q| q.p99.as_secs_f64()),
            p999_seconds: quantiles.map(|q| q.p999.as_secs_f64()),
            max_seconds: quantiles.map(|q| q.max.as_secs_f64()),
            mean_seconds: quantiles.map(|q| q.mean.as_secs_f64()),
        }
    }
}
