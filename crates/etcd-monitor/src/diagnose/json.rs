//! The report for programs; findings and recommendations as the REST API shows them.

use serde_json::{Value, json};

use jiff::Timestamp;
use model::finding::Finding;
use monitor::keyspace::KeySpace;
use server::{finding_json, recommendation_json};

use super::history::{History, Past};
use super::report::{ClusterReport, Report};

/// The report as JSON.
pub(super) fn render(report: &Report) -> String {
    let clusters: Vec<Value> = report.clusters.iter().map(of_cluster).collect();
    format!("{:#}\n", json!({ "is_well": report.is_well(), "clusters": clusters }))
}

fn of_cluster(cluster: &ClusterReport) -> Value {
    let view = &cluster.view;
    let findings: Vec<Value> = cluster
        .findings
        .iter()
        .flat_map(|root| std::iter::once(&root.finding).chain(&root.symptoms))
        .map(|finding| finding_json(&cluster.name, finding))
        .collect();
    let well: Vec<&str> = cluster.well().map(|check| check.kind.as_str()).collect();
    let unknown: Vec<Value> = cluster
        .unknown()
        .into_iter()
        .map(|(reason, kinds)| {
            let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
            json!({ "reason": reason, "kinds": kinds })
        })
        .collect();
    let of = |findings: &[std::sync::Arc<Finding>]| -> Vec<Value> {
        findings.iter().map(|finding| finding_json(&cluster.name, finding)).collect()
    };
    json!({
        "cluster": cluster.name,
        "cluster_id": view.id.map(|id| id.to_string()),
        "state": view.state.as_str(),
        "verdict": cluster.verdict(),
        "started_at": time(cluster.started_at),
        "watched_seconds": cluster.watched.as_secs_f64(),
        "leader": view.leader.as_ref().map(|leader| leader.member.name.clone()),
        "quorum": {
            "voters": view.quorum.voters,
            "healthy_voters": view.quorum.healthy_voters,
            "needed": view.quorum.needed,
            "margin": view.quorum.margin,
            "has_quorum": view.quorum.has_quorum,
        },
        "members": view.members.iter().map(of_member).collect::<Vec<_>>(),
        "findings": findings,
        "noticed": of(&cluster.noticed),
        "passed": of(&cluster.passed),
        "well": well,
        "unknown": unknown,
        "recommendations": cluster.advice.iter().map(recommendation_json).collect::<Vec<_>>(),
        "keys": cluster.keys.as_ref().map(of_keys),
        "history": of_history(&cluster.history),
    })
}

fn of_member(member: &monitor::view::MemberView) -> Value {
    let status = member.status.as_ref().filter(|_| member.is_reachable == Some(true));
    json!({
        "name": member.name,
        "member_id": member.id.map(|id| id.to_string()),
        "endpoint": member.endpoint,
        "role": member.role.as_str(),
        "health": member.health.as_str(),
        "reasons": member.reasons,
        "version": status.map(|status| status.version.clone()),
        "db_size_bytes": status.map(|status| status.db_size_bytes),
        "db_size_in_use_bytes": status.and_then(|status| status.db_size_in_use_bytes),
        "raft_index": status.map(|status| status.raft_index),
        "raft_applied_index": status.map(|status| status.raft_applied_index),
        "revision": status.map(|status| status.revision),
        "linearizable_read_seconds":
            member.probes.linearizable_read.map(|took| took.as_secs_f64()),
    })
}

fn of_history(history: &History) -> Value {
    match history {
        History::None(reason) => {
            json!({ "source": null, "reason": reason, "open": [], "past": [] })
        }
        History::Known { address, open, past, .. } => json!({
            "source": address,
            "open": open.iter().map(of_past).collect::<Vec<_>>(),
            "past": past.iter().map(of_past).collect::<Vec<_>>(),
        }),
    }
}

fn of_keys(keys: &Result<KeySpace, String>) -> Value {
    match keys {
        Err(reason) => json!({ "error": reason }),
        Ok(space) => json!({
            "endpoint": space.endpoint,
            "revision": space.revision,
            "total": space.total,
            "counted": space.counted,
            "cut_short": space.cut_short,
            "prefixes": space.prefixes.iter().map(|prefix| json!({
                "prefix": prefix.name,
                "keys": prefix.keys,
                "bytes": prefix.bytes,
            })).collect::<Vec<_>>(),
            "value_bytes": space.sizes,
        }),
    }
}

fn of_past(finding: &Past) -> Value {
    json!({
        "kind": finding.kind,
        "severity": finding.severity,
        "summary": finding.summary,
        "since": time(finding.since),
        "closed_at": finding.closed_at.map(time),
    })
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
