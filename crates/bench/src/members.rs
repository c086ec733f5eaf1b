//! The members: who they are, and what their own metrics say of the time of a run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use etcd::{Connector, Endpoint, HttpTarget, Member, Scheme, Status};
use expfmt::{Format, Limits, Line};
use futures::future::join_all;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::spec::Target;

/// Longest wait for a member's state or page.
const PATIENCE: Duration = Duration::from_secs(5);
/// Largest page of metrics.
const PAGE_BYTES: usize = 8 << 20;

/// A member that answers.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) member: Member,
    pub(crate) status: Status,
}

impl Node {
    pub(crate) fn is_leader(&self) -> bool {
        self.status.leader == Some(self.status.header.member_id)
    }
}

/// All members that answer: those at `endpoints`, and those that they know of.
pub(crate) async fn find(
    connector: &Arc<Connector>,
    endpoints: &[Endpoint],
) -> Result<Vec<Node>, Error> {
    let ask = |endpoint: Endpoint| async {
        let member = connector.member(endpoint);
        let status = member.status(PATIENCE).await;
        (member, status)
    };
    let mut nodes: Vec<Node> = Vec::new();
    let mut trouble = None;
    let take = |nodes: &mut Vec<Node>, member: Member, status: Status| {
        let id = status.header.member_id;
        if nodes.iter().all(|node| node.status.header.member_id != id) {
            nodes.push(Node { name: id.to_string(), member, status });
        }
    };
    for (member, status) in join_all(endpoints.iter().cloned().map(ask)).await {
        match status {
            Ok(status) => take(&mut nodes, member, status),
            Err(error) => trouble = trouble.or(Some(error)),
        }
    }
    let Some(first) = nodes.first() else {
        return Err(trouble.map_or(Error::NoLeader, Error::Etcd));
    };
    let list = first.member.members(false, PATIENCE).await?.members;
    let known = |id| nodes.iter().any(|node| node.status.header.member_id == id);
    let scheme = endpoints.first().map_or(Scheme::Http, Endpoint::scheme);
    let others = list.iter().filter(|info| !known(info.id));
    let url = |info: &etcd::MemberInfo| {
        info.client_urls.iter().find_map(|url| Endpoint::parse(url, scheme).ok())
    };
    let asked = join_all(others.filter_map(url).map(ask)).await;
    for (member, status) in asked {
        if let Ok(status) = status {
            take(&mut nodes, member, status);
        }
    }
    for node in &mut nodes {
        let info = list.iter().find(|info| info.id == node.status.header.member_id);
        if let Some(info) = info.filter(|info| !info.name.is_empty()) {
            node.name.clone_from(&info.name);
        }
    }
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(nodes)
}

/// Where load for `target` goes.
pub(crate) fn targets(nodes: &[Node], target: &Target) -> Result<Vec<Endpoint>, Error> {
    let endpoint = |node: &Node| node.member.endpoint().clone();
    match target {
        Target::All => {
            // A learner refuses most of what a benchmark asks.
            let voters = nodes.iter().filter(|node| !node.status.is_learner);
            Ok(voters.map(endpoint).collect())
        }
        Target::Leader => {
            let leader = nodes.iter().find(|node| node.is_leader());
            Ok(vec![endpoint(leader.ok_or(Error::NoLeader)?)])
        }
        Target::Member(wanted) => {
            let found = nodes.iter().find(|node| node.name == *wanted);
            let known = || nodes.iter().map(|node| node.name.clone()).collect();
            let found =
                found.ok_or_else(|| Error::NoMember { wanted: wanted.clone(), known: known() })?;
            Ok(vec![endpoint(found)])
        }
    }
}

/// How one member was before and after.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct MemberWindow {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whether it led before.
    pub was_leader: bool,
    /// Whether it led after; `None` when it did not answer.
    pub is_leader: Option<bool>,
    /// Size of its file before and after, bytes.
    pub db_bytes: Option<(u64, u64)>,
    /// Requests by method that it counted.
    pub counted: BTreeMap<String, u64>,
    /// 99th percentile of writing its log to disk, seconds: the end of the bucket it lies in.
    pub fsync_p99_seconds: Option<f64>,
    /// The same of commits to its file.
    pub commit_p99_seconds: Option<f64>,
    /// The same of round trips to other members.
    pub peer_round_trip_p99_seconds: Option<f64>,
    /// Entries of the raft log that it applied.
    pub applied: Option<u64>,
    /// Proposals that failed.
    pub failed_proposals: Option<u64>,
    /// Changes of leader that it saw.
    pub leader_changes: Option<u64>,
    /// Processor time, seconds.
    pub cpu_seconds: Option<f64>,
    /// Bytes that it sent to clients.
    #[serde(default)]
    pub client_sent_bytes: Option<u64>,
    /// Events that it sent to watchers.
    #[serde(default)]
    pub watch_events: Option<u64>,
    /// Watchers that it had before.
    #[serde(default)]
    pub watchers: Option<u64>,
    /// Memory after, bytes.
    pub resident_bytes: Option<u64>,
}

/// Pages and states of all members at one moment.
pub(crate) struct Look(Vec<(Option<Page>, Option<Status>)>);

/// Looks at `nodes`; the page comes last `before` a run and first after it, so that our own questions
/// are not among the calls that members counted.
pub(crate) async fn look(nodes: &[Node], before: bool) -> Look {
    let one = |node: &Node| {
        let member = node.member.clone();
        async move {
            let early = if before { member.status(PATIENCE).await.ok() } else { None };
            let page = HttpTarget::of_member("/metrics");
            let page = member.http_get(&page, PATIENCE, PAGE_BYTES).await.ok();
            let page = page.filter(|page| page.status == 200).map(|page| Page::read(&page.body));
            (page, if before { early } else { member.status(PATIENCE).await.ok() })
        }
    };
    Look(join_all(nodes.iter().map(one)).await)
}

/// What happened to `nodes` between two looks.
pub(crate) fn between(nodes: &[Node], before: &Look, after: &Look) -> Vec<MemberWindow> {
    let pairs = before.0.iter().zip(&after.0);
    nodes.iter().zip(pairs).map(|(node, (before, after))| window(node, before, after)).collect()
}

type Seen = (Option<Page>, Option<Status>);

fn window(node: &Node, before: &Seen, after: &Seen) -> MemberWindow {
    let leads = |status: &Status| status.leader == Some(status.header.member_id);
    let mut window = MemberWindow {
        name: node.name.clone(),
        version: node.status.version.clone(),
        was_leader: before.1.as_ref().is_some_and(leads),
        is_leader: after.1.as_ref().map(leads),
        db_bytes: before
            .1
            .as_ref()
            .zip(after.1.as_ref())
            .map(|(b, a)| (b.db_size_bytes, a.db_size_bytes)),
        ..MemberWindow::default()
    };
    let (Some(old), Some(new)) = (&before.0, &after.0) else { return window };
    let grown = |name: &str| {
        let growth = new.values.get(name)? - old.values.get(name).copied().unwrap_or(0.0);
        // A member that was started again counts from 0.
        (growth >= 0.0).then_some(growth)
    };
    let count = |name: &str| grown(name).map(|growth| growth.round() as u64);
    window.counted = new
        .calls
        .iter()
        .filter_map(|(method, calls)| {
            let growth = calls - old.calls.get(method).copied().unwrap_or(0.0);
            (growth > 0.0).then(|| (method.clone(), growth as u64))
        })
        .collect();
    window.fsync_p99_seconds = new.p99_since(old, "etcd_disk_wal_fsync_duration_seconds_bucket");
    window.commit_p99_seconds =
        new.p99_since(old, "etcd_disk_backend_commit_duration_seconds_bucket");
    window.peer_round_trip_p99_seconds =
        new.p99_since(old, "etcd_network_peer_round_trip_time_seconds_bucket");
    window.applied = count("etcd_server_proposals_applied_total");
    window.failed_proposals = count("etcd_server_proposals_failed_total");
    window.leader_changes = count("etcd_server_leader_changes_seen_total");
    window.cpu_seconds = grown("process_cpu_seconds_total");
    window.client_sent_bytes = count("etcd_network_client_grpc_sent_bytes_total");
    window.watch_events = count("etcd_debugging_mvcc_events_total");
    window.watchers = old.values.get("etcd_debugging_mvcc_watcher_total").map(|all| *all as u64);
    window.resident_bytes =
        new.values.get("process_resident_memory_bytes").map(|bytes| *bytes as u64);
    window
}

/// What is used of a page of metrics.
#[derive(Debug, Default)]
struct Page {
    values: BTreeMap<String, f64>,
    /// Calls by method.
    calls: BTreeMap<String, f64>,
    /// Cumulative counts by upper bound, of each histogram; series of one name added up.
    buckets: BTreeMap<String, Vec<(f64, f64)>>,
}

impl Page {
    fn read(body: &[u8]) -> Self {
        const BUCKETS: [&str; 3] = [
            "etcd_disk_wal_fsync_duration_seconds_bucket",
            "etcd_disk_backend_commit_duration_seconds_bucket",
            "etcd_network_peer_round_trip_time_seconds_bucket",
        ];
        let mut page = Self::default();
        for line in expfmt::parse(body, Format::Text, Limits::default()) {
            let Ok(Line::Sample(sample)) = line else { continue };
            if sample.name == "grpc_server_started_total" {
                if let Some(method) = sample.labels.get("grpc_method") {
                    *page.calls.entry(method.into_owned()).or_default() += sample.value;
                }
            } else if BUCKETS.contains(&sample.name) {
                let bound = sample.labels.get("le").and_then(|bound| bound.parse::<f64>().ok());
                let Some(bound) = bound else { continue };
                let buckets = page.buckets.entry(sample.name.to_owned()).or_default();
                match buckets.iter_mut().find(|(known, _)| *known == bound) {
                    Some((_, count)) => *count += sample.value,
                    None => buckets.push((bound, sample.value)),
                }
            } else if sample.labels.is_empty() {
                page.values.insert(sample.name.to_owned(), sample.value);
            }
        }
        page
    }

    /// The upper end of the bucket in which the 99th percentile of what came since `old` lies.
    fn p99_since(&self, old: &Self, name: &str) -> Option<f64> {
        let (new, old) = (self.buckets.get(name)?, old.buckets.get(name));
        let old = |bound: f64| {
            let found = old.and_then(|old| old.iter().find(|(known, _)| *known == bound));
            found.map_or(0.0, |(_, count)| *count)
        };
        let mut grown: Vec<(f64, f64)> =
            new.iter().map(|(bound, count)| (*bound, count - old(*bound))).collect();
        grown.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total = grown.last()?.1;
        let found = grown.iter().find(|(_, count)| *count >= total * 0.99)?;
        (total > 0.0 && found.0.is_finite()).then_some(found.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_what_was_added_to_the_page() {
        let page = |puts: u32, fast: u32, slow: u32| {
            let name = "etcd_disk_wal_fsync_duration_seconds_bucket";
            let all = fast + slow;
            let text = format!(
                "grpc_server_started_total{{grpc_method=\"Put\",grpc_service=\"KV\"}} {puts}\n\
                 {name}{{le=\"0.001\"}} {fast}\n{name}{{le=\"0.002\"}} {all}\n{name}{{le=\"+Inf\"}} {all}\n\
                 etcd_server_leader_changes_seen_total 1\n"
            );
            Page::read(text.as_bytes())
        };
        let (old, new) = (page(5, 100, 0), page(12, 197, 3));
        assert_eq!(new.calls["Put"] - old.calls["Put"], 7.0);
        let p99 = new.p99_since(&old, "etcd_disk_wal_fsync_duration_seconds_bucket");
        assert_eq!(p99, Some(0.002));
        assert_eq!(old.p99_since(&old, "etcd_disk_wal_fsync_duration_seconds_bucket"), None);
    }
}
