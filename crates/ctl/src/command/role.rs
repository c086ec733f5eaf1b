//! `role`: what users may read and write.

use bytes::Bytes;
use etcd::prefix_end;
use etcd::wire::authpb::Permission;
use etcd::wire::authpb::permission::Type;
use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;

use super::Command;
use crate::answer::{Empty, RoleShown, Roles};
use crate::call::Call;
use crate::failure::Failure;
use crate::parse::Flag;

/// `role`.
pub(super) const ROLE: Command = Command::group(
    "role",
    "role <subcommand>",
    "Role related commands",
    &[&ADD, &DELETE, &GET, &GRANT, &LIST, &REVOKE],
);

const RANGE: &[Flag] = &[
    Flag::bool("from-key", "all keys from this one on"),
    Flag::bool("prefix", "all keys that begin with this one"),
];

const ADD: Command =
    Command::new("add", "add <role name>", "Adds a new role", |call| Box::pin(add(call)));

const DELETE: Command =
    Command::new("delete", "delete <role name>", "Deletes a role", |call| Box::pin(delete(call)));

const GET: Command =
    Command::new("get", "get <role name>", "Gets detailed information of a role", |call| {
        Box::pin(get(call))
    });

const GRANT: Command = Command::new(
    "grant-permission",
    "grant-permission [options] <role name> <permission type> <key> [endkey]",
    "Grants a key to a role",
    |call| Box::pin(grant(call)),
)
.long("The types of permission are read, write and readwrite.")
.flags(RANGE);

const LIST: Command = Command::new("list", "list", "Lists all roles", |call| Box::pin(list(call)));

const REVOKE: Command = Command::new(
    "revoke-permission",
    "revoke-permission <role name> <key> [endkey]",
    "Revokes a key from a role",
    |call| Box::pin(revoke(call)),
)
.flags(RANGE);

async fn add(call: &mut Call<'_>) -> Result<(), Failure> {
    let name = only_argument(call, "add")?;
    let session = call.session().await?;
    let text = format!("Role {name} created");
    let answer = session.change(&rpc::ROLE_ADD, pb::AuthRoleAddRequest { name }).await?;
    call.print(&Empty { text, header: answer.header.as_ref(), message: &answer })
}

async fn delete(call: &mut Call<'_>) -> Result<(), Failure> {
    let role = only_argument(call, "delete")?;
    let session = call.session().await?;
    let text = format!("Role {role} deleted");
    let answer = session.change(&rpc::ROLE_DELETE, pb::AuthRoleDeleteRequest { role }).await?;
    call.print(&Empty { text, header: answer.header.as_ref(), message: &answer })
}

async fn get(call: &mut Call<'_>) -> Result<(), Failure> {
    let role = only_argument(call, "get")?;
    let session = call.session().await?;
    let request = pb::AuthRoleGetRequest { role: role.clone() };
    let answer = session.read(&rpc::ROLE_GET, request).await?;
    call.print(&RoleShown(&role, &answer))
}

async fn list(call: &mut Call<'_>) -> Result<(), Failure> {
    if !call.args.is_empty() {
        return Err(Failure::bad_args("role list command requires no arguments"));
    }
    let session = call.session().await?;
    let answer = session.read(&rpc::ROLE_LIST, pb::AuthRoleListRequest {}).await?;
    call.print(&Roles(&answer))
}

async fn grant(call: &mut Call<'_>) -> Result<(), Failure> {
    if call.args.len() < 3 {
        let text = "role grant command requires role name, permission type, and key [endkey] \
                    as its argument";
        return Err(Failure::bad_args(text));
    }
    let (name, kind) = (call.arg(0), call.arg(1));
    let kind = match kind.to_uppercase().as_str() {
        "READ" => Type::Read,
        "WRITE" => Type::Write,
        "READWRITE" => Type::Readwrite,
        _ => {
            return Err(Failure::bad_args(format!("invalid permission type: {kind}"))
                .with_detail("give read, write or readwrite"));
        }
    };
    let (key, range_end) = range(call, 2)?;
    let session = call.session().await?;
    let text = format!("Role {name} updated");
    let perm = Some(Permission { perm_type: kind as i32, key, range_end });
    let request = pb::AuthRoleGrantPermissionRequest { name, perm };
    let answer = session.change(&rpc::ROLE_GRANT, request).await?;
    call.print(&Empty { text, header: answer.header.as_ref(), message: &answer })
}

async fn revoke(call: &mut Call<'_>) -> Result<(), Failure> {
    if call.args.len() < 2 {
        let text = "role revoke-permission command requires role name and key [endkey] \
                    as its argument";
        return Err(Failure::bad_args(text));
    }
    let role = call.arg(0);
    let (key, range_end) = range(call, 1)?;
    let session = call.session().await?;
    let shown = call.arg(1);
    let end = String::from_utf8_lossy(&range_end).into_owned();
    let text = match end.as_str() {
        "" => format!("Permission of key {shown} is revoked from role {role}"),
        "\0" => {
            format!("Permission of range [{shown}, <open ended> is revoked from role {role}")
        }
        _ => format!("Permission of range [{shown}, {end}) is revoked from role {role}"),
    };
    let request = pb::AuthRoleRevokePermissionRequest { role, key, range_end };
    let answer = session.change(&rpc::ROLE_REVOKE, request).await?;
    call.print(&Empty { text, header: answer.header.as_ref(), message: &answer })
}

/// The keys that the arguments from `at` on and the flags describe.
fn range(call: &Call<'_>, at: usize) -> Result<(Bytes, Bytes), Failure> {
    let (prefix, from_key) = (call.flags.bool("prefix"), call.flags.bool("from-key"));
    if prefix && from_key {
        return Err(Failure::bad_args("--from-key and --prefix flags are mutually exclusive"));
    }
    let key = Bytes::copy_from_slice(&call.args[at]);
    let all = || Bytes::from_static(b"\0");
    if let Some(end) = call.args.get(at + 1) {
        if prefix {
            return Err(Failure::bad_args("unexpected endkey argument with --prefix flag"));
        }
        if from_key {
            return Err(Failure::bad_args("unexpected endkey argument with --from-key flag"));
        }
        return Ok((key, Bytes::copy_from_slice(end)));
    }
    Ok(match (prefix, from_key, key.is_empty()) {
        (true, _, true) | (_, true, true) => (all(), all()),
        (true, _, false) => {
            let end = prefix_end(&key);
            (key, end)
        }
        (_, true, false) => (key, all()),
        (false, false, _) => (key, Bytes::new()),
    })
}

fn only_argument(call: &Call<'_>, command: &str) -> Result<String, Failure> {
    if call.args.len() != 1 {
        let text = format!("role {command} command requires role name as its argument");
        return Err(Failure::bad_args(text));
    }
    Ok(call.arg(0))
}
