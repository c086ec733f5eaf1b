//! etcdutl's commands: files of etcd, without a cluster.

mod defrag;
mod hashkv;
mod migrate;
pub(crate) mod snapshot;
mod version;

use std::path::Path;

use crate::command::Command;
use crate::compat::Compat;
use crate::failure::Failure;
use crate::parse::Flag;

/// The root: `etcdutl` itself. The names stand in order.
pub static ROOT: Command = Command::group(
    "etcdutl",
    "etcdutl [flags]",
    "Works with the files of etcd, where no etcd runs on them.",
    &[&defrag::DEFRAG, &hashkv::HASHKV, &migrate::MIGRATE, &snapshot::SNAPSHOT, &version::VERSION],
)
.persistent(FLAGS);

const FLAGS: &[Flag] = &[
    Flag::text("compat", "3.6", "behave as this release of etcdutl: 3.5, 3.6 or 3.7").ours(),
    Flag::duration("timeout", "10s", "time to wait until etcd has left a database")
        .since(Compat::V3_7),
    Flag::text("write-out", "simple", "format: fields, json, protobuf, simple or table").short('w'),
];

/// Checks that a file is there, with the words of Go's `os.Stat`.
fn check_exists(path: &Path) -> Result<(), Failure> {
    std::fs::metadata(path).map(drop).map_err(|error| {
        let reason = match error.kind() {
            std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
            std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            std::io::ErrorKind::NotADirectory => "not a directory".to_owned(),
            _ => error.to_string(),
        };
        Failure::error(format!("stat {}: {reason}", path.display()))
    })
}
