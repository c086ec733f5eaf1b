//! `export`: keys as they are at one revision, in a file of JSON lines.

use std::collections::HashMap;
use std::time::Duration;

use backup::keyfile::{Encoder, Header, KeyFileWriter, KeyLine, Trailer};
use etcd::KeyValue;
use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;
use tokio::time::Instant;

use super::Command;
use super::keys::{GENTLE, gentle, progress};
use super::snapshot::{failure, path_of};
use crate::call::Call;
use crate::failure::Failure;
use crate::parse::Flag;
use crate::print::human;
use crate::scan::Scan;
use crate::session::Session;

/// `export`.
pub(super) const EXPORT: Command = Command::new(
    "export",
    "export [options] <filename or ->",
    "Writes keys as they are at one revision to a file of JSON lines",
    |call| Box::pin(run(call)),
)
.long(
    "\
A header, a line for each key in order, and a trailer with the number of keys and the SHA-256: a file
that is cut off is refused by 'import'. Text stands as it is, other bytes in base64 under key_base64 and
value_base64. A name that ends with .zst is compressed. The file gets its name when it is whole and on
disk. Keys are read from a follower if there is one, no faster than --max-rate.",
)
.flags(FLAGS)
.ours();

const FLAGS: &[Flag] = &[
    GENTLE[0],
    GENTLE[1],
    GENTLE[2],
    GENTLE[3],
    Flag::text("prefix", "", "only keys that begin with this").ours(),
    GENTLE[4],
];

/// How often progress is told.
const TOLD_EVERY: Duration = Duration::from_millis(250);
/// Longest time to find out about a lease, through the loss of a leader.
const LEASE_LIMIT: Duration = Duration::from_mins(1);

/// Where the lines go.
enum Target {
    File(Box<KeyFileWriter>),
    /// Standard output.
    Stream,
}

impl Target {
    /// Takes what `buffer` has.
    fn write(&mut self, call: &mut Call<'_>, buffer: &mut Vec<u8>) -> Result<(), Failure> {
        match self {
            Self::File(file) => file.write(buffer).map_err(failure)?,
            Self::Stream => {
                call.io.out().extend_from_slice(buffer);
                call.flush_if_full()?;
            }
        }
        buffer.clear();
        Ok(())
    }
}

async fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    let [name] = call.args.as_slice() else {
        return Err(Failure::bad_args("export expects one argument <filename or ->"));
    };
    let path = (name != b"-").then(|| path_of(name));
    let options = gentle(call, call.flags.bytes("prefix").to_vec(), false)?;
    let session = call.session().await?;
    // First, so that a place that cannot be written costs the cluster nothing.
    let mut target = match &path {
        Some(path) => Target::File(Box::new(KeyFileWriter::create(path).map_err(failure)?)),
        None => Target::Stream,
    };
    let prefix = options.prefix.clone();
    let mut scan = Scan::open(&session, options).await?;
    if let Some(note) = scan.note() {
        call.io.complain(note);
    }
    let header = Header::new(scan.cluster_id(), scan.revision(), &prefix);
    let copied = copy(call, &session, &mut scan, &header, &mut target).await;
    call.io.end_progress();
    let trailer = copied.map_err(|failure| match &path {
        Some(path) => failure.with_detail(format!("{} was not made", path.display())),
        None => failure.with_detail("what was written has no trailer: 'import' refuses it"),
    })?;
    let (keys, revision, source) = (trailer.keys, scan.revision(), scan.source().shown());
    match (target, path) {
        (Target::File(file), Some(path)) => {
            let size = human::bytes(file.finish().map_err(failure)?);
            let path = path.display();
            call.say(&format!(
                "{keys} keys of revision {revision} from {source} in {path}, {size}"
            ));
            call.say(&format!("sha256 of the lines: {}", trailer.sha256));
        }
        _ => call.io.complain(&format!("{keys} keys of revision {revision} from {source}")),
    }
    Ok(())
}

async fn copy(
    call: &mut Call<'_>,
    session: &Session,
    scan: &mut Scan,
    header: &Header,
    target: &mut Target,
) -> Result<Trailer, Failure> {
    let mut buffer = Vec::new();
    let mut encoder = Encoder::new(header, &mut buffer);
    let mut ttls = HashMap::new();
    let mut told = Instant::now();
    loop {
        let io = &mut *call.io;
        let Some(kvs) = scan.next(&mut |text| io.complain(text)).await? else { break };
        for kv in kvs {
            let ttl = match kv.lease {
                0 => 0,
                lease => ttl(session, lease, &mut ttls).await?,
            };
            encoder.add(&line(kv, ttl), &mut buffer);
        }
        target.write(call, &mut buffer)?;
        if told.elapsed() >= TOLD_EVERY {
            told = Instant::now();
            call.io.progress(&progress(scan));
        }
    }
    let trailer = encoder.end(&mut buffer);
    target.write(call, &mut buffer)?;
    Ok(trailer)
}

fn line(kv: KeyValue, lease_ttl_seconds: i64) -> KeyLine {
    KeyLine {
        key: kv.key.into(),
        value: kv.value.into(),
        create_revision: kv.create_revision,
        mod_revision: kv.mod_revision,
        version: kv.version,
        lease: kv.lease,
        lease_ttl_seconds,
    }
}

/// Seconds for which a lease was granted; 0 when it is gone.
async fn ttl(session: &Session, lease: i64, known: &mut HashMap<i64, i64>) -> Result<i64, Failure> {
    if let Some(ttl) = known.get(&lease) {
        return Ok(*ttl);
    }
    let request = pb::LeaseTimeToLiveRequest { id: lease, keys: false };
    let reply = session.insist(&rpc::LEASE_TIME_TO_LIVE, request, LEASE_LIMIT).await?;
    let ttl = if reply.ttl > 0 { reply.granted_ttl } else { 0 };
    known.insert(lease, ttl);
    Ok(ttl)
}
