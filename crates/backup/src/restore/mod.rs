//! Restoring a snapshot: a data directory from which etcd starts as a member of a new cluster.

mod cluster;
mod raft;
mod stage;

use std::path::{Path, PathBuf};

use model::id::{ClusterId, MemberId};

use self::cluster::NewCluster;
use self::stage::Stage;
use crate::contents::{
    CLUSTER, CONF_STATE, CONSISTENT_INDEX, Contents, MEMBERS, MEMBERS_REMOVED, META,
    SCHEDULED_COMPACTION, TERM,
};
use crate::copy::{self, Changes, Entries};
use crate::error::Error;
use crate::file::{HashCheck, SnapshotFile};
use crate::keyspace::{self, KEY_BUCKET, Revision};
use crate::progress::{Meter, OnProgress};

/// What to restore, and as what. The defaults are etcdutl's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreOptions {
    /// The snapshot, compressed or not.
    pub snapshot: PathBuf,
    /// The name of the member to restore.
    pub name: String,
    /// All members of the new cluster: `name=URL,…`.
    pub initial_cluster: String,
    /// Tells clusters with the same addresses apart.
    pub initial_cluster_token: String,
    /// Where the member's peers will reach it, separated by commas.
    pub initial_advertise_peer_urls: String,
    /// Where to; `NAME.etcd` if none is given. It must not exist, or be empty.
    pub data_dir: Option<PathBuf>,
    /// Where the log goes, if not into the data directory. It must not exist.
    pub wal_dir: Option<PathBuf>,
    /// Takes a file without a hash, such as a copy from a data directory, or with a wrong one.
    pub skip_hash_check: bool,
    /// Adds so much to the last revision, so that clients do not see it go back.
    pub bump_revision: u64,
    /// Marks everything up to the new last revision as compacted, so that watches begin anew.
    pub mark_compacted: bool,
}

impl RestoreOptions {
    /// Restores `snapshot` as the only member of a cluster.
    pub fn new(snapshot: impl Into<PathBuf>) -> Self {
        Self {
            snapshot: snapshot.into(),
            name: "default".to_owned(),
            initial_cluster: "default=http://localhost:2380".to_owned(),
            initial_cluster_token: "etcd-cluster".to_owned(),
            initial_advertise_peer_urls: "http://localhost:2380".to_owned(),
            data_dir: None,
            wal_dir: None,
            skip_hash_check: false,
            bump_revision: 0,
            mark_compacted: false,
        }
    }
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The data directory.
    pub data_dir: PathBuf,
    /// The log's directory.
    pub wal_dir: PathBuf,
    /// The number of the new cluster.
    pub cluster_id: ClusterId,
    /// The number of the restored member.
    pub member_id: MemberId,
    /// How many members the new cluster has.
    pub members: usize,
    /// The last revision, bumped if that was asked for.
    pub revision: i64,
    /// Bytes of the database.
    pub database_bytes: u64,
}

/// Restores a snapshot.
///
/// Everything is built beside its place and gets its name when it is whole and on disk. What a
/// killed restore left is removed by the next one.
pub fn restore(options: &RestoreOptions, progress: &mut OnProgress<'_>) -> Result<Restored, Error> {
    if (options.bump_revision > 0) != options.mark_compacted {
        return Err(Error::Option("--mark-compacted required if --revision-bump > 0".to_owned()));
    }
    let cluster = NewCluster::new(
        &options.name,
        &options.initial_cluster,
        &options.initial_cluster_token,
        &options.initial_advertise_peer_urls,
    )?;
    let data_dir = match &options.data_dir {
        Some(data_dir) if !data_dir.as_os_str().is_empty() => data_dir.clone(),
        _ => PathBuf::from(format!("{}.etcd", options.name)),
    };
    let within = data_dir.join("member").join("wal");
    // Said explicitly, that place is within the data directory all the same.
    let wal_dir =
        options.wal_dir.clone().filter(|dir| !dir.as_os_str().is_empty() && *dir != within);
    stage::check_places(&data_dir, wal_dir.as_deref())?;

    let file = SnapshotFile::open(&options.snapshot)?;
    let (revision, changes) = prepare(&file, options, &cluster)?;
    let stage = Stage::create(&data_dir, wal_dir.as_deref())?;
    raft::write_log(stage.wal_dir(), &cluster)?;
    raft::write_snapshot(stage.snap_dir(), &cluster)?;
    let path = stage.snap_dir().join("db");
    let io = |source| Error::io("cannot write", &path, source);
    let database = raft::new_file(&path).map_err(io)?;
    let handle = database.try_clone().map_err(io)?;
    let mut meter = Meter::new(progress);
    let from = (options.snapshot.as_path(), file.database());
    let database_bytes = copy::copy(from, (&path, handle), &changes, &mut meter)?;
    database.sync_all().map_err(io)?;
    stage.finish()?;
    Ok(Restored {
        wal_dir: wal_dir.unwrap_or(within),
        data_dir,
        cluster_id: cluster.id,
        member_id: cluster.own,
        members: cluster.members.len(),
        revision,
        database_bytes,
    })
}

/// Checks the snapshot; answers the last revision to be, and what will be different.
fn prepare(
    file: &SnapshotFile,
    options: &RestoreOptions,
    cluster: &NewCluster,
) -> Result<(i64, Changes), Error> {
    let (path, database) = (file.path(), file.database());
    if !options.skip_hash_check && file.check_hash()? == HashCheck::Absent {
        return Err(Error::Option(format!(
            "snapshot missing hash but --skip-hash-check=false: {} was copied from a data directory, \
             or its end is cut off",
            path.display()
        )));
    }
    let report = database.check().map_err(|error| Error::read(path, error))?;
    if let Some(problem) = report.problems.first() {
        let count = report.problems.len() as u64 + report.omitted_problems;
        return Err(Error::damaged(path, format!("{count} problems, the first: {problem}")));
    }
    let contents = Contents::read(path, database)?;
    let last = last_revision(path, file)?;
    let mut revision = last.max(contents.compact_revision().unwrap_or(0)).max(1);
    let count = cluster.members.len() as u64;

    let mut changes = Changes::default();
    let mut meta = Entries::new();
    meta.insert(CONSISTENT_INDEX.to_vec(), count.to_be_bytes().to_vec());
    meta.insert(TERM.to_vec(), raft::TERM.to_be_bytes().to_vec());
    let meta_bucket = database.bucket(META).map_err(|error| Error::read(path, error))?;
    if let Some(bucket) = meta_bucket
        && bucket.get(CONF_STATE).map_err(|error| Error::read(path, error))?.is_some()
    {
        meta.insert(CONF_STATE.to_vec(), raft::conf_state_json(cluster));
    }
    if options.bump_revision > 0 {
        let bumped = i64::try_from(options.bump_revision).ok().and_then(|by| last.checked_add(by));
        let Some(main) = bumped else {
            let (by, max) = (options.bump_revision, i64::MAX - last);
            return Err(Error::Option(format!(
                "--bump-revision={by} is too much; up to {max} fits"
            )));
        };
        revision = main;
        let bumped = Revision { main, sub: 0 }.to_bytes().to_vec();
        meta.insert(SCHEDULED_COMPACTION.to_vec(), bumped.clone());
        changes.set.insert(KEY_BUCKET.to_vec(), [(bumped, Vec::new())].into());
    }
    changes.set.insert(META.to_vec(), meta);
    changes.set.insert(CLUSTER.to_vec(), Entries::new());
    let mut members = Entries::new();
    for member in &cluster.members {
        let key = format!("{:x}", member.id).into_bytes();
        members.insert(key, raft::member_json(member)?);
    }
    changes.replaced.insert(MEMBERS.to_vec(), members);
    changes.replaced.insert(MEMBERS_REMOVED.to_vec(), Entries::new());
    Ok((revision, changes))
}

/// The revision of the last record; all are read, so that none is found unreadable by etcd later.
fn last_revision(path: &Path, file: &SnapshotFile) -> Result<i64, Error> {
    let mut last = 0;
    keyspace::scan(path, file.database(), |record| last = record.revision.main)?;
    Ok(last)
}
