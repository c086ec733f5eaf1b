//! `snapshot`: saves one from a member; and what only we do with a file: verify, inspect, diff.

use std::future::ready;
use std::path::PathBuf;
use std::time::Duration;

use backup::{InspectOptions, Progress, SaveOptions};

use super::Command;
use crate::answer::{Differed, Inspected, Verified};
use crate::call::Call;
use crate::compat::Compat;
use crate::failure::{Failure, exit};
use crate::parse::Flag;
use crate::print::human;
use crate::utl;

/// `snapshot`.
pub(super) const SNAPSHOT: Command = Command::group(
    "snapshot",
    "snapshot <subcommand>",
    "Saves, verifies and compares snapshots",
    &[&DIFF, &INSPECT, &RESTORE, &SAVE, &STATUS, &VERIFY],
);

const SAVE: Command =
    Command::new("save", "save <filename>", "Saves a snapshot of a member to a file", |call| {
        Box::pin(save(call))
    })
    .long(
        "Of several endpoints, a follower is asked before the leader, and another when one fails.\n\
     The SHA-256 that the member sends is checked; the file gets its name when it is whole and on \
     disk.",
    )
    .flags(&[
        Flag::int("compress", "0", "compress by zstd, at this level from 1 to 19; 0 does not")
            .ours(),
        Flag::bool("progress", "tell each second how far it has come").ours(),
    ]);

const VERIFY: Command = Command::new(
    "verify",
    "verify <filename>",
    "Checks a snapshot's hash, structure and revisions",
    |call| Box::pin(ready(verify(call))),
)
.long("Ends with code 1 when the snapshot is not sound.")
.flags(&[
    Flag::bool("skip-hash-check", "take a file without a hash, as a copy of a database is").ours()
])
.ours();

const INSPECT: Command = Command::new(
    "inspect",
    "inspect <filename>",
    "Shows what takes the room in a snapshot",
    |call| Box::pin(ready(inspect(call))),
)
.flags(&[
    Flag::int("depth", "2", "parts of a key that make its prefix").ours(),
    Flag::text("separator", "/", "the letter that ends a part of a key").ours(),
    Flag::int("top", "10", "how many prefixes, values and keys to show").ours(),
])
.ours();

const DIFF: Command = Command::new(
    "diff",
    "diff <filename> <filename>",
    "Shows which keys differ between two snapshots",
    |call| Box::pin(ready(diff(call))),
)
.long("Ends with code 1 when keys or values differ.")
.flags(&[Flag::int("limit", "100", "how many differences to show").ours()])
.ours();

const STATUS: Command = Command::new(
    "status",
    "status <filename>",
    "Shows what a snapshot holds, in short (etcdutl's since 3.6)",
    |call| Box::pin(ready(deprecated(call, "status", utl::snapshot::status))),
)
.until(Compat::V3_5);

const RESTORE: Command = Command::new(
    "restore",
    "restore <filename> [options]",
    "Makes a member's data directory of a snapshot (etcdutl's since 3.6)",
    |call| Box::pin(ready(deprecated(call, "restore", utl::snapshot::restore))),
)
.flags(utl::snapshot::RESTORE_FLAGS)
.until(Compat::V3_5);

/// How often progress is told.
const TELL_INTERVAL: Duration = Duration::from_secs(1);

/// What a failure of these commands says.
pub(crate) fn failure(error: backup::Error) -> Failure {
    match error {
        backup::Error::Etcd(error) => error.into(),
        error => Failure::error(error.to_string()),
    }
}

async fn save(call: &mut Call<'_>) -> Result<(), Failure> {
    let [path] = call.args.as_slice() else {
        let text = if call.compat < Compat::V3_6 {
            "snapshot save expects one argument"
        } else {
            "snapshot save expects one argument <filename>"
        };
        return Err(Failure::bad_args(text));
    };
    let path = path_of(path);
    let session = call.session().await?;
    let mut options = SaveOptions::new(&path);
    options.compression = match call.flags.int("compress") {
        0 => None,
        level => Some(i32::try_from(level).unwrap_or(i32::MAX)),
    };
    options.deadline = session.timeout_is_given.then_some(session.timeout);
    let mut members = backup::candidates(session.members(), session.timeout).await;
    if members.is_empty() {
        // Nobody answers; asking once more says why.
        members = session.members().to_vec();
    }
    let is_told = call.flags.bool("progress");
    let mut told = Duration::ZERO;
    let io = &mut *call.io;
    let mut tell = |progress: Progress| {
        if is_told && progress.elapsed >= told + TELL_INTERVAL {
            told = progress.elapsed;
            io.complain(&line_of(&progress));
        }
    };
    let saved = backup::save(&members, &options, &mut tell).await;
    let saved = saved.map_err(|error| failure(error).with_code(exit::INTERRUPTED))?;
    if is_told {
        let (size, file) = (human::bytes(saved.snapshot_bytes), human::bytes(saved.file_bytes));
        let seconds = saved.elapsed.as_secs_f64();
        let text = format!("{size} from {} in {seconds:.1} s, {file} on disk", saved.endpoint);
        call.io.complain(&text);
    }
    call.say(&format!("Snapshot saved at {}", path.display()));
    if call.compat >= Compat::V3_6
        && let Some(version) = saved.version
    {
        call.say(&format!("Server version {version}"));
    }
    Ok(())
}

fn line_of(progress: &Progress) -> String {
    let (done, rate) = (human::bytes(progress.done_bytes), progress.bytes_per_second());
    let rate = human::bytes(rate as u64);
    match progress.total_bytes {
        Some(total) if total > 0 => {
            let percent = progress.done_bytes as f64 / total as f64 * 100.0;
            format!("{done} of {} ({percent:.0} %), {rate}/s", human::bytes(total))
        }
        _ => format!("{done}, {rate}/s"),
    }
}

fn verify(call: &mut Call<'_>) -> Result<(), Failure> {
    let [path] = call.args.as_slice() else {
        return Err(Failure::bad_args("snapshot verify expects one argument <filename>"));
    };
    let path = path_of(path);
    call.offline()?;
    let found = backup::verify(&path, call.flags.bool("skip-hash-check")).map_err(failure)?;
    call.print(&Verified { path: &path.to_string_lossy(), found: &found })?;
    if found.is_sound() { Ok(()) } else { Err(Failure::silent(exit::ERROR)) }
}

fn inspect(call: &mut Call<'_>) -> Result<(), Failure> {
    let [path] = call.args.as_slice() else {
        return Err(Failure::bad_args("snapshot inspect expects one argument <filename>"));
    };
    let path = path_of(path);
    call.offline()?;
    let separator = call.flags.text("separator").into_owned();
    let [separator] = *separator.as_bytes() else {
        let text = format!("--separator={separator}: give one letter, such as /");
        return Err(Failure::bad_args(text));
    };
    let (depth, top) = (count(call, "depth")?, count(call, "top")?);
    let found =
        backup::inspect(&path, &InspectOptions { separator, depth, top }).map_err(failure)?;
    call.print(&Inspected { found: &found, top })
}

fn diff(call: &mut Call<'_>) -> Result<(), Failure> {
    let [first, second] = call.args.as_slice() else {
        return Err(Failure::bad_args("snapshot diff expects two arguments <filename> <filename>"));
    };
    let (first, second) = (path_of(first), path_of(second));
    call.offline()?;
    let found = backup::diff(&first, &second, count(call, "limit")?).map_err(failure)?;
    call.print(&Differed(&found))?;
    if found.is_same() { Ok(()) } else { Err(Failure::silent(exit::ERROR)) }
}

/// A flag that counts something.
fn count(call: &Call<'_>, flag: &str) -> Result<usize, Failure> {
    let given = call.flags.int(flag);
    let text = || Failure::bad_args(format!("--{flag}={given}: give a number from 0 on"));
    usize::try_from(given).map_err(|_| text())
}

fn deprecated(
    call: &mut Call<'_>,
    name: &str,
    run: fn(&mut Call<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if call.compat == Compat::V3_5 {
        call.io.complain(&format!("Deprecated: Use `etcdutl snapshot {name}` instead.\n"));
    }
    run(call)
}

/// An argument that names a file, in its very bytes.
pub(crate) fn path_of(argument: &[u8]) -> PathBuf {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        std::ffi::OsStr::from_bytes(argument).into()
    }
    #[cfg(not(unix))]
    {
        String::from_utf8_lossy(argument).into_owned().into()
    }
}
