//! Snapshots and data directories of etcd: saving, reading, verifying, restoring, defragmenting.
//!
//! A snapshot is a member's database with a SHA-256 behind it. [`save()`] takes one from a running
//! member; [`status()`], [`hashkv()`], [`verify()`], [`inspect()`] and [`diff()`] read one without a cluster;
//! [`restore()`] makes of one the data directory of a new cluster's member; [`defrag()`] rewrites the
//! database of a member that is stopped, and [`migrate()`] changes the version of its form; [`keyfile`] has keys in a file of JSON lines. No etcd program
//! is needed for any of it.
//!
//! What is written appears under its name when it is whole and on disk, or not at all.

#![forbid(unsafe_code)]

mod contents;
mod copy;
mod crc32c;
mod defrag;
mod diff;
mod error;
mod file;
mod hashkv;
mod inspect;
pub mod keyfile;
mod keyspace;
mod log;
mod migrate;
mod part;
mod progress;
mod protobuf;
mod restore;
mod save;
mod status;
mod verify;

pub use contents::{Contents, LeaseRecord, MemberRecord};
pub use defrag::{Defragmented, database_path, defrag};
pub use diff::{Diff, Difference, Version, diff};
pub use error::Error;
pub use file::{HashCheck, SnapshotFile};
pub use hashkv::{HashKv, hashkv};
pub use inspect::{
    InspectOptions, Inspection, KeyFigure, MAX_PREFIXES, Top, Usage, inspect, prefix_of,
    prefixes_of,
};
pub use keyspace::Revision;
pub use migrate::{Migrated, StorageVersion, migrate};
pub use progress::{OnProgress, Progress};
pub use restore::{RestoreOptions, Restored, restore};
pub use save::{SaveOptions, Saved, candidates, save};
pub use status::{Status, status};
pub use verify::{Verification, verify};
