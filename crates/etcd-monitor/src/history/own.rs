//! Our own series in the history, so that rules and queries see what we judge: for each cluster
//! those that `/metrics` has under the same names.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use expfmt::Kind;
use jiff::Timestamp;
use model::finding::{Finding, FindingKind};
use model::health::Health;
use model::series::{Labels, METRIC_NAME};
use monitor::config::Thresholds;
use monitor::fleet::Fleet;
use monitor::keyspace::Scans;
use monitor::own;
use monitor::view::ClusterView;
use tokio_util::sync::CancellationToken;
use tsdb::{SeriesId, Target, Tsdb};

use super::backups::Backups;

/// As often as members are scraped.
const EVERY: Duration = Duration::from_secs(15);

const DESCRIPTIONS: [(&str, Kind, &str); 22] = [
    ("etcd_monitor_up", Kind::Gauge, "Whether any member of the cluster answers."),
    (
        "etcd_monitor_has_quorum",
        Kind::Gauge,
        "Whether the cluster completes linearizable reads; absent while that can't be told.",
    ),
    ("etcd_monitor_members", Kind::Gauge, "Members in the member list."),
    (
        "etcd_monitor_quorum_margin",
        Kind::Gauge,
        "Healthy voters that may still fail; negative when there are too few already.",
    ),
    ("etcd_monitor_healthy_voters", Kind::Gauge, "Voting members that are healthy."),
    ("etcd_monitor_leader_changes_total", Kind::Counter, "Elections that the monitor saw."),
    (
        "etcd_monitor_slowest_probe_seconds",
        Kind::Gauge,
        "The slowest probe of the last minute, by the median.",
    ),
    ("etcd_monitor_threshold_latency_seconds", Kind::Gauge, "thresholds.max_latency_ms."),
    ("etcd_monitor_threshold_db_size_bytes", Kind::Gauge, "thresholds.max_db_size_mb."),
    ("etcd_monitor_threshold_leader_changes", Kind::Gauge, "thresholds.max_leader_changes."),
    (
        "etcd_monitor_threshold_available_members",
        Kind::Gauge,
        "thresholds.min_available_nodes, where it is set.",
    ),
    (
        "etcd_monitor_backup_found",
        Kind::Gauge,
        "Whether backups.path has a snapshot whose hash is right.",
    ),
    ("etcd_monitor_backup_age_seconds", Kind::Gauge, "The age of the newest such snapshot."),
    ("etcd_monitor_backup_size_bytes", Kind::Gauge, "Its size."),
    ("etcd_monitor_backup_max_age_seconds", Kind::Gauge, "backups.max_age, where a path is set."),
    (
        "etcd_monitor_key_scan_timestamp_seconds",
        Kind::Gauge,
        "When the last scan that counted all keys began, where key_scan is enabled.",
    ),
    (
        "etcd_monitor_prefix_keys",
        Kind::Gauge,
        "Keys under a prefix that holds many, as of that scan; of all under the empty one.",
    ),
    (
        "etcd_monitor_prefix_bytes",
        Kind::Gauge,
        "What these keys and their values have, about, without earlier revisions.",
    ),
    ("etcd_monitor_last_sweep_timestamp_seconds", Kind::Gauge, "When the last sweep was judged."),
    (
        "etcd_monitor_member_healthy",
        Kind::Gauge,
        "Whether the member does its work; absent while that is unknown.",
    ),
    (
        "etcd_monitor_member_certificate_expiry_timestamp_seconds",
        Kind::Gauge,
        "When the certificate that the member shows expires.",
    ),
    (
        "etcd_monitor_finding",
        Kind::Gauge,
        "1 while the finding is open; findings that are over are absent.",
    ),
];

/// Writes whole sets of series; what a set had and has no longer ends with a stale marker.
#[derive(Debug)]
pub(crate) struct SeriesSets {
    store: Tsdb,
    sets: Mutex<HashMap<String, Set>>,
}

#[derive(Debug)]
struct Set {
    target: Target,
    ids: HashMap<Labels, SeriesId>,
}

impl SeriesSets {
    pub(crate) fn new(store: Tsdb) -> Self {
        Self { store, sets: Mutex::default() }
    }

    /// Appends `samples`, all that the set `name` has at `at`. `labels` are those of all of them;
    /// they must stay the same.
    pub(crate) fn append(
        &self,
        name: &str,
        labels: &Labels,
        at: Timestamp,
        samples: &[(Labels, f64)],
    ) -> Result<(), tsdb::Error> {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        if !sets.contains_key(name) {
            let target = self.store.target(labels);
            sets.insert(name.to_owned(), Set { target, ids: HashMap::new() });
        }
        let set = sets.get_mut(name).expect("invariant: it was just put there");
        // What vanished would stay known for ever where names change all the time.
        if set.ids.len() > 2 * samples.len() + 1_000 {
            set.ids.clear();
        }
        let rows: Vec<(SeriesId, f64)> = samples
            .iter()
            .map(|(labels, value)| {
                let known = set.ids.get(labels).copied();
                let id = known.unwrap_or_else(|| {
                    let id = self.store.series_id(labels);
                    set.ids.insert(labels.clone(), id);
                    id
                });
                (id, *value)
            })
            .collect();
        set.target.append(at.as_millisecond(), &rows)
    }

    /// The set is over: all that it had ends.
    fn end(&self, name: &str, at: Timestamp) {
        let gone = self.sets.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        if let Some(set) = gone {
            // A paused history ends it later, by its age.
            let _ = set.target.append(at.as_millisecond(), &[]);
        }
    }

    fn names(&self) -> Vec<String> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}

/// Writes our own series until `stop`.
pub(super) async fn record(store: Tsdb, fleet: Fleet, stop: CancellationToken) {
    for (name, kind, help) in DESCRIPTIONS {
        store.describe(name, kind, help);
    }
    let sets = SeriesSets::new(store);
    let backups = Backups::default();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let now = fleet.clock().now();
        let clusters = fleet.clusters();
        let mut names = HashSet::with_capacity(clusters.len());
        for cluster in &clusters {
            let view = cluster.view();
            let target =
                Labels::new([("cluster", view.name.as_str())].into_iter().chain(
                    view.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())),
                ));
            let mut samples = of_cluster(&view);
            let config = cluster.config();
            samples.extend(of_thresholds(&config.thresholds));
            samples.extend(of_keys(&cluster.key_scans()));
            samples.extend(backups.of(&view.name, &config.backups, now));
            let slowest = cluster.slowest_probe().map(|(_, median)| median.as_secs_f64());
            samples.extend(slowest.map(|time| (named("etcd_monitor_slowest_probe_seconds"), time)));
            // While it is paused the scrapes say so.
            let _ = sets.append(&view.name, &target, now, &samples);
            names.insert(view.name.clone());
        }
        let target = Labels::new([("cluster", own::NAME)]);
        let findings = fleet.own_findings();
        let samples: Vec<_> = findings.iter().filter_map(|finding| of_finding(finding)).collect();
        let _ = sets.append(own::NAME, &target, now, &samples);
        backups.retain(&names);
        for name in sets.names() {
            if name != own::NAME && !names.contains(&name) {
                sets.end(&name, now);
            }
        }
    }
}

/// The labels of a series that its cluster has once.
pub(super) fn named(name: &'static str) -> Labels {
    Labels::new([(METRIC_NAME, name)])
}

/// What the configuration calls too much, for rules to compare with.
fn of_thresholds(thresholds: &Thresholds) -> Vec<(Labels, f64)> {
    let Thresholds { max_latency_ms, max_db_size_mb, .. } = thresholds;
    let mut samples = vec![
        (named("etcd_monitor_threshold_latency_seconds"), *max_latency_ms as f64 / 1_000.0),
        (named("etcd_monitor_threshold_db_size_bytes"), *max_db_size_mb as f64 * 1_048_576.0),
        (named("etcd_monitor_threshold_leader_changes"), thresholds.max_leader_changes as f64),
    ];
    let least = thresholds.min_available_nodes.map(|least| least as f64);
    samples.extend(least.map(|least| (named("etcd_monitor_threshold_available_members"), least)));
    samples
}

/// What the last scan of the keys counted. One that was cut short tells of no growth: the next may end
/// elsewhere.
fn of_keys(scans: &Scans) -> Vec<(Labels, f64)> {
    let Some(last) = scans.last.as_ref().filter(|last| last.cut_short.is_none()) else {
        return Vec::new();
    };
    let at = last.at.as_millisecond() as f64 / 1_000.0;
    let mut samples = vec![(named("etcd_monitor_key_scan_timestamp_seconds"), at)];
    for prefix in std::iter::once(&last.all).chain(&last.prefixes) {
        let of = |name: &str| Labels::new([(METRIC_NAME, name), ("prefix", prefix.name.as_str())]);
        samples.push((of("etcd_monitor_prefix_keys"), prefix.keys as f64));
        let bytes = prefix.bytes.map(|bytes| bytes as f64);
        samples.extend(bytes.map(|bytes| (of("etcd_monitor_prefix_bytes"), bytes)));
    }
    samples
}

fn of_cluster(view: &ClusterView) -> Vec<(Labels, f64)> {
    let mut samples = Vec::with_capacity(6 + 2 * view.members.len());
    let flag = |value: bool| f64::from(u8::from(value));
    let seconds = |at: Timestamp| at.as_millisecond() as f64 / 1_000.0;
    let plain = named;
    let is_up = view.members.iter().any(|member| member.is_reachable == Some(true));
    samples.push((plain("etcd_monitor_up"), flag(is_up)));
    if let Some(has_quorum) = view.quorum.has_quorum {
        samples.push((plain("etcd_monitor_has_quorum"), flag(has_quorum)));
    }
    let listed = view.members.iter().filter(|member| member.is_listed).count();
    samples.push((plain("etcd_monitor_members"), listed as f64));
    samples.push((plain("etcd_monitor_quorum_margin"), view.quorum.margin as f64));
    samples.push((plain("etcd_monitor_healthy_voters"), view.quorum.healthy_voters as f64));
    samples.push((plain("etcd_monitor_leader_changes_total"), view.leader_changes as f64));
    if let Some(at) = view.as_of {
        samples.push((plain("etcd_monitor_last_sweep_timestamp_seconds"), seconds(at)));
    }
    for member in &view.members {
        let instance = member.endpoint.as_deref().unwrap_or_default();
        let of_member = |name| {
            Labels::new([
                (METRIC_NAME, name),
                ("member", member.name.as_str()),
                ("instance", instance),
            ])
        };
        let healthy = match member.health {
            Health::Healthy => Some(1.0),
            Health::Unhealthy => Some(0.0),
            Health::Unknown => None,
        };
        samples.extend(healthy.map(|value| (of_member("etcd_monitor_member_healthy"), value)));
        let expiry = member.certificate_expires_at.map(seconds);
        let name = "etcd_monitor_member_certificate_expiry_timestamp_seconds";
        samples.extend(expiry.map(|at| (of_member(name), at)));
    }
    samples.extend(view.findings.iter().filter_map(|finding| of_finding(finding)));
    samples
}

fn of_finding(finding: &Finding) -> Option<(Labels, f64)> {
    let labels = Labels::new([
        (METRIC_NAME, "etcd_monitor_finding"),
        ("member", finding.member.as_ref().map_or("", |member| &member.name)),
        ("about", &finding.about),
        ("hidden_by", finding.hidden_by.map_or("", FindingKind::as_str)),
        ("kind", finding.kind.as_str()),
        ("severity", finding.severity.as_str()),
    ]);
    finding.is_open().then_some((labels, 1.0))
}

#[cfg(test)]
mod tests {
    use model::series::{MatchOp, Matcher, Source as _, is_stale};
    use tsdb::Options;

    use super::*;

    #[test]
    fn what_a_set_has_no_longer_ends() {
        let directory = tempfile::tempdir().unwrap();
        let store = Tsdb::open(directory.path(), Options::default()).unwrap();
        let sets = SeriesSets::new(store.clone());
        let at = |second: i64| Timestamp::from_second(1_700_006_400 + second).unwrap();
        let of = Labels::new([("cluster", "c")]);
        let sample = |about| (Labels::new([(METRIC_NAME, "f"), ("about", about)]), 1.0);
        sets.append("c", &of, at(0), &[sample("x"), sample("y")]).unwrap();
        sets.append("c", &of, at(15), &[sample("y")]).unwrap();
        sets.end("c", at(30));
        store.flush();
        let matcher = Matcher::new(METRIC_NAME, MatchOp::Eq, "f").unwrap();
        let found = store.select(&[matcher], 0, i64::MAX).unwrap();
        let shapes: Vec<_> = found
            .iter()
            .map(|series| {
                let stale = series.samples.iter().map(|sample| is_stale(sample.value));
                (series.labels.to_string(), stale.collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(
            shapes,
            [
                (r#"{__name__="f", about="x", cluster="c"}"#.to_owned(), vec![false, true]),
                (r#"{__name__="f", about="y", cluster="c"}"#.to_owned(), vec![false, false, true]),
            ]
        );
    }
}
