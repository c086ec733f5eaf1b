//! `/metrics`: our own series for Prometheus; the members' series stay with the members.

mod alerting;

use std::sync::Arc;

use alert::delivery::ChannelFigures;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use expfmt::{Encoder, Format, Kind};
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use model::finding::{Finding, FindingKind, FindingState};
use model::health::{ClusterState, Health};
use monitor::fleet::ClusterHandle;
use monitor::latency::BOUNDS_SECONDS;
use monitor::schedule::LatenessHistogram;
use monitor::view::{ClusterView, MemberView};

use crate::problem::Problem;
use crate::state::Shared;

/// Our own series, as OpenMetrics or in Prometheus' text format, whichever the client prefers.
#[utoipa::path(
    get, path = "/metrics", tag = "monitor",
    responses((status = 200, body = String, content_type = "application/openmetrics-text"))
)]
pub(super) async fn metrics(
    State(shared): State<Shared>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let format = Format::negotiate(accept.unwrap_or_default());
    let channels = match shared.state.alerts.engine() {
        Some(engine) => engine.channel_figures().await,
        None => Vec::new(),
    };
    let page = page(&shared, format, &channels).map_err(|error| {
        tracing::error!(%error, "exposition cannot be written");
        Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR)
    })?;
    Ok(([(header::CONTENT_TYPE, format.content_type())], page).into_response())
}

/// Labels with owned values, in the order in which they are written.
type Labels = Vec<(String, String)>;

fn borrowed(labels: &Labels) -> Vec<(&str, &str)> {
    labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn cluster_labels(view: &ClusterView) -> Labels {
    let own = [("cluster".to_owned(), view.name.clone())];
    own.into_iter().chain(view.labels.clone()).collect()
}

fn member_labels(view: &ClusterView, member: &MemberView) -> Labels {
    let mut labels = cluster_labels(view);
    labels.push(("member".to_owned(), member.name.clone()));
    labels.push(("instance".to_owned(), member.endpoint.clone().unwrap_or_default()));
    labels
}

fn with(mut labels: Labels, name: &str, value: &str) -> Labels {
    labels.push((name.to_owned(), value.to_owned()));
    labels
}

fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}

fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1_000.0
}

fn page(
    shared: &Shared,
    format: Format,
    channels: &[ChannelFigures],
) -> Result<String, expfmt::EncodeError> {
    let clusters = shared.state.fleet.clusters();
    let views: Vec<_> = clusters.iter().map(ClusterHandle::view).collect();
    let mut out = Encoder::new(format);
    of_clusters(&mut out, &views, &clusters);
    of_members(&mut out, &views);
    of_findings(&mut out, &views, &shared.state.fleet.own_findings());
    of_probes(&mut out, &clusters);
    alerting::of_channels(&mut out, channels, shared.now());
    alerting::of_rules(&mut out, &shared.state.rules.views());
    of_self(&mut out, shared, &clusters);
    out.finish()
}

type Views = [Arc<ClusterView>];

fn of_clusters(out: &mut Encoder, views: &Views, clusters: &[ClusterHandle]) {
    let mut gauge = |name: &str, help: &str, value: &dyn Fn(&ClusterView) -> Option<f64>| {
        let mut family = out.family(name, Kind::Gauge, help);
        for view in views {
            if let Some(value) = value(view) {
                family.sample(&borrowed(&cluster_labels(view)), value);
            }
        }
    };
    gauge("etcd_monitor_up", "Whether any member of the cluster answers.", &|view| {
        Some(flag(view.members.iter().any(|m| m.is_reachable == Some(true))))
    });
    gauge(
        "etcd_monitor_has_quorum",
        "Whether the cluster completes linearizable reads; absent while that can't be told.",
        &|view| view.quorum.has_quorum.map(flag),
    );
    gauge("etcd_monitor_members", "Members in the member list.", &|view| {
        Some(view.members.iter().filter(|member| member.is_listed).count() as f64)
    });
    gauge("etcd_monitor_voters", "Voting members.", &|view| Some(view.quorum.voters as f64));
    gauge("etcd_monitor_healthy_voters", "Voting members that are healthy.", &|view| {
        Some(view.quorum.healthy_voters as f64)
    });
    gauge(
        "etcd_monitor_quorum_margin",
        "Healthy voters that may still fail; negative when there are too few already.",
        &|view| Some(view.quorum.margin as f64),
    );
    gauge(
        "etcd_monitor_last_sweep_timestamp_seconds",
        "When the last sweep was judged.",
        &|view| view.as_of.map(seconds),
    );
    gauge(
        "etcd_monitor_leader_since_timestamp_seconds",
        "Since when the leader leads, or when it was first seen to.",
        &|view| view.leader.as_ref().map(|leader| seconds(leader.since)),
    );

    of_thresholds(out, views, clusters);
    let mut states = out.family(
        "etcd_monitor_cluster_state",
        Kind::Gauge,
        "1 for the state that the cluster is in, 0 for the others.",
    );
    for view in views {
        for state in ClusterState::ALL {
            let labels = with(cluster_labels(view), "state", state.as_str());
            states.sample(&borrowed(&labels), flag(view.state == state));
        }
    }
    let mut leaders = out.family("etcd_monitor_leader_info", Kind::Gauge, "Who leads; always 1.");
    for view in views {
        if let Some(leader) = &view.leader {
            let labels = with(cluster_labels(view), "member", &leader.member.name);
            let id = leader.member.id.map(|id| id.to_string()).unwrap_or_default();
            leaders.sample(&borrowed(&with(labels, "member_id", &id)), 1.0);
        }
    }
    let mut changes = out.family(
        "etcd_monitor_leader_changes_total",
        Kind::Counter,
        "Elections that the monitor saw.",
    );
    for view in views {
        changes.sample(&borrowed(&cluster_labels(view)), view.leader_changes as f64);
    }
}

/// What the configuration calls too much, and what it is compared with.
fn of_thresholds(out: &mut Encoder, views: &Views, clusters: &[ClusterHandle]) {
    let mut gauge = |name: &str, help: &str, value: &dyn Fn(&ClusterHandle) -> Option<f64>| {
        let mut family = out.family(name, Kind::Gauge, help);
        for (view, cluster) in views.iter().zip(clusters) {
            if let Some(value) = value(cluster) {
                family.sample(&borrowed(&cluster_labels(view)), value);
            }
        }
    };
    gauge(
        "etcd_monitor_slowest_probe_seconds",
        "The slowest probe of the last minute, by the median.",
        &|cluster| cluster.slowest_probe().map(|(_, median)| median.as_secs_f64()),
    );
    gauge("etcd_monitor_threshold_latency_seconds", "thresholds.max_latency_ms.", &|cluster| {
        Some(cluster.config().thresholds.max_latency_ms as f64 / 1_000.0)
    });
    gauge("etcd_monitor_threshold_db_size_bytes", "thresholds.max_db_size_mb.", &|cluster| {
        Some(cluster.config().thresholds.max_db_size_mb as f64 * 1_048_576.0)
    });
    gauge("etcd_monitor_threshold_leader_changes", "thresholds.max_leader_changes.", &|cluster| {
        Some(cluster.config().thresholds.max_leader_changes as f64)
    });
    gauge(
        "etcd_monitor_threshold_available_members",
        "thresholds.min_available_nodes, where it is set.",
        &|cluster| cluster.config().thresholds.min_available_nodes.map(|least| least as f64),
    );
}

fn of_members(out: &mut Encoder, views: &Views) {
    let mut gauge = |name: &str, help: &str, value: &dyn Fn(&MemberView) -> Option<f64>| {
        let mut family = out.family(name, Kind::Gauge, help);
        for view in views {
            for member in &view.members {
                if let Some(value) = value(member) {
                    family.sample(&borrowed(&member_labels(view, member)), value);
                }
            }
        }
    };
    gauge(
        "etcd_monitor_member_healthy",
        "Whether the member does its work; absent while that is unknown.",
        &|member| match member.health {
            Health::Healthy => Some(1.0),
            Health::Unhealthy => Some(0.0),
            Health::Unknown => None,
        },
    );
    gauge(
        "etcd_monitor_member_reachable",
        "Whether the member answers; absent while it was not asked.",
        &|member| member.is_reachable.map(flag),
    );
    gauge(
        "etcd_monitor_member_certificate_expiry_timestamp_seconds",
        "When the certificate that the member shows expires.",
        &|member| member.certificate_expires_at.map(seconds),
    );
    gauge("etcd_monitor_member_alarms", "Alarms raised on the member.", &|member| {
        Some(member.alarms.len() as f64)
    });
}

fn of_findings(out: &mut Encoder, views: &Views, own: &[Arc<Finding>]) {
    let mut family = out.family(
        "etcd_monitor_finding",
        Kind::Gauge,
        "1 while the finding is open; findings that are over are absent.",
    );
    let mut add = |labels: Labels, finding: &Finding| {
        if matches!(finding.state, FindingState::Open | FindingState::Clearing) {
            let member = finding.member.as_ref().map_or("", |member| member.name.as_str());
            let labels = with(labels, "member", member);
            let labels = with(labels, "about", &finding.about);
            let hidden_by = finding.hidden_by.map_or("", FindingKind::as_str);
            let labels = with(labels, "hidden_by", hidden_by);
            let labels = with(labels, "kind", finding.kind.as_str());
            let labels = with(labels, "severity", finding.severity.as_str());
            family.sample(&borrowed(&labels), 1.0);
        }
    };
    for finding in own {
        add(vec![("cluster".to_owned(), monitor::own::NAME.to_owned())], finding);
    }
    for view in views {
        view.findings.iter().for_each(|finding| add(cluster_labels(view), finding));
    }
}

fn of_probes(out: &mut Encoder, clusters: &[ClusterHandle]) {
    let mut family = out.family(
        "etcd_monitor_probe_duration_seconds",
        Kind::Histogram,
        "How long members took to answer our probes; a timeout counts with the time waited.",
    );
    for cluster in clusters {
        let view = cluster.view();
        for (member, probe, histogram) in cluster.probe_histograms() {
            let labels = with(cluster_labels(&view), "member", &member.name);
            let labels = with(labels, "instance", &member.endpoint);
            let labels = with(labels, "operation", probe.as_str());
            let buckets: Vec<(f64, u64)> =
                BOUNDS_SECONDS.into_iter().zip(histogram.buckets).collect();
            let (sum, count) = (histogram.sum_seconds, histogram.count);
            family.histogram(&borrowed(&labels), &buckets, sum, count);
        }
    }
}

fn of_self(out: &mut Encoder, shared: &Shared, clusters: &[ClusterHandle]) {
    let build = shared.state.build;
    let labels = [("version", build.version), ("commit", build.commit), ("rustc", build.rustc)];
    out.family("etcd_monitor_self_build_info", Kind::Gauge, "What is running; always 1.")
        .sample(&labels, 1.0);
    out.family(
        "etcd_monitor_self_start_time_seconds",
        Kind::Gauge,
        "When the monitor started, Unix time.",
    )
    .sample(&[], seconds(shared.state.started_at));

    let mut sweeps = (0, LatenessHistogram::default());
    let mut scrapes = (0, 0, LatenessHistogram::default());
    for stats in clusters.iter().map(ClusterHandle::schedule) {
        sweeps.0 += stats.sweeps;
        sweeps.1.add(&stats.sweep_lateness);
        scrapes.0 += stats.scrapes;
        scrapes.1 += stats.scrape_failures;
        scrapes.2.add(&stats.scrape_lateness);
    }
    let mut counter = |name: &str, help: &str, value: u64| {
        out.family(name, Kind::Counter, help).sample(&[], value as f64);
    };
    counter("etcd_monitor_self_sweeps_total", "Sweeps that were begun.", sweeps.0);
    counter("etcd_monitor_self_scrapes_total", "Scrapes that were begun.", scrapes.0);
    counter("etcd_monitor_self_scrape_failures_total", "Scrapes that brought no page.", scrapes.1);
    let mut lateness = |name: &str, help: &str, histogram: &LatenessHistogram| {
        let buckets: Vec<(f64, u64)> = histogram.cumulative().collect();
        out.family(name, Kind::Histogram, help).histogram(
            &[],
            &buckets,
            histogram.sum,
            histogram.count,
        );
    };
    lateness(
        "etcd_monitor_self_sweep_lateness_seconds",
        "How late sweeps began, compared with their schedule.",
        &sweeps.1,
    );
    lateness(
        "etcd_monitor_self_scrape_lateness_seconds",
        "How late scrapes began, compared with their schedule.",
        &scrapes.2,
    );

    let http = shared.http.figures();
    let mut requests = out.family(
        "etcd_monitor_self_http_requests_total",
        Kind::Counter,
        "Requests that the API served, by route and status.",
    );
    for (route, status, count) in &http.requests {
        let status = status.to_string();
        requests.sample(&[("route", route), ("code", &status)], *count as f64);
    }
    out.family(
        "etcd_monitor_self_http_request_duration_seconds",
        Kind::Histogram,
        "How long the API took to answer.",
    )
    .histogram(&[], &http.buckets, http.sum_seconds, http.count);
}
