//! `compaction`: forgets what keys were before a revision.

use bytes::Bytes;
use etcd::wire::etcdserverpb::CompactionRequest;
use etcd::wire::rpc;

use super::Command;
use crate::call::Call;
use crate::confirm::{DRY_RUN, Silence, YES, confirm, is_refused, is_wanted, look};
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
.flags(&[
    DRY_RUN,
    Flag::bool("physical", "answer only when the old revisions are gone from the file"),
    YES,
]);

async fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    if call.args.len() != 1 {
        return Err(Failure::bad_args("compaction command needs 1 argument"));
    }
    let revision = go::int64_base(&call.arg(0), 10).map_err(Failure::error)?;
    let physical = call.flags.bool("physical");
    let session = call.session().await?;
    if is_wanted(call) {
        let mut plan = vec![format!("forget what all keys were before revision {revision}")];
        match look(&session, Bytes::from_static(b"\0"), Bytes::new()).await {
            Ok(found) => {
                let newest = found.header.unwrap_or_default().revision;
                plan.push(format!("the newest revision is {newest}"));
            }
            Err(failure) if is_refused(&failure) => {}
            Err(failure) => return Err(failure),
        }
        if !confirm(call, &plan, "Forget it?", Silence::MeansYes)? {
            return Ok(());
        }
    }
    session.change(&rpc::COMPACT, CompactionRequest { revision, physical }).await?;
    call.say(&format!("compacted revision {revision}"));
    Ok(())
}
