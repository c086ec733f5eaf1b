//! `etcdutl hashkv`: the hash of a file's keys, as members compare theirs.

use std::future::ready;

use crate::answer::FileHash;
use crate::call::Call;
use crate::command::Command;
use crate::command::snapshot::{failure, path_of};
use crate::compat::Compat;
use crate::failure::Failure;
use crate::parse::Flag;

/// `hashkv`.
pub(super) const HASHKV: Command = Command::new(
    "hashkv",
    "hashkv <filename>",
    "Prints the hash of the keys and their history in a file",
    |call| Box::pin(ready(run(call))),
)
.flags(&[Flag::int("rev", "0", "hash up to this revision; 0 is the last")])
.since(Compat::V3_6);

fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    let [path] = call.args.as_slice() else {
        return Err(Failure::error(format!("accepts 1 arg(s), received {}", call.args.len())));
    };
    let path = path_of(path);
    call.offline()?;
    super::check_exists(&path)?;
    let revision = Some(call.flags.int("rev")).filter(|revision| *revision != 0);
    let hash = backup::hashkv(&path, revision).map_err(failure)?;
    call.print(&FileHash(&hash))
}
