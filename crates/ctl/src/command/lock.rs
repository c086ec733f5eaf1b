//! `lock`: holds a lock, for as long as a command runs or until interrupted.

use std::process::{ExitStatus, Stdio};

use bytes::Bytes;
use tokio::process;

use super::Command;
use crate::answer::Got;
use crate::call::Call;
use crate::compat::Compat;
use crate::failure::{Failure, exit};
use crate::parse::Flag;
use crate::queue::{Lease, Place};
use crate::session::Session;
use crate::signal::interrupted;

/// `lock`.
pub(super) const LOCK: Command = Command::new(
    "lock",
    "lock <lockname> [exec-command arg1 arg2 ...]",
    "Acquires a named lock",
    |call| Box::pin(run(call)),
)
.long(
    "\
With a command, holds the lock while it runs, gives it ETCD_LOCK_KEY and ETCD_LOCK_REV in its
environment, and ends with its exit code. Without, prints the key of the lock once it is held and
holds it until interrupted.",
)
.flags(&[Flag::int("ttl", "10", "seconds after which the lock of a holder that vanished is free")]);

async fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    let [name, command @ ..] = &call.args[..] else {
        let text = "lock takes a lock name argument and an optional command to execute";
        return Err(Failure::bad_args(text));
    };
    let (name, command) = (name.clone(), command.to_vec());
    let ttl = call.flags.int("ttl");
    let session = call.session().await?;
    let mut lease = Lease::grant(&session, if ttl > 0 { ttl } else { 60 }).await?;
    let outcome = hold(call, &session, &mut lease, &name, &command).await;
    lease.revoke(&session).await;
    outcome
}

async fn hold(
    call: &mut Call<'_>,
    session: &Session,
    lease: &mut Lease,
    name: &[u8],
    command: &[Vec<u8>],
) -> Result<(), Failure> {
    let expired = || Failure::error("session expired");
    let mut place = Place::join(session, name, lease.id, Bytes::new()).await?;
    tokio::select! {
        first = place.first() => first?,
        () = lease.lost() => return Err(expired()),
        () = interrupted() => {
            let left = place.leave().await;
            return left.and(Err(Failure::error("context canceled")));
        }
    }
    if let [program, arguments @ ..] = command {
        let mut child = start(program, arguments, &place)?;
        let ended = tokio::select! {
            ended = child.wait() => ended,
            () = lease.lost() => {
                call.io.complain("warning: the lock is lost, its lease has ended; the command goes on");
                child.wait().await
            }
        };
        let left = place.leave().await;
        let status =
            ended.map_err(|error| Failure::error(format!("cannot wait for it: {error}")))?;
        return if status.success() { left } else { Err(failed(status, call.compat)) };
    }
    let own = place.own().await?.ok_or_else(|| Failure::error("lock lost on init"))?;
    call.print(&Got(&own))?;
    call.flush()?;
    tokio::select! {
        () = interrupted() => place.leave().await,
        () = lease.lost() => Err(expired()),
    }
}

fn start(
    program: &[u8],
    arguments: &[Vec<u8>],
    place: &Place<'_>,
) -> Result<process::Child, Failure> {
    let shown = String::from_utf8_lossy(program).into_owned();
    let mut command = process::Command::new(os(program));
    command
        .args(arguments.iter().map(|argument| os(argument)))
        .env("ETCD_LOCK_KEY", os(place.key()))
        .env("ETCD_LOCK_REV", place.revision().to_string())
        // As etcdctl, which gives it no input.
        .stdin(Stdio::null());
    command.spawn().map_err(|error| {
        let is_absent = error.kind() == std::io::ErrorKind::NotFound;
        Failure::error(match (is_absent, shown.contains('/')) {
            (true, false) => format!("exec: {shown:?}: executable file not found in $PATH"),
            (true, true) => format!("fork/exec {shown}: no such file or directory"),
            (false, _) => format!("fork/exec {shown}: {error}"),
        })
    })
}

/// The end of the command as ours: its exit code, from 3.5 on.
fn failed(status: ExitStatus, compat: Compat) -> Failure {
    let code = status.code().map_or(u8::MAX, |code| code as u8);
    let text = match status.code() {
        Some(code) => format!("exit status {code}"),
        None => signal_text(status),
    };
    Failure::new(if compat >= Compat::V3_5 { code } else { exit::ERROR }, text)
}

#[cfg(unix)]
fn signal_text(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match status.signal() {
        Some(9) => "signal: killed".to_owned(),
        Some(15) => "signal: terminated".to_owned(),
        Some(2) => "signal: interrupt".to_owned(),
        Some(number) => format!("signal: signal {number}"),
        None => status.to_string(),
    }
}

#[cfg(not(unix))]
fn signal_text(status: ExitStatus) -> String {
    status.to_string()
}

#[cfg(unix)]
fn os(bytes: &[u8]) -> std::ffi::OsString {
    use std::os::unix::ffi::OsStringExt as _;
    std::ffi::OsString::from_vec(bytes.to_vec())
}

#[cfg(not(unix))]
fn os(bytes: &[u8]) -> std::ffi::OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}
