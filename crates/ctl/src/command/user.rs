//! `user`: who may work with the cluster.

use std::io::Read;

use etcd::wire::authpb::UserAddOptions;
use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;

use super::Command;
use crate::answer::{Empty, RoleShown, UserShown, Users};
use crate::call::Call;
use crate::failure::Failure;
use crate::io::Io;
use crate::parse::Flag;
use crate::password;

/// `user`.
pub(super) const USER: Command = Command::group(
    "user",
    "user <subcommand>",
    "User related commands",
    &[&ADD, &DELETE, &GET, &GRANT_ROLE, &LIST, &PASSWD, &REVOKE_ROLE],
);

const INTERACTIVE: Flag =
    Flag::on("interactive", "ask for the password twice; without, one word is read from stdin");

const ADD: Command =
    Command::new("add", "add <user name or user:password> [options]", "Adds a new user", |call| {
        Box::pin(add(call))
    })
    .flags(&[
        INTERACTIVE,
        Flag::text("new-user-password", "", "the password; other users of this machine can see it"),
        Flag::bool("no-password", "no password: the user is known by its client certificate only"),
    ]);

const DELETE: Command =
    Command::new("delete", "delete <user name>", "Deletes a user", |call| Box::pin(delete(call)));

const GET: Command = Command::new(
    "get",
    "get <user name> [options]",
    "Gets detailed information of a user",
    |call| Box::pin(get(call)),
)
.flags(&[Flag::bool("detail", "show what each of its roles may do")]);

const GRANT_ROLE: Command = Command::new(
    "grant-role",
    "grant-role <user name> <role name>",
    "Grants a role to a user",
    |call| Box::pin(grant_role(call)),
);

const LIST: Command = Command::new("list", "list", "Lists all users", |call| Box::pin(list(call)));

const PASSWD: Command =
    Command::new("passwd", "passwd <user name> [options]", "Changes password of user", |call| {
        Box::pin(passwd(call))
    })
    .flags(&[INTERACTIVE]);

const REVOKE_ROLE: Command = Command::new(
    "revoke-role",
    "revoke-role <user name> <role name>",
    "Revokes a role from a user",
    |call| Box::pin(revoke_role(call)),
);

async fn add(call: &mut Call<'_>) -> Result<(), Failure> {
    let given = only_argument(call, "add")?;
    let no_password = call.flags.bool("no-password");
    let from_flag = call.flags.text("new-user-password").into_owned();
    let (name, password) = if no_password {
        (given, String::new())
    } else if !from_flag.is_empty() {
        (given, from_flag)
    } else if let Some((name, password)) = given.split_once(':') {
        if name.is_empty() {
            return Err(Failure::bad_args("empty user name is not allowed"));
        }
        (name.to_owned(), password.to_owned())
    } else {
        let password = new_password(&given, call.flags.bool("interactive"), call.io)?;
        (given, password)
    };
    let session = call.session().await?;
    let request = pb::AuthUserAddRequest {
        name: name.clone(),
        password,
        options: Some(UserAddOptions { no_password }),
        hashed_password: String::new(),
    };
    let answer = session.change(&rpc::USER_ADD, request).await?;
    let text = format!("User {name} created");
    call.print(&Empty { text, header: answer.header.as_ref(), message: &answer })
}

async fn delete(call: &mut Call<'_>) -> Result<(), Failure> {
    let name = only_argument(call, "delete")?;
    let session = call.session().await?;
    let request = pb::AuthUserDeleteRequest { name: name.clone() };
    let answer = session.change(&rpc::USER_DELETE, request).await?;
    let text = format!("User {name} deleted");
    call.print(&Empty { text, header: answer.header.as_ref(), message: &answer })
}

async fn get(call: &mut Call<'_>) -> Result<(), Failure> {
    let name = only_argument(call, "get")?;
    let session = call.session().await?;
    let request = pb::AuthUserGetRequest { name: name.clone() };
    let answer = session.read(&rpc::USER_GET, request).await?;
    if !call.flags.bool("detail") {
        return call.print(&UserShown(&name, &answer));
    }
    call.say(&format!("User: {name}"));
    for role in &answer.roles {
        call.say("");
        let request = pb::AuthRoleGetRequest { role: role.clone() };
        let rights = session.read(&rpc::ROLE_GET, request).await?;
        call.print(&RoleShown(role, &rights))?;
    }
    Ok(())
}

async fn list(call: &mut Call<'_>) -> Result<(), Failure> {
    if !call.args.is_empty() {
        return Err(Failure::bad_args("user list command requires no arguments"));
    }
    let session = call.session().await?;
    let answer = session.read(&rpc::USER_LIST, pb::AuthUserListRequest {}).await?;
    call.print(&Users(&answer))
}

async fn passwd(call: &mut Call<'_>) -> Result<(), Failure> {
    let name = only_argument(call, "passwd")?;
    let password = new_password(&name, call.flags.bool("interactive"), call.io)?;
    let session = call.session().await?;
    let hashed_password = String::new();
    let request = pb::AuthUserChangePasswordRequest { name, password, hashed_password };
    let answer = session.change(&rpc::USER_CHANGE_PASSWORD, request).await?;
    let text = "Password updated".to_owned();
    call.print(&Empty { text, header: answer.header.as_ref(), message: &answer })
}

async fn grant_role(call: &mut Call<'_>) -> Result<(), Failure> {
    if call.args.len() != 2 {
        let text = "user grant command requires user name and role name as its argument";
        return Err(Failure::bad_args(text));
    }
    let (user, role) = (call.arg(0), call.arg(1));
    let session = call.session().await?;
    let text = format!("Role {role} is granted to user {user}");
    let request = pb::AuthUserGrantRoleRequest { user, role };
    let answer = session.change(&rpc::USER_GRANT_ROLE, request).await?;
    call.print(&Empty { text, header: answer.header.as_ref(), message: &answer })
}

async fn revoke_role(call: &mut Call<'_>) -> Result<(), Failure> {
    if call.args.len() != 2 {
        let text = "user revoke-role requires user name and role name as its argument";
        return Err(Failure::bad_args(text));
    }
    let (name, role) = (call.arg(0), call.arg(1));
    let session = call.session().await?;
    let text = format!("Role {role} is revoked from user {name}");
    let request = pb::AuthUserRevokeRoleRequest { name, role };
    let answer = session.change(&rpc::USER_REVOKE_ROLE, request).await?;
    call.print(&Empty { text, header: answer.header.as_ref(), message: &answer })
}

fn only_argument(call: &Call<'_>, command: &str) -> Result<String, Failure> {
    if call.args.len() != 1 {
        let text = format!("user {command} command requires user name as its argument");
        return Err(Failure::bad_args(text));
    }
    Ok(call.arg(0))
}

fn new_password(user: &str, is_interactive: bool, io: &mut Io) -> Result<String, Failure> {
    if !is_interactive {
        return word(io);
    }
    let first = ask(&format!("Password of {user}: "), io)?;
    if first.is_empty() {
        return Err(Failure::bad_args("empty password"));
    }
    let again = ask(&format!("Type password of {user} again for confirmation: "), io)?;
    if first != again {
        return Err(Failure::bad_args("given passwords are different"));
    }
    Ok(first)
}

/// Asks the terminal, which shows nothing of what is typed; without one, reads a line.
fn ask(prompt: &str, io: &mut Io) -> Result<String, Failure> {
    if io.stdin_is_terminal {
        return password::ask(prompt);
    }
    io.out().extend_from_slice(prompt.as_bytes());
    io.out().push(b'\n');
    let line = until(io, |byte| byte == b'\n')?;
    Ok(line.trim_end_matches('\r').to_owned())
}

/// The first word of the first line of standard input.
fn word(io: &mut Io) -> Result<String, Failure> {
    let line = until(io, |byte| byte == b'\n')?;
    Ok(line.split_ascii_whitespace().next().unwrap_or_default().to_owned())
}

/// Standard input up to an end, byte by byte, so that the rest stays for the next reader.
fn until(io: &mut Io, is_end: impl Fn(u8) -> bool) -> Result<String, Failure> {
    let mut text = Vec::new();
    let mut byte = [0];
    loop {
        let read = io.stdin.read(&mut byte).map_err(|error| {
            Failure::bad_args(format!("failed to ask password: cannot read stdin: {error}"))
        })?;
        if read == 0 || is_end(byte[0]) {
            break;
        }
        text.push(byte[0]);
    }
    String::from_utf8(text).map_err(|_| Failure::bad_args("the password is not UTF-8"))
}
