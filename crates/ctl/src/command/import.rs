//! `import`: writes the keys of a file that `export` made.

use std::time::Duration;

use backup::keyfile::{KeyFile, KeyLine, Summary};
use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;
use tokio::time::Instant;

use super::Command;
use super::snapshot::{failure, path_of};
use crate::answer::Imported;
use crate::call::Call;
use crate::confirm::{DRY_RUN, Silence, YES, confirm};
use crate::failure::{Failure, exit};
use crate::go;
use crate::parse::Flag;
use crate::print::human;
use crate::session::Session;
use crate::transfer::{Options, Policy, Transfer};

/// `import`.
pub(super) const IMPORT: Command = Command::new(
    "import",
    "import [options] <filename or ->",
    "Writes the keys of a file that 'export' made",
    |call| Box::pin(run(call)),
)
.long(
    "\
The whole file is checked before anything is written: one that is cut off or changed is refused. Keys
that are there with the same value are left alone, so after a failure the same command goes on where it
was. A key that is there with another value ends it, unless --if-absent or --overwrite is given.
Revisions and versions are the new cluster's. Leases are granted anew under their numbers, for as long
as they once were; nobody keeps them alive but who did before.",
)
.flags(&[
    DRY_RUN,
    Flag::bool("if-absent", "leave keys that are there").ours(),
    Flag::text("leases", "keep", "keep: grant leases anew; drop: write the keys without").ours(),
    Flag::int("max-txn-ops", "128", "most operations in one transaction").ours(),
    Flag::bool("overwrite", "write keys that are there with another value").ours(),
    Flag::text("prefix-from", "", "what the keys in the file begin with").ours(),
    Flag::text("prefix-to", "", "what takes the place of --prefix-from").ours(),
    Flag::bool("skip-hash-check", "take lines of keys without header and trailer, or changed").ours(),
    YES,
])
.ours();

/// How often progress is told.
const TOLD_EVERY: Duration = Duration::from_millis(250);
/// Longest time to count what is there at the end.
const COUNT_LIMIT: Duration = Duration::from_mins(1);

/// New names for keys.
struct Renaming {
    from: Vec<u8>,
    to: Vec<u8>,
}

impl Renaming {
    fn of(&self, key: &[u8]) -> Result<Vec<u8>, String> {
        let Some(rest) = key.strip_prefix(&self.from[..]) else {
            let (key, from) = (go::quote(key), go::quote(&self.from));
            return Err(format!("the key {key} does not begin with {from} of --prefix-from"));
        };
        let renamed = [&self.to[..], rest].concat();
        if renamed.is_empty() {
            let key = go::quote(key);
            return Err(format!("with --prefix-to nothing is left of the key {key}"));
        }
        Ok(renamed)
    }
}

async fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    let [name] = call.args.as_slice() else {
        return Err(Failure::bad_args("import expects one argument <filename or ->"));
    };
    let path = (name != b"-").then(|| path_of(name));
    let options = options(call)?;
    let bytes = |name: &str| call.flags.bytes(name).to_vec();
    let renaming = Renaming { from: bytes("prefix-from"), to: bytes("prefix-to") };
    let is_unchecked = call.flags.bool("skip-hash-check");
    let session = call.session().await?;
    let mut file = match &path {
        Some(path) => KeyFile::open(path, is_unchecked),
        None => KeyFile::spool(&mut *call.io.stdin, is_unchecked),
    }
    .map_err(failure)?;
    let mut range: Option<(Vec<u8>, Vec<u8>)> = None;
    let summary = file.check(|line| {
        let key = renaming.of(&line.key)?;
        let first = range.take().map_or_else(|| key.clone(), |(first, _)| first);
        range = Some((first, key));
        Ok(())
    });
    let summary = summary.map_err(|error| failure(error).with_detail("nothing was written"))?;
    let plan = plan(&file, &summary, &renaming, &options);
    if options.is_dry {
        for line in &plan {
            call.io.complain(line);
        }
    } else {
        confirm(call, &plan, "Write these keys?", Silence::MeansNo)?;
    }
    let mut transfer = Transfer::new(&session, options.clone());
    let copied = copy(call, &mut file, &renaming, &summary, &mut transfer).await;
    call.io.end_progress();
    let tally = transfer.tally;
    let there = tally.there();
    copied.map_err(|failure| {
        let failure = if options.is_dry {
            failure
        } else {
            failure.with_detail(format!("{there} of {} keys are there", summary.keys))
        };
        failure.with_detail("the same command goes on: what is there is not written again")
    })?;
    if let Some((first, last)) = range.filter(|_| !options.is_dry && tally.expired == 0) {
        verify(&session, first, last, there).await?;
    }
    call.print(&Imported { tally, is_dry: options.is_dry })?;
    if tally.conflicts > 0 { Err(Failure::silent(exit::ERROR)) } else { Ok(()) }
}

fn options(call: &Call<'_>) -> Result<Options, Failure> {
    let flags = &call.flags;
    let policy = match (flags.bool("if-absent"), flags.bool("overwrite")) {
        (false, false) => Policy::Refuse,
        (true, false) => Policy::IfAbsent,
        (false, true) => Policy::Overwrite,
        (true, true) => {
            let text = "`--if-absent` and `--overwrite` cannot be set at the same time, choose one";
            return Err(Failure::bad_args(text));
        }
    };
    let with_leases = match flags.text("leases").as_ref() {
        "keep" => true,
        "drop" => false,
        other => {
            return Err(Failure::bad_feature(format!("unknown --leases {other:?}: keep or drop")));
        }
    };
    let max_ops = flags.int("max-txn-ops");
    let max_ops = usize::try_from(max_ops).ok().filter(|ops| *ops > 0).ok_or_else(|| {
        Failure::bad_args(format!("--max-txn-ops is {max_ops}; give a number from 1 on"))
    })?;
    Ok(Options { policy, with_leases, is_dry: flags.bool("dry-run"), max_ops })
}

fn plan(file: &KeyFile, summary: &Summary, renaming: &Renaming, options: &Options) -> Vec<String> {
    let (keys, size) = (summary.keys, human::bytes(summary.bytes));
    let mut lines = vec![format!("{}: {keys} keys, {size}", file.path().display())];
    if let Some(header) = &summary.header {
        let (cluster, revision) = (&header.cluster_id, header.revision);
        let prefix = match header.prefix() {
            "" => "all keys".to_owned(),
            prefix => format!("keys under {}", go::quote(prefix.as_bytes())),
        };
        lines.push(format!("{prefix} of cluster {cluster} at revision {revision}"));
    }
    if renaming.from != renaming.to {
        let (from, to) = (go::quote(&renaming.from), go::quote(&renaming.to));
        lines.push(format!("{from} at the beginning of keys becomes {to}"));
    }
    lines.push(match options.policy {
        Policy::Refuse => "a key that is there with another value ends it".to_owned(),
        Policy::IfAbsent => "keys that are there with another value keep it".to_owned(),
        Policy::Overwrite => "keys that are there with another value are overwritten".to_owned(),
    });
    if summary.with_lease > 0 {
        let count = summary.with_lease;
        let done = if options.with_leases { "granted anew" } else { "left out" };
        lines.push(format!("leases of {count} keys are {done}"));
    }
    lines
}

async fn copy(
    call: &mut Call<'_>,
    file: &mut KeyFile,
    renaming: &Renaming,
    summary: &Summary,
    transfer: &mut Transfer<'_>,
) -> Result<(), Failure> {
    let mut lines = file.lines().map_err(failure)?;
    let mut told = Instant::now();
    while let Some(line) = lines.next().map_err(failure)? {
        let key = renaming.of(&line.key).map_err(Failure::error)?;
        transfer.add(KeyLine { key, ..line }).await?;
        if told.elapsed() >= TOLD_EVERY {
            told = Instant::now();
            call.io.progress(&format!("{} of {} keys", transfer.tally.keys(), summary.keys));
        }
    }
    transfer.finish().await
}

/// Counts the keys from the first to the last: there must be as many as in the file.
async fn verify(
    session: &Session,
    first: Vec<u8>,
    last: Vec<u8>,
    expected: u64,
) -> Result<(), Failure> {
    let request = pb::RangeRequest {
        key: first.into(),
        range_end: [&last[..], b"\0"].concat().into(),
        count_only: true,
        ..pb::RangeRequest::default()
    };
    let reply = session.insist(&rpc::RANGE, request, COUNT_LIMIT).await?;
    let found = reply.count.max(0).cast_unsigned();
    if found >= expected {
        return Ok(());
    }
    let text = format!("all {expected} keys were written, but only {found} are there now");
    Err(Failure::error(text).with_detail("somebody deleted keys, or a lease ended, meanwhile"))
}
