//! Saving a snapshot of a running member, verified while it comes.

use std::fs::File;
use std::io::{self, BufWriter, IoSlice, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use tokio::time::Instant;

use crate::error::Error;
use crate::part::PartFile;
use crate::progress::{Meter, OnProgress};

/// Bytes that are hashed and written at once: few calls of the system, and still in the processor's
/// cache. Of ext4 a write of 1 MiB has taken four times as much processor time as its parts.
const BATCH_BYTES: usize = 1 << 16;

/// How to save.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaveOptions {
    /// The file to write. An older one is replaced when the new one is whole, as by etcdctl.
    pub path: PathBuf,
    /// Compresses by zstd at this level, from 1 (fast) to 19 (small).
    pub compression: Option<i32>,
    /// How long opening the stream may take.
    pub open_deadline: Duration,
    /// How long the stream may stand still.
    pub idle_deadline: Duration,
    /// How long all of it may take, if that is bounded.
    pub deadline: Option<Duration>,
}

impl SaveOptions {
    /// Saves to `path` with patience, uncompressed.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            compression: None,
            open_deadline: Duration::from_secs(30),
            idle_deadline: Duration::from_mins(1),
            deadline: None,
        }
    }
}

/// What was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The member that it came from.
    pub endpoint: String,
    /// Bytes of the snapshot: the database and its hash.
    pub snapshot_bytes: u64,
    /// Bytes of the file, which is smaller when compressed.
    pub file_bytes: u64,
    /// The SHA-256 of the database.
    pub sha256: [u8; SHA256_OUTPUT_LEN],
    /// Version of the storage format (3.6 and later).
    pub version: Option<String>,
    /// How long it took.
    pub elapsed: Duration,
}

/// The members in the order to ask them for a snapshot: followers that are well, the leader,
/// followers with errors. Learners refuse, and who does not answer in time is left out.
pub async fn candidates(members: &[etcd::Member], deadline: Duration) -> Vec<etcd::Member> {
    if let [only] = members {
        return vec![only.clone()];
    }
    let mut asked = tokio::task::JoinSet::new();
    for (index, member) in members.iter().enumerate() {
        let member = member.clone();
        asked.spawn(async move { (index, member.status(deadline).await) });
    }
    let mut order = Vec::new();
    while let Some(answered) = asked.join_next().await {
        let Ok((index, Ok(status))) = answered else { continue };
        if status.is_learner {
            continue;
        }
        let is_leader = status.leader == Some(status.header.member_id);
        let rank = if status.errors.is_empty() { u8::from(is_leader) } else { 2 };
        order.push((rank, index));
    }
    order.sort_unstable();
    order.into_iter().map(|(_, index)| members[index].clone()).collect()
}

/// Saves a snapshot of the first of `members` that gives one whole.
///
/// The file appears under its name when it is complete, its hash is right and it is on disk.
///
/// # Errors
/// The last member's error; at once, when the file cannot be written.
pub async fn save(
    members: &[etcd::Member],
    options: &SaveOptions,
    progress: &mut OnProgress<'_>,
) -> Result<Saved, Error> {
    let mut last = Error::Option("no member to take a snapshot of; name an endpoint".to_owned());
    for member in members {
        match save_from(member, options, &mut *progress).await {
            Ok(saved) => return Ok(saved),
            Err(error @ (Error::Etcd(_) | Error::Damaged { .. })) => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

async fn save_from(
    member: &etcd::Member,
    options: &SaveOptions,
    progress: &mut OnProgress<'_>,
) -> Result<Saved, Error> {
    // First, so that a place that cannot be written costs the member nothing.
    let part = PartFile::create(&options.path)?;
    let mut writer = Writer::new(part, &options.path, options.compression)?;
    let mut meter = Meter::new(progress);
    let version = receive(member, options, &mut writer, &mut meter).await?;
    let written = writer.finish()?;
    let sha256 = written.check(&options.path, &member.endpoint().to_string())?;
    let (snapshot_bytes, file_bytes) = (written.bytes, written.file_bytes);
    tokio::task::spawn_blocking(move || written.part.finish()).await.map_err(|error| {
        Error::Io { what: "the writing task ended".to_owned(), source: io::Error::other(error) }
    })??;
    Ok(Saved {
        endpoint: member.endpoint().to_string(),
        snapshot_bytes,
        file_bytes,
        sha256,
        version,
        elapsed: meter.elapsed(),
    })
}

/// Writes what the member sends; answers the version of the format.
async fn receive(
    member: &etcd::Member,
    options: &SaveOptions,
    writer: &mut Writer,
    meter: &mut Meter<'_>,
) -> Result<Option<String>, Error> {
    let end = options.deadline.map(|deadline| Instant::now() + deadline);
    let left = |most: Duration| {
        end.map_or(most, |end| end.saturating_duration_since(Instant::now()).min(most))
    };
    let mut stream = member.snapshot(left(options.open_deadline)).await?;
    let mut version = None;
    let mut received = 0;
    let mut batch = Batch::default();
    while let Some(chunk) = stream.next(left(options.idle_deadline)).await? {
        received += chunk.bytes() as u64;
        version = version.or(chunk.version);
        batch.add(chunk.pieces, chunk.remaining_bytes);
        if batch.bytes >= BATCH_BYTES {
            writer.write(&std::mem::take(&mut batch))?;
        }
        meter.tell(received, Some(received + chunk.remaining_bytes));
    }
    writer.write(&batch)?;
    Ok(version)
}

/// Parts that are written at once.
#[derive(Default)]
struct Batch {
    parts: Vec<Bytes>,
    bytes: usize,
    /// Bytes that the member has still to send after these.
    remaining: u64,
}

impl Batch {
    fn add(&mut self, parts: Vec<Bytes>, remaining: u64) {
        self.bytes += parts.iter().map(Bytes::len).sum::<usize>();
        self.parts.extend(parts);
        self.remaining = remaining;
    }
}

/// Writes and hashes, on the thread that receives: what was received a moment ago is at hand there, and
/// the network's buffers hold what comes meanwhile.
struct Writer {
    part: PartFile,
    path: PathBuf,
    out: Out,
    hash: Context,
    /// The last bytes so far, which may turn out to be the sender's hash.
    tail: Vec<u8>,
    bytes: u64,
}

/// Where bytes of a file go, compressed or not.
pub(crate) enum Out {
    Plain(BufWriter<File>),
    Compressed(Box<zstd::Encoder<'static, BufWriter<File>>>),
}

impl Out {
    /// With a level, compresses.
    pub(crate) fn new(file: BufWriter<File>, compression: Option<i32>) -> io::Result<Self> {
        let Some(level) = compression else { return Ok(Self::Plain(file)) };
        let mut encoder = zstd::Encoder::new(file, level)?;
        encoder.include_checksum(true)?;
        // On a thread of its own, as it takes longer than all else.
        encoder.multithread(1)?;
        Ok(Self::Compressed(Box::new(encoder)))
    }

    pub(crate) fn as_write(&mut self) -> &mut dyn Write {
        match self {
            Self::Plain(out) => out,
            Self::Compressed(out) => out,
        }
    }

    /// Answers how large the file is.
    pub(crate) fn finish(self) -> io::Result<u64> {
        let file = match self {
            Self::Plain(out) => out,
            Self::Compressed(out) => out.finish()?,
        };
        Ok(file.into_inner().map_err(io::IntoInnerError::into_error)?.metadata()?.len())
    }
}

struct Written {
    part: PartFile,
    sha256: Vec<u8>,
    tail: Vec<u8>,
    bytes: u64,
    file_bytes: u64,
}

impl Writer {
    fn new(part: PartFile, path: &Path, compression: Option<i32>) -> Result<Self, Error> {
        // Parts that are larger than its room go to the file as they are.
        let file = BufWriter::with_capacity(1 << 14, part.handle()?);
        if let Some(level) = compression.filter(|level| !(1..=19).contains(level)) {
            return Err(Error::Option(format!("compression level {level}; give 1 to 19")));
        }
        let out = Out::new(file, compression)
            .map_err(|source| Error::io("cannot compress", path, source))?;
        let hash = Context::new(&SHA256);
        Ok(Self { part, path: path.to_owned(), out, hash, tail: Vec::new(), bytes: 0 })
    }

    fn write(&mut self, batch: &Batch) -> Result<(), Error> {
        batch.parts.iter().for_each(|part| self.take(part));
        write_all(self.out.as_write(), &batch.parts).map_err(|source| {
            let left = batch.bytes as u64 + batch.remaining;
            write_failed(&self.path, self.bytes, left, source)
        })?;
        self.bytes += batch.bytes as u64;
        Ok(())
    }

    fn finish(self) -> Result<Written, Error> {
        let file_bytes =
            self.out.finish().map_err(|source| write_failed(&self.path, self.bytes, 0, source))?;
        Ok(Written {
            part: self.part,
            sha256: self.hash.finish().as_ref().to_vec(),
            tail: self.tail,
            bytes: self.bytes,
            file_bytes,
        })
    }

    fn take(&mut self, bytes: &[u8]) {
        // Of old tail and new bytes, all but what may be the hash is hashed where it lies.
        let known = (self.tail.len() + bytes.len()).saturating_sub(SHA256_OUTPUT_LEN);
        let of_tail = known.min(self.tail.len());
        let (known, rest) = bytes.split_at(known - of_tail);
        self.hash.update(&self.tail[..of_tail]);
        self.hash.update(known);
        self.tail.drain(..of_tail);
        self.tail.extend_from_slice(rest);
    }
}

/// Writes parts in a row, by as few calls of the system as it allows.
fn write_all(out: &mut dyn Write, parts: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
    let mut left = &mut slices[..];
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        match out.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut left, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl Written {
    /// Compares what came with the hash at its end.
    fn check(&self, path: &Path, endpoint: &str) -> Result<[u8; SHA256_OUTPUT_LEN], Error> {
        let bytes = self.bytes;
        let damaged = |reason: String| Err(Error::damaged(path, reason));
        if bytes % 512 != SHA256_OUTPUT_LEN as u64 {
            let text =
                format!("sha256 checksum not found [bytes: {bytes}]: {endpoint} sent half of it");
            return damaged(text);
        }
        if self.sha256 != self.tail {
            return damaged(format!(
                "what {endpoint} sent differs from the SHA-256 at its end; nothing was kept"
            ));
        }
        Ok(self.tail.as_slice().try_into().expect("invariant: the tail has the hash's length"))
    }
}

/// Says how far it came, which tells how much room is missing.
fn write_failed(path: &Path, written: u64, remaining: u64, source: io::Error) -> Error {
    let mut what = format!("cannot write {}", path.display());
    if source.kind() == io::ErrorKind::StorageFull {
        what = format!(
            "no room for {}: {written} of {} bytes were written and are removed again",
            path.display(),
            written + remaining
        );
    }
    Error::Io { what, source }
}
