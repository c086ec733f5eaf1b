//! `del`: deletes one key or a range.

use std::time::Duration;

use etcd::wire::etcdserverpb::DeleteRangeRequest;
use etcd::wire::rpc;

use super::Command;
use super::get::{ONE_RANGE, TOO_MANY, range};
use crate::answer::Deleted;
use crate::call::Call;
use crate::compat::Compat;
use crate::confirm::{
    DRY_RUN, Silence, YES, confirm, is_refused, is_wanted, keys, look, name_keys,
};
use crate::failure::Failure;
use crate::go;
use crate::io::Io;
use crate::parse::{Flag, Flags};

/// `del`.
pub(super) const DEL: Command = Command::new(
    "del",
    "del [options] <key> [range_end]",
    "Deletes a key, or the keys from one up to another: [key, range_end)",
    |call| Box::pin(run(call)),
)
.flags(FLAGS);

/// Its flags; a transaction's `del` takes those of etcdctl.
const FLAGS: &[Flag] = &[
    DRY_RUN,
    Flag::bool("from-key", "all keys from this one on"),
    Flag::bool("prefix", "all keys that begin so"),
    Flag::bool("prev-kv", "answer the keys that were deleted"),
    Flag::bool("range", "yes, a range: do not wait before it is deleted").since(Compat::V3_5),
    YES,
];

/// Time to think again before a range is deleted.
pub(super) const SECOND_THOUGHTS: Duration = Duration::from_secs(2);

async fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    let request = request(&call.args, &call.flags)?;
    let is_asked = is_wanted(call) && (call.flags.bool("dry-run") || !request.range_end.is_empty());
    if !is_asked
        && !call.flags.bool("yes")
        && warn_of_range(&call.args, &call.flags, call.compat, call.io)
    {
        tokio::time::sleep(SECOND_THOUGHTS).await;
    }
    let session = call.session().await?;
    if is_asked {
        let found = look(&session, request.key.clone(), request.range_end.clone()).await;
        let plan = match found {
            Ok(found) => {
                let mut plan = vec![format!("delete {}", keys(found.count))];
                let names = found.kvs.iter().map(|kv| &kv.key[..]);
                plan.extend(name_keys(names, usize::try_from(found.count).unwrap_or_default()));
                plan
            }
            // Who may write need not be allowed to read.
            Err(failure) if is_refused(&failure) => {
                vec!["delete keys that this user may not read".to_owned()]
            }
            Err(failure) => return Err(failure),
        };
        if !confirm(call, &plan, "Delete them?", Silence::MeansYes)? {
            return Ok(());
        }
    }
    let reply = session.change(&rpc::DELETE_RANGE, request).await?;
    call.print(&Deleted(&reply))
}

/// Says what a range end does; answers whether to wait then.
pub(super) fn warn_of_range(args: &[Vec<u8>], flags: &Flags, compat: Compat, io: &mut Io) -> bool {
    let [key, end] = args else { return false };
    if flags.bool("range") || compat < Compat::V3_5 {
        return false;
    }
    if compat < Compat::V3_6 {
        io.complain(
            "In etcd v3.6, the operation will be suspended for a few seconds to provide the user \
             time to verify range.",
        );
        return false;
    }
    io.complain(&format!(
        "Warning: Keys between {} and {} will be deleted. Please interrupt the command within next \
         2 seconds to cancel. You can provide `--range` flag to avoid the delay.",
        go::quote(key),
        go::quote(end)
    ));
    true
}

/// The request that arguments and flags describe.
pub(super) fn request(args: &[Vec<u8>], flags: &Flags) -> Result<DeleteRangeRequest, Failure> {
    let (key, rest) = match args {
        [key, rest @ ..] if rest.len() <= 1 => (key, rest),
        _ => {
            return Err(Failure::bad_args(
                "del command needs one argument as key and an optional argument as range_end",
            ));
        }
    };
    let (is_prefix, is_from_key) = (flags.bool("prefix"), flags.bool("from-key"));
    if is_prefix && is_from_key {
        return Err(Failure::bad_args(ONE_RANGE));
    }
    if !rest.is_empty() && (is_prefix || is_from_key) {
        return Err(Failure::bad_args(TOO_MANY));
    }
    let (key, range_end) = range(key, rest.first(), is_prefix, is_from_key);
    Ok(DeleteRangeRequest { key, range_end, prev_kv: flags.bool("prev-kv") })
}
