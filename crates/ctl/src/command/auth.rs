//! `auth`: whether users and roles count.

use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;

use super::Command;
use crate::answer::AuthState;
use crate::call::Call;
use crate::compat::Compat;
use crate::confirm::{DRY_RUN, Silence, YES, confirm, is_wanted};
use crate::failure::Failure;

/// `auth`.
pub(super) const AUTH: Command = Command::group(
    "auth",
    "auth <enable or disable>",
    "Enable or disable authentication",
    &[&DISABLE, &ENABLE, &STATUS],
);

const DISABLE: Command =
    Command::new("disable", "disable", "Disables authentication", |call| Box::pin(disable(call)))
        .flags(&[DRY_RUN, YES]);

const ENABLE: Command =
    Command::new("enable", "enable", "Enables authentication", |call| Box::pin(enable(call)))
        .long("Needs a user root; the role root is made and given to it where it is missing.")
        .flags(&[DRY_RUN, YES]);

const STATUS: Command = Command::new("status", "status", "Returns authentication status", |call| {
    Box::pin(status(call))
})
.since(Compat::V3_5);

/// What the server says when there is no role root, or the user root does not have it.
const NO_ROOT_ROLE: &str = "etcdserver: root user does not have root role";

async fn enable(call: &mut Call<'_>) -> Result<(), Failure> {
    refuse_arguments(call, "enable")?;
    let session = call.session().await?;
    if is_wanted(call) {
        let users = session.read(&rpc::USER_LIST, pb::AuthUserListRequest {}).await?.users;
        let names = if users.is_empty() { "nobody".to_owned() } else { users.join(", ") };
        let plan = [format!("refuse every client that is none of the users: {names}")];
        if !confirm(call, &plan, "Enable authentication?", Silence::MeansYes)? {
            return Ok(());
        }
    }
    let mut answer = session.change(&rpc::AUTH_ENABLE, pb::AuthEnableRequest {}).await;
    if answer.as_ref().is_err_and(|failure| failure.message == NO_ROOT_ROLE) {
        let root = || "root".to_owned();
        let added = session.change(&rpc::ROLE_ADD, pb::AuthRoleAddRequest { name: root() }).await;
        // There may be one that the user does not have.
        added.map(|_| ()).or_else(|failure| {
            let is_there = failure.message.ends_with("role name already exists");
            if is_there { Ok(()) } else { Err(failure) }
        })?;
        let grant = pb::AuthUserGrantRoleRequest { user: root(), role: root() };
        session.change(&rpc::USER_GRANT_ROLE, grant).await?;
        answer = session.change(&rpc::AUTH_ENABLE, pb::AuthEnableRequest {}).await;
    }
    answer?;
    call.say("Authentication Enabled");
    Ok(())
}

async fn disable(call: &mut Call<'_>) -> Result<(), Failure> {
    refuse_arguments(call, "disable")?;
    let session = call.session().await?;
    if is_wanted(call) {
        let plan = ["let every client do everything: users and roles count no more".to_owned()];
        if !confirm(call, &plan, "Disable authentication?", Silence::MeansYes)? {
            return Ok(());
        }
    }
    session.change(&rpc::AUTH_DISABLE, pb::AuthDisableRequest {}).await?;
    call.say("Authentication Disabled");
    Ok(())
}

async fn status(call: &mut Call<'_>) -> Result<(), Failure> {
    refuse_arguments(call, "status")?;
    let session = call.session().await?;
    let answer = session.read(&rpc::AUTH_STATUS, pb::AuthStatusRequest {}).await?;
    call.print(&AuthState(&answer))
}

fn refuse_arguments(call: &Call<'_>, name: &str) -> Result<(), Failure> {
    if call.args.is_empty() {
        return Ok(());
    }
    Err(Failure::bad_args(format!("auth {name} command does not accept any arguments")))
}
