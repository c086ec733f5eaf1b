//! `compaction`: forgets what keys were before a revision.

use etcd::wire::etcdserverpb::CompactionRequest;
use etcd::wire::rpc;

use super::Command;
use crate::call::Call;
use crate::failure::Failure;
use crate::go;
use crate::parse::Flag;

/// `compaction`.
pub(super) const COMPACTION: Command = Command::new(
    "compaction",
    "compaction [options] <revision>",
    "Forgets what keys were before a revision",
    |call| Box::pin(run(call)),
)
.flags(&[Flag::bool("physical", "answer only when the old revisions are gone from the file")]);

async fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    if call.args.len() != 1 {
        return Err(Failure::bad_args("compaction command needs 1 argument"));
    }
    let revision = go::int64_base(&call.arg(0), 10).map_err(Failure::error)?;
    let physical = call.flags.bool("physical");
    let session = call.session().await?;
    session.change(&rpc::COMPACT, CompactionRequest { revision, physical }).await?;
    call.say(&format!("compacted revision {revision}"));
    Ok(())
}
