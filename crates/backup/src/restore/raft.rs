//! What a restored member starts its raft from: a log with the members' entries, and a snapshot.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::cluster::{Member, NewCluster};
use crate::crc32c::{self, Crc32c};
use crate::error::Error;
use crate::log::{CRC, ENTRY, METADATA, SNAPSHOT, STATE};
use crate::protobuf::Message;

/// The term in which the members' entries are.
pub(crate) const TERM: u64 = 1;
/// Bytes that etcd reserves for each file of its log.
const SEGMENT_BYTES: u64 = 64_000_000;
/// Name of the first file: sequence number and first index, both 0.
const SEGMENT_NAME: &str = "0000000000000000-0000000000000000.wal";

/// The numbers of all members as raft keeps them.
fn conf_state(cluster: &NewCluster) -> Vec<u8> {
    let voters = cluster.members.iter();
    voters
        .fold(Message::default(), |state, member| state.number(1, member.id))
        .number(5, 0)
        .finish()
}

/// The same in the form that etcd keeps in its database since 3.5.
pub(crate) fn conf_state_json(cluster: &NewCluster) -> Vec<u8> {
    let voters: Vec<u64> = cluster.members.iter().map(|member| member.id).collect();
    json!({ "voters": voters, "auto_leave": false }).to_string().into_bytes()
}

/// The entry that adds a member.
fn entry(index: u64, member: &Member) -> Result<Vec<u8>, Error> {
    let change = Message::default()
        .number(1, 0)
        .number(2, 0)
        .number(3, member.id)
        .bytes(4, &member_json(member)?)
        .finish();
    Ok(Message::default().number(1, 1).number(2, TERM).number(3, index).bytes(4, &change).finish())
}

/// A member as etcd keeps it.
pub(crate) fn member_json(member: &Member) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(member).map_err(|error| Error::Option(error.to_string()))
}

/// Writes the log into an existing directory.
pub(crate) fn write_log(directory: &Path, cluster: &NewCluster) -> Result<(), Error> {
    let path = directory.join(SEGMENT_NAME);
    let count = cluster.members.len() as u64;
    let mut log = Log::default();
    log.record(CRC, None);
    let metadata = Message::default().number(1, cluster.own.0).number(2, cluster.id.0).finish();
    log.record(METADATA, Some(&metadata));
    log.record(SNAPSHOT, Some(&Message::default().number(1, 0).number(2, 0).finish()));
    for (index, member) in (1..).zip(&cluster.members) {
        log.record(ENTRY, Some(&entry(index, member)?));
    }
    // A vote for the first member, as if it had led; a new election follows in the next term.
    let vote = cluster.members.first().map_or(0, |member| member.id);
    let state = Message::default().number(1, TERM).number(2, vote).number(3, count).finish();
    log.record(STATE, Some(&state));
    let snapshot =
        Message::default().number(1, count).number(2, TERM).bytes(3, &conf_state(cluster)).finish();
    log.record(SNAPSHOT, Some(&snapshot));
    let io = |source| Error::io("cannot write", &path, source);
    let mut file = new_file(&path).map_err(io)?;
    reserve(&file).map_err(io)?;
    file.write_all(&log.bytes).map_err(io)?;
    file.sync_all().map_err(io)
}

/// The records of a log, each with the sum of all data so far.
#[derive(Default)]
struct Log {
    bytes: Vec<u8>,
    crc: Crc32c,
}

impl Log {
    fn record(&mut self, kind: u64, data: Option<&[u8]>) {
        self.crc.update(data.unwrap_or_default());
        let record = Message::default().number(1, kind).number(2, u64::from(self.crc.sum()));
        let record = if let Some(data) = data { record.bytes(3, data) } else { record }.finish();
        // The length stands first; where padding to eight bytes follows, its size is in the high
        // byte.
        let padding = record.len().wrapping_neg() % 8;
        let mark = if padding == 0 { 0 } else { (0x80 | padding as u64) << 56 };
        self.bytes.extend((record.len() as u64 | mark).to_le_bytes());
        self.bytes.extend(&record);
        self.bytes.extend(std::iter::repeat_n(0, padding));
    }
}

/// Writes the snapshot of raft into an existing directory: where the log begins, and the members in
/// the form of the old store, which etcd up to 3.5 reads.
pub(crate) fn write_snapshot(directory: &Path, cluster: &NewCluster) -> Result<(), Error> {
    let count = cluster.members.len() as u64;
    let path = directory.join(format!("{TERM:016x}-{count:016x}.snap"));
    let metadata =
        Message::default().bytes(1, &conf_state(cluster)).number(2, count).number(3, TERM).finish();
    let store = old_store(cluster).to_string();
    let snapshot = Message::default().bytes(1, store.as_bytes()).bytes(2, &metadata).finish();
    let sum = u64::from(crc32c::of(&snapshot));
    let bytes = Message::default().number(1, sum).bytes(2, &snapshot).finish();
    let io = |source| Error::io("cannot write", &path, source);
    let mut file = new_file(&path).map_err(io)?;
    file.write_all(&bytes).map_err(io)?;
    file.sync_all().map_err(io)
}

/// The store of etcd's second API with the members and nothing else.
fn old_store(cluster: &NewCluster) -> Value {
    let mut members = Map::new();
    for (index, member) in (1_u64..).zip(&cluster.members) {
        let id = format!("{:x}", member.id);
        let attributes = json!({ "peerURLs": member.peer_urls }).to_string();
        let path = format!("/0/members/{id}");
        let leaf = node(&format!("{path}/raftAttributes"), index, &attributes, &Value::Null);
        let children = json!({ "raftAttributes": leaf });
        members.insert(id, node(&path, index, "", &children));
    }
    let members = node("/0/members", 1, "", &Value::Object(members));
    let cluster_root = node("/0", 0, "", &json!({ "members": members }));
    let keys_root = node("/1", 0, "", &json!({}));
    let root = node("/", 0, "", &json!({ "0": cluster_root, "1": keys_root }));
    // The store keeps its last 1000 events; it counts on that many places.
    let events = vec![Value::Null; 1000];
    let queue = json!({ "Events": events, "Size": 0, "Front": 0, "Back": 0, "Capacity": 1000 });
    let history = json!({ "Queue": queue, "StartIndex": 0, "LastIndex": 0 });
    json!({
        "Root": root,
        "WatcherHub": { "EventHistory": history },
        "CurrentIndex": cluster.members.len(),
        "Stats": { "createSuccess": cluster.members.len() },
        "CurrentVersion": 2,
    })
}

fn node(path: &str, index: u64, value: &str, children: &Value) -> Value {
    json!({
        "Path": path,
        "CreatedIndex": index,
        "ModifiedIndex": index,
        "ExpireTime": "0001-01-01T00:00:00Z",
        "Value": value,
        "Children": children,
    })
}

/// A file that does not exist yet, for this user only.
pub(crate) fn new_file(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Reserves room on disk, so that the member's log does not fail for want of it.
fn reserve(file: &File) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{FallocateFlags, fallocate};
        match fallocate(file, FallocateFlags::empty(), 0, SEGMENT_BYTES) {
            Ok(()) => return Ok(()),
            // Some file systems cannot; etcd makes do without there too.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
            Err(error) => return Err(error.into()),
        }
    }
    file.set_len(SEGMENT_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_what_etcdutl_writes_byte_for_byte() {
        let two = "m1=http://127.0.0.1:1,m2=http://127.0.0.1:2";
        let cluster = NewCluster::new("m1", two, "etcd-cluster", "http://127.0.0.1:1").unwrap();
        let directory = tempfile::tempdir().unwrap();
        write_log(directory.path(), &cluster).unwrap();
        let bytes = std::fs::read(directory.path().join(SEGMENT_NAME)).unwrap();
        assert_eq!(bytes.len() as u64, SEGMENT_BYTES);
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        // etcdutl 3.6 for the same flags: 0x18d bytes, whose sum this is.
        assert_eq!((used, crc32c::of(&bytes[..used])), (0x18d, 0xFEDA_40DF));
        reads_back(&bytes[..used.next_multiple_of(8)]);
    }

    /// Whole or cut off at its end a log is read; with a wrong bit it is not.
    fn reads_back(bytes: &[u8]) {
        let directory = tempfile::tempdir().unwrap();
        let read = |bytes: &[u8]| {
            std::fs::write(directory.path().join(SEGMENT_NAME), bytes).unwrap();
            let mut kinds = Vec::new();
            let read = crate::log::read(directory.path(), |record| {
                kinds.push(record.kind);
                Ok(())
            });
            read.map(|()| kinds).map_err(|error| error.to_string())
        };
        let kinds = [CRC, METADATA, SNAPSHOT, ENTRY, ENTRY, STATE, SNAPSHOT];
        assert_eq!(read(bytes).unwrap(), kinds);
        assert_eq!(read(&bytes[..bytes.len() - 9]).unwrap(), kinds[..6]);
        let mut flipped = bytes.to_vec();
        flipped[0xA0] ^= 1;
        let error = read(&flipped).unwrap_err();
        assert!(error.contains("its sum is wrong"), "{error}");
    }
}
