//! What members answer, in our types: absent is `None`, identifiers are typed.

use etcd_proto::{etcdserverpb, mvccpb};
use model::id::{ClusterId, MemberId};

pub use mvccpb::KeyValue;

/// Who answered, and as of which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Cluster of the member that answered.
    pub cluster_id: ClusterId,
    /// The member that answered.
    pub member_id: MemberId,
    /// Revision of the store; 0 in answers about membership and alarms.
    pub revision: i64,
    /// Term of the last entry that the member applied, not the current term of its raft.
    pub raft_term: u64,
}

impl From<Option<etcdserverpb::ResponseHeader>> for Header {
    fn from(header: Option<etcdserverpb::ResponseHeader>) -> Self {
        let header = header.unwrap_or_default();
        Self {
            cluster_id: ClusterId(header.cluster_id),
            member_id: MemberId(header.member_id),
            revision: header.revision,
            raft_term: header.raft_term,
        }
    }
}

/// The state of one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Who answered.
    pub header: Header,
    /// Version of the server, such as `3.6.12`.
    pub version: String,
    /// Size of the database file, free pages included.
    pub db_size_bytes: u64,
    /// Part of the file that holds data; `None` from servers that do not say.
    pub db_size_in_use_bytes: Option<u64>,
    /// The leader that this member follows, if it knows one.
    pub leader: Option<MemberId>,
    /// Committed index.
    pub raft_index: u64,
    /// Term of the last applied entry.
    pub raft_term: u64,
    /// Applied index.
    pub raft_applied_index: u64,
    /// Alarms and the lack of a leader, in the server's words.
    pub errors: Vec<String>,
    /// Whether the member does not vote.
    pub is_learner: bool,
    /// Version of the storage format (3.6 and later).
    pub storage_version: Option<String>,
    /// Size at which the member refuses writes (3.6 and later).
    pub db_size_quota_bytes: Option<u64>,
    /// Whether a downgrade is under way (3.6 and later).
    pub downgrade: Option<DowngradeInfo>,
}

/// A downgrade of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DowngradeInfo {
    /// Whether the cluster is being downgraded.
    pub enabled: bool,
    /// The version that it goes to; empty when not enabled.
    pub target_version: String,
}

impl From<etcdserverpb::StatusResponse> for Status {
    fn from(status: etcdserverpb::StatusResponse) -> Self {
        Self {
            header: status.header.into(),
            version: status.version,
            db_size_bytes: status.db_size.max(0) as u64,
            db_size_in_use_bytes: positive(status.db_size_in_use),
            leader: (status.leader != 0).then_some(MemberId(status.leader)),
            raft_index: status.raft_index,
            raft_term: status.raft_term,
            raft_applied_index: status.raft_applied_index,
            errors: status.errors,
            is_learner: status.is_learner,
            storage_version: Some(status.storage_version).filter(|version| !version.is_empty()),
            db_size_quota_bytes: positive(status.db_size_quota),
            downgrade: status.downgrade_info.map(|info| DowngradeInfo {
                enabled: info.enabled,
                target_version: info.target_version,
            }),
        }
    }
}

/// Sizes that a server does not send arrive as 0, and none of them can truly be 0.
fn positive(size: i64) -> Option<u64> {
    u64::try_from(size).ok().filter(|size| *size > 0)
}

/// One member as a member list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberInfo {
    /// Its ID.
    pub id: MemberId,
    /// Its name; empty until it has started for the first time.
    pub name: String,
    /// Where other members reach it.
    pub peer_urls: Vec<String>,
    /// Where it says that clients reach it; empty until it has started for the first time.
    pub client_urls: Vec<String>,
    /// Whether it does not vote.
    pub is_learner: bool,
}

impl From<etcdserverpb::Member> for MemberInfo {
    fn from(member: etcdserverpb::Member) -> Self {
        Self {
            id: MemberId(member.id),
            name: member.name,
            peer_urls: member.peer_urls,
            client_urls: member.client_urls,
            is_learner: member.is_learner,
        }
    }
}

/// The members of a cluster, as one of them knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberList {
    /// Who answered.
    pub header: Header,
    /// All members, learners included.
    pub members: Vec<MemberInfo>,
}

impl MemberList {
    pub(crate) fn new(
        header: Option<etcdserverpb::ResponseHeader>,
        members: Vec<etcdserverpb::Member>,
    ) -> Self {
        Self { header: header.into(), members: members.into_iter().map(Into::into).collect() }
    }
}

/// The kind of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AlarmKind {
    /// The database is full: the cluster refuses writes.
    Nospace,
    /// A member's data differ from the others'.
    Corrupt,
    /// A kind that this version does not know.
    Other(i32),
}

impl AlarmKind {
    /// The number on the wire.
    pub(crate) fn number(self) -> i32 {
        match self {
            Self::Nospace => etcdserverpb::AlarmType::Nospace as i32,
            Self::Corrupt => etcdserverpb::AlarmType::Corrupt as i32,
            Self::Other(number) => number,
        }
    }
}

/// As etcdctl prints it.
impl std::fmt::Display for AlarmKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nospace => f.write_str("NOSPACE"),
            Self::Corrupt => f.write_str("CORRUPT"),
            Self::Other(number) => write!(f, "ALARM {number}"),
        }
    }
}

/// One alarm that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Alarm {
    /// The member that raised it.
    pub member: MemberId,
    /// What it says.
    pub kind: AlarmKind,
}

impl From<etcdserverpb::AlarmMember> for Alarm {
    fn from(alarm: etcdserverpb::AlarmMember) -> Self {
        let kind = match etcdserverpb::AlarmType::try_from(alarm.alarm) {
            Ok(etcdserverpb::AlarmType::Nospace) => AlarmKind::Nospace,
            Ok(etcdserverpb::AlarmType::Corrupt) => AlarmKind::Corrupt,
            _ => AlarmKind::Other(alarm.alarm),
        };
        Self { member: MemberId(alarm.member_id), kind }
    }
}

/// The hash of a member's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashKv {
    /// Who answered.
    pub header: Header,
    /// Hash of all keys from the compact revision up to the hashed one.
    pub hash: u32,
    /// Hashes compare only when this is equal too.
    pub compact_revision: i64,
    /// The revision that was hashed (3.6 and later).
    pub hash_revision: Option<i64>,
}

/// A lease that was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseGranted {
    /// The lease.
    pub id: i64,
    /// Its life in seconds, which may be more than was asked for.
    pub ttl_seconds: i64,
}
