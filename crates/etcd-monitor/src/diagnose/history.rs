//! What a running monitor knows of a cluster: its curves of the last hours, and what was wrong.

use std::path::Path;
use std::time::Duration;

use etcd::{Connector, HttpTarget};
use jiff::Timestamp;
use model::clock::{Clock as _, SystemClock};
use model::series::Series;
use serde::Deserialize;

use crate::query;
use crate::query::address::Address;
use crate::rest;

/// How far the curves go back.
pub(super) const RANGE: Duration = Duration::from_hours(6);

/// For each question; a monitor on this machine answers in milliseconds.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A page of findings that are over.
const MAX_ANSWER_BYTES: usize = 4 << 20;

/// What a running monitor knows.
pub(super) enum History {
    /// Nothing, and why.
    None(String),
    /// This.
    Known {
        /// Whom we asked.
        address: String,
        /// Curves that have points.
        curves: Vec<Curves>,
        /// Findings that it holds open, worst first.
        open: Vec<Past>,
        /// Findings that ended in the last day, those opened last first.
        past: Vec<Past>,
    },
}

/// Curves in one plot.
pub(super) struct Curves {
    pub(super) title: &'static str,
    pub(super) unit: &'static str,
    /// What one of `unit` is in the unit of the samples.
    pub(super) scale: f64,
    pub(super) series: Vec<Series>,
}

/// A finding as a running monitor tells it.
#[derive(Debug, Deserialize)]
pub(super) struct Past {
    pub(super) kind: String,
    pub(super) severity: String,
    pub(super) summary: String,
    pub(super) since: Timestamp,
    pub(super) closed_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Findings {
    findings: Vec<Past>,
}

/// What the monitor at `address`, whose certificate `cacert` signed, knows of `cluster`.
pub(super) async fn of(address: &Address, cacert: Option<&Path>, cluster: &str) -> History {
    let now = SystemClock.now();
    let mut curves = Vec::new();
    for (title, unit, scale, expression) in expressions(cluster) {
        match query::curves(address, cacert, &expression, RANGE, now, TIMEOUT).await {
            Ok(series) if series.is_empty() => {}
            Ok(series) => curves.push(Curves { title, unit, scale, series }),
            Err(error) => return History::None(error.to_string()),
        }
    }
    if curves.is_empty() {
        return History::None(format!("{address} knows no cluster called {cluster}"));
    }
    let open = findings(address, cacert, cluster, "state=open").await.unwrap_or_default();
    let past = findings(address, cacert, cluster, "state=closed&from=-24h&limit=20").await;
    let past = past.unwrap_or_default();
    History::Known { address: address.to_string(), curves, open, past }
}

fn expressions(cluster: &str) -> [(&'static str, &'static str, f64, String); 4] {
    let of = format!("{{cluster={cluster:?}}}");
    [
        (
            "Fsync of the log, p99",
            "ms",
            0.001,
            format!(
                "histogram_quantile(0.99, sum by (member, le) \
                 (rate(etcd_disk_wal_fsync_duration_seconds_bucket{of}[5m])))"
            ),
        ),
        (
            "Database in use",
            "MiB",
            f64::from(1 << 20),
            format!("max by (member) (etcd_mvcc_db_total_size_in_use_in_bytes{of})"),
        ),
        (
            "Entries applied",
            "/s",
            1.0,
            format!("max by (member) (rate(etcd_server_proposals_applied_total{of}[5m]))"),
        ),
        (
            "Leader changes in 15 minutes",
            "",
            1.0,
            format!("max(increase(etcd_server_leader_changes_seen_total{of}[15m]))"),
        ),
    ]
}

async fn findings(
    address: &Address,
    cacert: Option<&Path>,
    cluster: &str,
    which: &str,
) -> Option<Vec<Past>> {
    let connector = Connector::new(rest::config(cacert)).ok()?;
    let server = connector.member(address.endpoint().clone());
    let page = format!("/api/v1/clusters/{cluster}/findings?{which}");
    let reply =
        server.http_get(&HttpTarget::of_member(&page), TIMEOUT, MAX_ANSWER_BYTES).await.ok()?;
    Some(serde_json::from_slice::<Findings>(&reply.body).ok()?.findings)
}
