//! Whether a cluster may be given load, and taking away what was written.
//!
//! While a run has keys in the cluster, a marker beside them says so. Keys are removed when they are
//! named as ours are; others under the same prefix are never touched.

use std::time::Duration;

use bytes::Bytes;
use etcd::{Cluster, GetRequest, HttpTarget, prefix_end};
use expfmt::{Format, Limits, Line};

use crate::error::Error;
use crate::keys::is_ours;
use crate::members::Node;
use crate::objection::Objection;
use crate::spec::Spec;

/// Longest wait for one call.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// Keys that are looked at, or removed, at once.
const PAGE_KEYS: i64 = 1_000;
/// Most keys that are looked at before a run.
const MAX_LOOKED_AT: usize = 100_000;
/// Name of the marker below the prefix.
const MARKER: &str = ".etcd-monitor-bench";

/// Everything that speaks against a run.
pub(crate) async fn objections(
    nodes: &[Node],
    cluster: &Cluster,
    spec: &Spec,
) -> Result<Vec<Objection>, Error> {
    let mut reasons = Vec::new();
    if !nodes.iter().any(Node::is_leader) {
        reasons.push(Objection::NoLeader);
    }
    for alarm in cluster.alarms(PATIENCE).await? {
        let name = nodes.iter().find(|node| node.status.header.member_id == alarm.member);
        let member = name.map_or_else(|| alarm.member.to_string(), |node| node.name.clone());
        reasons.push(Objection::Alarm { alarm: alarm.kind.to_string(), member });
    }
    for node in nodes {
        let quota = match node.status.db_size_quota_bytes {
            Some(quota) => Some(quota),
            None => quota_of(node).await,
        };
        let Some(quota) = quota else { continue };
        let share = |bytes: u64| bytes as f64 / quota as f64;
        let (now, then) = (node.status.db_size_bytes, spec.planned_bytes());
        let (member, limit) = (node.name.clone(), spec.max_quota_ratio);
        if share(now) > limit {
            reasons.push(Objection::QuotaUsed { member, used: share(now), limit });
        } else if share(now + then) > limit {
            let used = share(now + then);
            reasons.push(Objection::QuotaPlanned { member, used, bytes: then, limit });
        }
    }
    reasons.extend(strangers(cluster, &spec.prefix).await?);
    Ok(reasons)
}

/// The quota by the member's metrics: before 3.6 its status does not tell.
async fn quota_of(node: &Node) -> Option<u64> {
    let page = HttpTarget::of_member("/metrics");
    let page = node.member.http_get(&page, PATIENCE, 8 << 20).await.ok()?;
    expfmt::parse(&page.body, Format::Text, Limits::default()).find_map(|line| match line {
        Ok(Line::Sample(sample)) if sample.name == "etcd_server_quota_backend_bytes" => {
            Some(sample.value as u64).filter(|bytes| *bytes > 0)
        }
        _ => None,
    })
}

/// Why keys that are under `prefix` already speak against a run.
async fn strangers(cluster: &Cluster, prefix: &str) -> Result<Option<Objection>, Error> {
    let mut from = Bytes::copy_from_slice(prefix.as_bytes());
    let (mut looked_at, mut ours) = (0, 0);
    while looked_at < MAX_LOOKED_AT {
        let (keys, is_last) = page(cluster, from.clone(), prefix).await?;
        for key in &keys {
            if !is_written_by_us(key, prefix) {
                let key = String::from_utf8_lossy(key).into_owned();
                return Ok(Some(Objection::Stranger { key }));
            }
            ours += 1;
        }
        looked_at += keys.len();
        match keys.last() {
            Some(last) if !is_last => from = [last, &b"\0"[..]].concat().into(),
            _ => break,
        }
    }
    Ok((ours > 0).then(|| Objection::Leftovers { keys: ours, prefix: prefix.to_owned() }))
}

fn is_written_by_us(key: &[u8], prefix: &str) -> bool {
    key.strip_prefix(prefix.as_bytes())
        .is_some_and(|name| is_ours(name) || name == MARKER.as_bytes())
}

async fn page(cluster: &Cluster, from: Bytes, prefix: &str) -> Result<(Vec<Bytes>, bool), Error> {
    let request = GetRequest {
        key: from,
        range_end: prefix_end(prefix.as_bytes()),
        limit: PAGE_KEYS,
        keys_only: true,
        ..GetRequest::default()
    };
    let reply = cluster.get(request, PATIENCE).await?;
    let is_last = !reply.more;
    Ok((reply.kvs.into_iter().map(|kv| kv.key).collect(), is_last))
}

/// Says in the cluster that a benchmark has keys there; also proves that it may write.
pub(crate) async fn mark(cluster: &Cluster, prefix: &str, text: &str) -> Result<(), Error> {
    cluster.put(format!("{prefix}{MARKER}"), text.to_owned(), None, PATIENCE).await?;
    Ok(())
}

/// Removes every key under `prefix` that is named as a benchmark's; answers how many there were,
/// and how many others stay.
pub(crate) async fn remove(cluster: &Cluster, prefix: &str) -> Result<(u64, u64), Error> {
    let mut from = Bytes::copy_from_slice(prefix.as_bytes());
    let (mut removed, mut others) = (0, 0);
    // The marker is first by its name, and must be last to go.
    let marker = format!("{prefix}{MARKER}");
    loop {
        let (keys, is_last) = page(cluster, from, prefix).await?;
        let Some(last) = keys.last().cloned() else { break };
        let goes = |key: &Bytes| is_written_by_us(key, prefix) && key[..] != *marker.as_bytes();
        others += keys.iter().filter(|key| !is_written_by_us(key, prefix)).count() as u64;
        for run in keys.chunk_by(|a, b| goes(a) == goes(b)).filter(|run| goes(&run[0])) {
            let end: Vec<u8> = [&run[run.len() - 1][..], b"\0"].concat();
            let count = cluster.delete(run[0].clone(), end, PATIENCE).await?;
            removed += u64::try_from(count).unwrap_or(0);
        }
        if is_last {
            break;
        }
        from = [&last[..], b"\0"].concat().into();
    }
    cluster.delete(marker, Bytes::new(), PATIENCE).await?;
    Ok((removed, others))
}
