//! `downgrade`: lets a cluster go back one minor version.

use etcd::wire::etcdserverpb as pb;
use etcd::wire::etcdserverpb::downgrade_request::DowngradeAction;
use etcd::wire::rpc;

use super::Command;
use crate::answer::Downgraded;
use crate::call::Call;
use crate::compat::Compat;
use crate::failure::Failure;

/// `downgrade`.
pub(super) const DOWNGRADE: Command = Command::group(
    "downgrade",
    "downgrade <TARGET_VERSION>",
    "Downgrade related commands",
    &[&CANCEL, &ENABLE, &VALIDATE],
)
.since(Compat::V3_6);

const CANCEL: Command =
    Command::new("cancel", "cancel", "Cancel the ongoing downgrade action to cluster", |call| {
        Box::pin(cancel(call))
    });

const ENABLE: Command = Command::new(
    "enable",
    "enable <TARGET_VERSION>",
    "Start a downgrade action to cluster",
    |call| Box::pin(to_version(call, DowngradeAction::Enable, "enable")),
);

const VALIDATE: Command = Command::new(
    "validate",
    "validate <TARGET_VERSION>",
    "Validate downgrade capability before starting downgrade",
    |call| Box::pin(to_version(call, DowngradeAction::Validate, "validate")),
);

async fn cancel(call: &mut Call<'_>) -> Result<(), Failure> {
    request(call, DowngradeAction::Cancel, "cancel", String::new()).await
}

async fn to_version(
    call: &mut Call<'_>,
    action: DowngradeAction,
    what: &'static str,
) -> Result<(), Failure> {
    match call.args.len() {
        0 => return Err(Failure::bad_args("TARGET_VERSION not provided")),
        1 => {}
        _ => return Err(Failure::bad_args("too many arguments")),
    }
    let version = call.arg(0);
    if version.is_empty() {
        return Err(Failure::bad_args("target version not provided"));
    }
    request(call, action, what, version).await
}

async fn request(
    call: &mut Call<'_>,
    action: DowngradeAction,
    what: &'static str,
    version: String,
) -> Result<(), Failure> {
    let session = call.session().await?;
    let request = pb::DowngradeRequest { action: action as i32, version };
    let answer = session.change(&rpc::DOWNGRADE, request).await?;
    call.print(&Downgraded(what, &answer))
}
