//! What a database holds besides keys: where it stood, its members, alarms, users, leases.

use std::path::Path;

use bbolt::Database;
use model::id::MemberId;
use serde::Deserialize;

use crate::error::Error;
use crate::keyspace::Revision;
use crate::protobuf::{Field, Fields};

pub(crate) const META: &[u8] = b"meta";
pub(crate) const CLUSTER: &[u8] = b"cluster";
pub(crate) const MEMBERS: &[u8] = b"members";
pub(crate) const MEMBERS_REMOVED: &[u8] = b"members_removed";
pub(crate) const CONSISTENT_INDEX: &[u8] = b"consistent_index";
pub(crate) const TERM: &[u8] = b"term";
pub(crate) const CONF_STATE: &[u8] = b"confState";
pub(crate) const SCHEDULED_COMPACTION: &[u8] = b"scheduledCompactRev";
pub(crate) const FINISHED_COMPACTION: &[u8] = b"finishedCompactRev";
pub(crate) const STORAGE_VERSION: &[u8] = b"storageVersion";

/// What a database holds besides keys. What a version of etcd does not write is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// The last entry of the log that it contains.
    pub consistent_index: Option<u64>,
    /// The term of that entry (3.5 and later).
    pub term: Option<u64>,
    /// Version of the format (3.6 and later).
    pub storage_version: Option<String>,
    /// Version that the cluster agreed on (3.5 and later).
    pub cluster_version: Option<String>,
    /// The revision that was last asked to be compacted.
    pub scheduled_compaction: Option<i64>,
    /// The revision that compaction has reached.
    pub finished_compaction: Option<i64>,
    /// The members.
    pub members: Vec<MemberRecord>,
    /// How many members were removed over time.
    pub removed_members: u64,
    /// Alarms that stand: member, and kind as etcd numbers it.
    pub alarms: Vec<(MemberId, u64)>,
    /// Whether authentication is on.
    pub auth_enabled: bool,
    /// Names of users.
    pub users: Vec<String>,
    /// Names of roles.
    pub roles: Vec<String>,
    /// Leases with their time to live.
    pub leases: Vec<LeaseRecord>,
}

/// A member as the database has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MemberRecord {
    /// Its number.
    pub id: u64,
    /// Its name; empty until it has started.
    #[serde(default)]
    pub name: String,
    /// Where its peers reach it.
    #[serde(default, rename = "peerURLs")]
    pub peer_urls: Vec<String>,
    /// Where clients reach it.
    #[serde(default, rename = "clientURLs")]
    pub client_urls: Vec<String>,
    /// Whether it does not vote.
    #[serde(default, rename = "isLearner")]
    pub is_learner: bool,
}

/// A lease as the database has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseRecord {
    /// Its number.
    pub id: i64,
    /// Seconds for which it was granted.
    pub ttl_seconds: i64,
}

impl Contents {
    /// Up to which revision history is gone, if any is.
    pub fn compact_revision(&self) -> Option<i64> {
        self.scheduled_compaction.max(self.finished_compaction)
    }

    /// Reads all buckets but that of the keys.
    pub(crate) fn read(path: &Path, database: &Database) -> Result<Self, Error> {
        let mut contents = Self::default();
        for name in database.bucket_names().map_err(|error| Error::read(path, error))? {
            if name == crate::keyspace::KEY_BUCKET {
                continue;
            }
            let bucket = database.bucket(&name).map_err(|error| Error::read(path, error))?;
            let Some(bucket) = bucket else { continue };
            let mut cursor = bucket.cursor();
            while let Some(entry) = cursor.next().map_err(|error| Error::read(path, error))? {
                contents.take(&name, entry.key, entry.value).map_err(|reason| {
                    let (bucket, key) = (text(&name), text(entry.key));
                    Error::damaged(path, format!("bucket {bucket:?}, key {key:?}: {reason}"))
                })?;
            }
        }
        Ok(contents)
    }

    fn take(&mut self, bucket: &[u8], key: &[u8], value: &[u8]) -> Result<(), String> {
        let revision = || Revision::parse(value).map(|(revision, _)| Some(revision.main));
        match (bucket, key) {
            (META, CONSISTENT_INDEX) => self.consistent_index = Some(number(value)?),
            (META, TERM) => self.term = Some(number(value)?),
            (META, STORAGE_VERSION) => self.storage_version = Some(text(value)),
            (META, SCHEDULED_COMPACTION) => self.scheduled_compaction = revision()?,
            (META, FINISHED_COMPACTION) => self.finished_compaction = revision()?,
            (CLUSTER, b"clusterVersion") => self.cluster_version = Some(text(value)),
            (MEMBERS, _) => {
                let member = serde_json::from_slice(value).map_err(|error| error.to_string())?;
                self.members.push(member);
            }
            (MEMBERS_REMOVED, _) => self.removed_members += 1,
            (b"alarm", _) => {
                let (member, kind) = two_numbers(key)?;
                self.alarms.push((MemberId(member), kind));
            }
            (b"auth", b"authEnabled") => self.auth_enabled = value == [1],
            (b"authUsers", _) => self.users.push(text(key)),
            (b"authRoles", _) => self.roles.push(text(key)),
            (b"lease", _) => {
                let (id, ttl_seconds) = two_numbers(value)?;
                let (id, ttl_seconds) = (id.cast_signed(), ttl_seconds.cast_signed());
                self.leases.push(LeaseRecord { id, ttl_seconds });
            }
            _ => {}
        }
        Ok(())
    }
}

fn number(value: &[u8]) -> Result<u64, String> {
    let bytes = value.try_into().map_err(|_| format!("it has {} bytes, not 8", value.len()))?;
    Ok(u64::from_be_bytes(bytes))
}

/// The first two fields of a message, both numbers; 0 where one is not there.
fn two_numbers(message: &[u8]) -> Result<(u64, u64), String> {
    let (mut first, mut second) = (0, 0);
    for field in Fields::of(message) {
        match field? {
            (1, Field::Number(number)) => first = number,
            (2, Field::Number(number)) => second = number,
            _ => {}
        }
    }
    Ok((first, second))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
