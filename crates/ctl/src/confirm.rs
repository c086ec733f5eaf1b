//! Asking a person before something that cannot be undone.

use std::io::Read as _;

use bytes::Bytes;
use etcd::wire::etcdserverpb::{RangeRequest, RangeResponse};
use etcd::wire::rpc;

use crate::call::Call;
use crate::failure::{Failure, exit};
use crate::go;
use crate::parse::Flag;
use crate::session::Session;

/// Says what would be done and does nothing.
pub const DRY_RUN: Flag = Flag::bool("dry-run", "say what would be done, and do nothing").ours();
/// Does it without a question.
pub const YES: Flag = Flag::bool("yes", "do it without a question").ours();
/// Does what would cost the cluster its quorum.
pub const FORCE: Flag =
    Flag::bool("force", "do it even if the cluster may lose its quorum, or is not well").ours();

/// What to do where nobody can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// Go on, as etcdctl does: its commands keep working in scripts.
    MeansYes,
    /// Refuse, unless `--yes` is given.
    MeansNo,
}

/// Most keys that are named in a plan.
const KEYS_NAMED: usize = 10;

/// Whether the plan of a command that etcdctl has too is wanted: to be shown only, or because there
/// is somebody to be asked. Scripts are not, as etcdctl does not ask.
pub fn is_wanted(call: &Call<'_>) -> bool {
    call.flags.bool("dry-run") || (call.io.stdin_is_terminal && !call.flags.bool("yes"))
}

/// Lines that name the first of `count` keys.
pub fn name_keys<'a>(keys: impl Iterator<Item = &'a [u8]>, count: usize) -> Vec<String> {
    let mut lines: Vec<String> =
        keys.take(KEYS_NAMED).map(|key| format!("  {}", go::quote(key))).collect();
    if count > lines.len() {
        lines.push(format!("  and {} more", count - lines.len()));
    }
    lines
}

/// The keys of a range, so far as a plan names them, and how many there are.
pub async fn look(
    session: &Session,
    key: Bytes,
    range_end: Bytes,
) -> Result<RangeResponse, Failure> {
    let limit = KEYS_NAMED as i64;
    let request =
        RangeRequest { key, range_end, limit, keys_only: true, ..RangeRequest::default() };
    session.read(&rpc::RANGE, request).await
}

/// Whether the user may not do that.
pub fn is_refused(failure: &Failure) -> bool {
    failure.message == "etcdserver: permission denied"
}

/// A number of keys in words.
pub fn keys(count: i64) -> String {
    if count == 1 { "1 key".to_owned() } else { format!("{count} keys") }
}

/// Shows a plan, and asks whether to go on; `false` when there is nothing to do but to end well,
/// since it was only to be shown. An answer that is not yes is a failure.
pub fn confirm(
    call: &mut Call<'_>,
    plan: &[String],
    question: &str,
    silence: Silence,
) -> Result<bool, Failure> {
    if call.flags.bool("dry-run") {
        for line in plan {
            call.say(line);
        }
        return Ok(false);
    }
    for line in plan {
        call.io.complain(line);
    }
    if call.flags.bool("yes") {
        return Ok(true);
    }
    if !call.io.stdin_is_terminal {
        return match silence {
            Silence::MeansYes => Ok(true),
            Silence::MeansNo => Err(Failure::bad_args("nothing was done: nobody can be asked")
                .with_detail("give --yes to do it without a question, or --dry-run to see more")),
        };
    }
    if let Some(context) = &call.context {
        call.io.complain(&format!("in {context}"));
    }
    call.io.complain(&format!("{question} [y/N]"));
    let mut answer = Vec::new();
    let mut byte = [0];
    while call.io.stdin.read(&mut byte).is_ok_and(|count| count > 0) && byte[0] != b'\n' {
        answer.push(byte[0]);
    }
    let answer = String::from_utf8_lossy(&answer).trim().to_lowercase();
    if answer == "y" || answer == "yes" {
        return Ok(true);
    }
    Err(Failure::new(exit::ERROR, "nothing was done: the answer was not yes"))
}
