//! `keys`: how many keys there are and what takes the room, read gently from one member.

use std::time::Duration;

use etcd::KeyValue;
use tokio::time::Instant;

use super::Command;
use crate::answer::{Origin, UsageList, UsageMost, UsageTree};
use crate::call::Call;
use crate::failure::Failure;
use crate::operate::usage::{By, ByPrefix, Most};
use crate::parse::Flag;
use crate::scan::{Options, Scan};

/// `keys`.
pub(super) const KEYS: Command = Command::group(
    "keys",
    "keys <subcommand>",
    "Shows how many keys there are and what takes the room",
    &[&COUNT, &DU, &TOP, &TREE],
)
.persistent(GENTLE)
.long(LONG)
.ours();

const LONG: &str = "\
All keys are read at one revision, in pages, from one of the endpoints: a follower if there is one.
Nothing is read faster than --max-rate, and nothing while the member is slower than --max-latency or
has fallen behind; when that lasts for --patience, the command stops and says how far it came.
A PREFIX that is given is not a part of the depth.";

/// Flags of what reads very many keys.
pub(super) const GENTLE: &[Flag] = &[
    Flag::duration("max-latency", "500ms", "rest while the member takes longer to answer").ours(),
    Flag::int("max-rate", "50000", "most keys to read in a second; 0 for no limit").ours(),
    Flag::int("page-keys", "20000", "most keys to ask for at once").ours(),
    Flag::duration("patience", "30s", "how long to rest or to look for another member").ours(),
    Flag::int("rev", "0", "as of this revision; 0 for the newest").ours(),
];

const SEPARATOR: Flag = Flag::text("separator", "/", "the letter that ends a part of a key").ours();
const TOP_FLAG: Flag = Flag::int("top", "20", "how many to show; 0 for all").ours();

const COUNT: Command =
    Command::new("count", "count [options] [prefix]", "Counts keys", |call| Box::pin(count(call)))
        .long("Without --depth, the member counts in its index and reads no key.")
        .flags(&[
            Flag::int("depth", "0", "count by prefixes of so many parts").ours(),
            SEPARATOR,
            TOP_FLAG,
        ])
        .ours();

const DU: Command = Command::new(
    "du",
    "du [options] [prefix]",
    "Adds up keys and bytes of keys and values by prefix",
    |call| Box::pin(du(call)),
)
.long("History is not counted: 'snapshot inspect' shows what it takes.")
.flags(&[
    Flag::int("depth", "2", "parts of a key that make its prefix").ours(),
    SEPARATOR,
    TOP_FLAG,
])
.ours();

const TOP: Command = Command::new(
    "top",
    "top [options] [prefix]",
    "Shows the largest values, the keys written most often, or the leases with most keys",
    |call| Box::pin(top(call)),
)
.flags(&[
    Flag::text("by", "size", "size, versions or lease").ours(),
    Flag::int("top", "20", "how many to show").ours(),
])
.ours();

const TREE: Command =
    Command::new("tree", "tree [options] [prefix]", "Shows prefixes under prefixes", |call| {
        Box::pin(tree(call))
    })
    .flags(&[
        Flag::int("depth", "3", "how deep to show").ours(),
        Flag::bool("keys-only", "count keys and read no values").ours(),
        SEPARATOR,
        Flag::int("top", "10", "how many to show under each prefix; 0 for all").ours(),
    ])
    .ours();

/// How often progress is told.
const TOLD_EVERY: Duration = Duration::from_millis(250);

async fn count(call: &mut Call<'_>) -> Result<(), Failure> {
    let depth = number(call, "depth")?;
    let top = number(call, "top")?;
    let separator = separator(call)?;
    let (mut scan, skip) = open(call, true).await?;
    let mut sums = ByPrefix::new(skip, separator, depth, false);
    if depth == 0 {
        let mut told = Vec::new();
        let counted = scan.count(&mut |text| told.push(text.to_owned())).await;
        for line in told {
            call.io.complain(&line);
        }
        sums.total.keys = counted?;
    } else {
        read(call, &mut scan, |kv| sums.add(kv)).await?;
    }
    let origin = Origin::of(&scan);
    call.print(&UsageList { origin, sums: &sums, top, has_bytes: false })
}

async fn du(call: &mut Call<'_>) -> Result<(), Failure> {
    let (depth, top, separator) = (number(call, "depth")?, number(call, "top")?, separator(call)?);
    let (mut scan, skip) = open(call, false).await?;
    let mut sums = ByPrefix::new(skip, separator, depth, false);
    read(call, &mut scan, |kv| sums.add(kv)).await?;
    let origin = Origin::of(&scan);
    call.print(&UsageList { origin, sums: &sums, top, has_bytes: true })
}

async fn top(call: &mut Call<'_>) -> Result<(), Failure> {
    let count = number(call, "top")?;
    let by = call.flags.text("by").into_owned();
    let by = By::parse(&by).ok_or_else(|| {
        Failure::bad_feature(format!("unknown --by {by:?}: size, versions or lease"))
    })?;
    // Without values, servers of 3.7 leave the leases out too.
    let (mut scan, _) = open(call, by == By::Versions).await?;
    let mut most = Most::new(by, count);
    read(call, &mut scan, |kv| most.add(kv)).await?;
    let origin = Origin::of(&scan);
    call.print(&UsageMost::new(origin, by, most))
}

async fn tree(call: &mut Call<'_>) -> Result<(), Failure> {
    let (depth, top, separator) = (number(call, "depth")?, number(call, "top")?, separator(call)?);
    let keys_only = call.flags.bool("keys-only");
    let (mut scan, skip) = open(call, keys_only).await?;
    let mut sums = ByPrefix::new(skip, separator, depth, true);
    read(call, &mut scan, |kv| sums.add(kv)).await?;
    let origin = Origin::of(&scan);
    let nodes = sums.tree(!keys_only);
    call.print(&UsageTree { origin, sums: &sums, nodes, top, has_bytes: !keys_only })
}

/// Begins to read; answers how long what all keys begin with is.
async fn open(call: &mut Call<'_>, keys_only: bool) -> Result<(Scan, usize), Failure> {
    let prefix = match call.args.as_slice() {
        [] => Vec::new(),
        [prefix] => prefix.clone(),
        _ => return Err(Failure::bad_args("at most one prefix can be given")),
    };
    let skip = prefix.len();
    let options = gentle(call, prefix, keys_only)?;
    let session = call.session().await?;
    let scan = Scan::open(&session, options).await?;
    if let Some(note) = scan.note() {
        call.io.complain(note);
    }
    Ok((scan, skip))
}

/// What [`GENTLE`] says.
pub(super) fn gentle(
    call: &Call<'_>,
    prefix: Vec<u8>,
    keys_only: bool,
) -> Result<Options, Failure> {
    let flag = |name: &str, least: i64| match call.flags.int(name) {
        given if given >= least => Ok(given),
        given => Err(Failure::bad_args(format!("--{name}={given}: give a number from {least} on"))),
    };
    Ok(Options {
        prefix: prefix.into(),
        revision: flag("rev", 0)?,
        keys_only,
        page_keys: flag("page-keys", 1)?,
        max_rate: flag("max-rate", 0)?,
        max_latency: call.flags.duration("max-latency"),
        patience: call.flags.duration("patience"),
    })
}

/// Reads all keys and tells how far it has come.
async fn read(
    call: &mut Call<'_>,
    scan: &mut Scan,
    mut take: impl FnMut(&KeyValue),
) -> Result<(), Failure> {
    let mut told = Instant::now();
    loop {
        let io = &mut *call.io;
        let page = scan.next(&mut |text| io.complain(text)).await;
        let Some(kvs) = page.inspect_err(|_| call.io.end_progress())? else { break };
        kvs.iter().for_each(&mut take);
        if told.elapsed() >= TOLD_EVERY {
            told = Instant::now();
            call.io.progress(&progress(scan));
        }
    }
    call.io.end_progress();
    Ok(())
}

/// How far a scan has come.
pub(super) fn progress(scan: &Scan) -> String {
    let (done, source) = (scan.done(), scan.source().shown());
    match scan.total() {
        Some(total) if total > 0 => {
            let percent = done as f64 / total as f64 * 100.0;
            format!("{done} of {total} keys ({percent:.0} %) from {source}")
        }
        _ => format!("{done} keys from {source}"),
    }
}

/// A flag that counts something.
fn number(call: &Call<'_>, flag: &str) -> Result<usize, Failure> {
    let given = call.flags.int(flag);
    let text = || Failure::bad_args(format!("--{flag}={given}: give a number from 0 on"));
    usize::try_from(given).map_err(|_| text())
}

fn separator(call: &Call<'_>) -> Result<u8, Failure> {
    let given = call.flags.bytes("separator");
    let [separator] = *given else {
        let text = String::from_utf8_lossy(given);
        return Err(Failure::bad_args(format!("--separator={text}: give one letter, such as /")));
    };
    Ok(separator)
}
