//! `watch`: follows the changes of keys, and runs a command for each.

mod exec;
mod interactive;

use etcd::wire::etcdserverpb as pb;

use super::Command;
use super::get::range;
use crate::answer::{Watched, end_of_watch};
use crate::call::Call;
use crate::compat::Compat;
use crate::failure::{Failure, error_text, exit};
use crate::parse::{Flag, Flags};

/// `watch`.
pub(super) const WATCH: Command = Command::new(
    "watch",
    "watch [options] [key or prefix] [range_end] [--] [exec-command arg1 arg2 ...]",
    "Follows the changes of a key, or of a range of keys",
    |call| Box::pin(run(call)),
)
.long(
    "\
With a command behind '--', runs it for each change, with ETCD_WATCH_REVISION, ETCD_WATCH_EVENT_TYPE,
ETCD_WATCH_KEY and ETCD_WATCH_VALUE. ETCDCTL_WATCH_KEY and ETCDCTL_WATCH_RANGE_END stand for the
arguments. With -i, takes 'watch …' and 'progress' from standard input.",
)
.flags(FLAGS);

const FLAGS: &[Flag] = &[
    Flag::bool("interactive", "take watches from standard input").short('i'),
    Flag::bool("prefix", "all keys that begin so"),
    Flag::bool("prev-kv", "answer the keys as they were before too"),
    Flag::bool("progress-notify", "tell now and then how far the watch has come")
        .since(Compat::V3_5),
    Flag::int("rev", "0", "first revision to follow; 0 for the next"),
];

const KEY: &str = "ETCDCTL_WATCH_KEY";
const RANGE_END: &str = "ETCDCTL_WATCH_RANGE_END";
const BAD_NUMBER: &str = "bad number of arguments";
const CONFLICT: &str = "bad number of arguments (found conflicting environment key)";
const NO_COMMAND: &str = "bad number of arguments (found separator --, but no commands)";

/// What to watch, and what to run then.
struct Wanted {
    create: pb::WatchCreateRequest,
    exec: Vec<Vec<u8>>,
}

async fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    let key = call.environment.get(KEY);
    if let (None, Some(end)) = (key, call.environment.get(RANGE_END)) {
        let text = format!("{KEY} is empty but got {RANGE_END}={}", crate::go::quote(end));
        return Err(Failure::bad_args(text));
    }
    if call.flags.bool("interactive") {
        return interactive::run(call).await;
    }
    let words = words_from(call, &call.args, call.before_dashes)?;
    let session = call.session_knowing(&[KEY, RANGE_END]).await?;
    let wanted = wanted(words, &call.flags).map_err(Failure::bad_args)?;
    let mut watch = session.cluster().watch(wanted.create);
    loop {
        match watch.next().await {
            Ok(Some(answer)) => show(call, &answer, &wanted.exec).await?,
            Ok(None) => break,
            Err(error) if watch.is_over() => {
                let reason = error_text(&error);
                call.io.complain(&format!("watch was canceled ({reason})"));
                return Err(cancelled().with_detail(error.to_string()));
            }
            // No leader: the watch goes on as soon as there is one.
            Err(error) => call.io.complain(&error.to_string()),
        }
    }
    Err(cancelled())
}

fn cancelled() -> Failure {
    Failure::new(exit::INTERRUPTED, "watch is canceled by the server")
}

/// Arguments of a watch: what to watch, and what to run.
type Words = (Vec<Vec<u8>>, Vec<Vec<u8>>);

/// Takes what to watch from the arguments or the environment, never from both.
fn words_from(
    call: &Call<'_>,
    args: &[Vec<u8>],
    before_dashes: Option<usize>,
) -> Result<Words, Failure> {
    let (watched, exec) = args.split_at(before_dashes.unwrap_or(args.len()));
    if before_dashes.is_some() && exec.is_empty() {
        return Err(Failure::bad_args(NO_COMMAND));
    }
    let Some(key) = call.environment.get(KEY) else {
        if watched.is_empty() {
            return Err(Failure::bad_args(BAD_NUMBER));
        }
        return Ok((watched.to_vec(), exec.to_vec()));
    };
    if !watched.is_empty() {
        return Err(Failure::bad_args(CONFLICT));
    }
    let end = call.environment.get(RANGE_END).map(<[u8]>::to_vec);
    Ok((std::iter::once(key.to_vec()).chain(end).collect(), exec.to_vec()))
}

fn wanted((watched, exec): Words, flags: &Flags) -> Result<Wanted, String> {
    let [key, rest @ ..] = watched.as_slice() else { return Err(BAD_NUMBER.to_owned()) };
    let end = match rest {
        [end] if flags.bool("prefix") => {
            let _ = end;
            return Err("`range_end` and `--prefix` are mutually exclusive".to_owned());
        }
        [end] => Some(end),
        _ => None,
    };
    let (key, range_end) = range(key, end, flags.bool("prefix"), false);
    let create = pb::WatchCreateRequest {
        key,
        range_end,
        start_revision: flags.int("rev"),
        progress_notify: flags.bool("progress-notify"),
        prev_kv: flags.bool("prev-kv"),
        ..pb::WatchCreateRequest::default()
    };
    Ok(Wanted { create, exec })
}

/// Prints one answer, and runs the command for each of its events.
async fn show(
    call: &mut Call<'_>,
    answer: &pb::WatchResponse,
    exec: &[Vec<u8>],
) -> Result<(), Failure> {
    if answer.created && !answer.canceled {
        return Ok(());
    }
    if answer.canceled {
        let reason = end_of_watch(answer);
        call.io.complain(&format!("watch was canceled ({reason})"));
    }
    let revision = answer.header.as_ref().map_or(0, |header| header.revision);
    let is_progress = answer.events.is_empty() && !answer.canceled;
    if is_progress && answer.compact_revision == 0 && revision != 0 {
        call.say(&format!("progress notify: {revision}"));
    }
    call.print(&Watched(answer))?;
    call.flush()?;
    if !exec.is_empty() {
        for event in &answer.events {
            exec::run(call, exec, answer.header.as_ref(), event).await?;
        }
    }
    Ok(())
}
