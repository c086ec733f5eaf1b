//! A member in answers.

use model::membership::MembershipChange;
use monitor::view::{ClusterView, MemberView};
use serde::Serialize;
use store::Page;
use utoipa::ToSchema;

use crate::wire::names::{MemberName, healths, membership_changes, roles};
use crate::wire::time::{Time, seconds};

/// The members of a cluster, and what happened to its member list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Members {
    /// The cluster's name in the configuration.
    pub(crate) cluster: String,
    /// When the last sweep was judged; null before the first.
    pub(crate) as_of: Option<Time>,
    /// All members; then configured endpoints of which no member is known.
    pub(crate) members: Vec<Member>,
    /// Additions, removals and promotions that the monitor saw, newest first: the last 500.
    pub(crate) history: Vec<MemberListChange>,
}

impl From<&ClusterView> for Members {
    fn from(view: &ClusterView) -> Self {
        Self {
            cluster: view.name.clone(),
            as_of: view.as_of.map(Time),
            members: view.members.iter().map(Member::from).collect(),
            history: view.membership_history.iter().map(MemberListChange::from).collect(),
        }
    }
}

/// A member, or a configured endpoint of which no member is known.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Member {
    /// Its ID; null while it has never answered.
    #[schema(example = "8e9e05c52164694d")]
    pub(crate) id: Option<String>,
    /// Its name in the member list, or the endpoint where it has none.
    #[schema(example = "infra1")]
    pub(crate) name: String,
    /// Where it is asked, `host:port`; null when it has no client URL.
    #[schema(example = "10.0.0.1:2379")]
    pub(crate) endpoint: Option<String>,
    /// The part that it plays.
    #[schema(schema_with = roles)]
    pub(crate) role: &'static str,
    /// Whether it does its work.
    #[schema(schema_with = healths)]
    pub(crate) health: &'static str,
    /// Why it is not healthy; empty when it is.
    pub(crate) reasons: Vec<String>,
    /// Whether it answers at all; null when it was not asked yet.
    pub(crate) is_reachable: Option<bool>,
    /// Whether the cluster's member list has it.
    pub(crate) is_listed: bool,
    /// Whether it has a vote.
    pub(crate) is_voter: bool,
    /// When it last told its status. The figures from `version` to `errors` are of that moment.
    pub(crate) last_seen: Option<Time>,
    /// Server version.
    #[schema(example = "3.6.5")]
    pub(crate) version: Option<String>,
    /// Storage version (etcd 3.6 and later).
    pub(crate) storage_version: Option<String>,
    /// Size of the database file.
    pub(crate) db_size_bytes: Option<u64>,
    /// Bytes of it that are in use.
    pub(crate) db_size_in_use_bytes: Option<u64>,
    /// The most that it may grow to (etcd 3.6 and later tell).
    pub(crate) db_size_quota_bytes: Option<u64>,
    /// The ID of the member that it takes for the leader; null when it knows none.
    pub(crate) reported_leader: Option<String>,
    /// The raft term of its last applied entry.
    pub(crate) raft_term: Option<u64>,
    /// Its committed index.
    pub(crate) raft_index: Option<u64>,
    /// Its applied index.
    pub(crate) raft_applied_index: Option<u64>,
    /// The revision of its key-value store.
    pub(crate) revision: Option<i64>,
    /// What it complains of.
    pub(crate) errors: Vec<String>,
    /// Alarms raised on it: `NOSPACE`, `CORRUPT`.
    pub(crate) alarms: Vec<String>,
    /// How long the probes of the last sweep took.
    pub(crate) probes: Probes,
    /// When the certificate that it shows expires; null without TLS.
    pub(crate) certificate_expires_at: Option<Time>,
    /// Why its metrics could not be read the last time; null when they could.
    pub(crate) scrape_error: Option<String>,
    /// Its peer URLs in the member list.
    pub(crate) peer_urls: Vec<String>,
    /// Its client URLs in the member list.
    pub(crate) client_urls: Vec<String>,
}

/// How long the probes of one sweep took; null where one failed or did not run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Probes {
    /// The Status call.
    pub(crate) status_seconds: Option<f64>,
    /// The serializable read: the member alone.
    pub(crate) serializable_read_seconds: Option<f64>,
    /// The linearizable read: with the quorum.
    pub(crate) linearizable_read_seconds: Option<f64>,
    /// The write, where the write probe is on.
    pub(crate) write_seconds: Option<f64>,
}

impl From<&MemberView> for Member {
    fn from(member: &MemberView) -> Self {
        let status = member.status.as_ref();
        Self {
            id: member.id.map(|id| id.to_string()),
            name: member.name.clone(),
            endpoint: member.endpoint.clone(),
            role: member.role.as_str(),
            health: member.health.as_str(),
            reasons: member.reasons.clone(),
            is_reachable: member.is_reachable,
            is_listed: member.is_listed,
            is_voter: member.is_voter(),
            last_seen: member.last_seen.map(Time),
            version: status.map(|status| status.version.clone()),
            storage_version: status.and_then(|status| status.storage_version.clone()),
            db_size_bytes: status.map(|status| status.db_size_bytes),
            db_size_in_use_bytes: status.and_then(|status| status.db_size_in_use_bytes),
            db_size_quota_bytes: status.and_then(|status| status.db_size_quota_bytes),
            reported_leader: status.and_then(|status| status.leader).map(|id| id.to_string()),
            raft_term: status.map(|status| status.raft_term),
            raft_index: status.map(|status| status.raft_index),
            raft_applied_index: status.map(|status| status.raft_applied_index),
            revision: status.map(|status| status.revision),
            errors: status.map(|status| status.errors.clone()).unwrap_or_default(),
            alarms: member.alarms.clone(),
            probes: Probes {
                status_seconds: seconds(member.probes.status),
                serializable_read_seconds: seconds(member.probes.serializable_read),
                linearizable_read_seconds: seconds(member.probes.linearizable_read),
                write_seconds: seconds(member.probes.write),
            },
            certificate_expires_at: member.certificate_expires_at.map(Time),
            scrape_error: member.scrape_error.clone(),
            peer_urls: member.peer_urls.clone(),
            client_urls: member.client_urls.clone(),
        }
    }
}

/// A page of what happened to the member list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MemberListHistory {
    /// Newest first.
    pub(crate) changes: Vec<MemberListChange>,
    /// Give this as `before` to get the next, older page; null on the last one.
    pub(crate) next_before: Option<u64>,
}

impl From<&Page<MembershipChange>> for MemberListHistory {
    fn from(page: &Page<MembershipChange>) -> Self {
        let changes = page.items.iter().map(MemberListChange::from).collect();
        Self { changes, next_before: page.next_before }
    }
}

/// Something that happened to the member list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MemberListChange {
    /// When the monitor saw it.
    pub(crate) at: Time,
    /// What happened.
    #[schema(schema_with = membership_changes)]
    pub(crate) kind: &'static str,
    /// To whom.
    pub(crate) member: MemberName,
    /// In words.
    pub(crate) detail: String,
}

impl From<&MembershipChange> for MemberListChange {
    fn from(change: &MembershipChange) -> Self {
        Self {
            at: Time(change.at),
            kind: change.kind.as_str(),
            member: MemberName::from(&change.member),
            detail: change.detail.clone(),
        }
    }
}
