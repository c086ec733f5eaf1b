//! Whether a disk is fit for etcd: writes as its log does, and times each fdatasync.

mod commits;
mod facts;

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::commits::{COMMIT_READY, Mix, PAGE_BYTES, PAGES};
pub use self::facts::Facts;
use crate::latency::Latencies;

/// Bytes of one write, as etcd's log writes them: the recipe of etcd's own documentation for fio.
pub const BLOCK_BYTES: usize = 2_300;
/// Bytes in all, by the same recipe.
pub const SIZE_BYTES: u64 = 22 << 20;
/// fdatasync at the 99th percentile up to which a disk is fit, as etcd's documentation has it.
pub const READY: Duration = Duration::from_millis(10);
/// The same from which it is not.
pub const UNFIT: Duration = Duration::from_millis(20);

/// What a disk was seen to do.
#[derive(Debug, Clone)]
pub struct Report {
    /// Where.
    pub directory: PathBuf,
    /// What is known of the disk and the file system.
    pub facts: Facts,
    /// Bytes that were written, in writes of [`BLOCK_BYTES`].
    pub bytes: u64,
    /// From the first write to the last.
    pub took: Duration,
    /// How long each fdatasync took.
    pub syncs: Latencies,
    /// What commits of the database took beside the log; `None` when it was interrupted before.
    pub mix: Option<Mix>,
    /// Whether it was interrupted before the end.
    pub is_partial: bool,
}

/// What a disk is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Fit for etcd.
    Ready,
    /// Fit for a small or quiet cluster.
    Warning,
    /// Not fit.
    Unfit,
    /// Not on a disk at all: what is written is lost with the power.
    Memory,
}

/// Why a disk could not be tried.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory is not there.
    #[error("{} is no directory; give the one that etcd's data is in, or is to be in", .0.display())]
    NoDirectory(PathBuf),
    /// Too little space.
    #[error("{} has {free_bytes} bytes free, and {needed_bytes} are needed", path.display())]
    NoSpace {
        /// Where.
        path: PathBuf,
        /// What is free.
        free_bytes: u64,
        /// What is needed.
        needed_bytes: u64,
    },
    /// A file cannot be made or written there.
    #[error("cannot {what} in {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// A file of our own: without a name where that makes no difference, so that nothing is left even
/// when the program is killed.
enum Scratch {
    Nameless(File),
    Named(tempfile::NamedTempFile),
}

impl Scratch {
    fn new(directory: &Path, facts: &Facts) -> io::Result<Self> {
        // btrfs does not log files without a name, so that syncing one costs something else.
        if facts.file_system.as_deref() == Some("btrfs") {
            let mut builder = tempfile::Builder::new();
            return builder.prefix(".etcd-monitor-").tempfile_in(directory).map(Self::Named);
        }
        tempfile::tempfile_in(directory).map(Self::Nameless)
    }

    fn file(&mut self) -> &mut File {
        match self {
            Self::Nameless(file) => file,
            Self::Named(file) => file.as_file_mut(),
        }
    }
}

/// Tries the disk under `directory` with a file of its own, which is gone afterwards; `told` hears
/// from time to time how much of it is done, 0 to 1.
///
/// Blocks its thread until it is over or `interrupt` is cancelled.
pub fn check(
    directory: &Path,
    interrupt: &CancellationToken,
    told: &mut dyn FnMut(f64),
) -> Result<Report, Error> {
    if !directory.is_dir() {
        return Err(Error::NoDirectory(directory.to_owned()));
    }
    let failed = |what| move |source| Error::Io { what, path: directory.to_owned(), source };
    room(directory)?;
    let facts = Facts::of(directory);
    let mut scratch = Scratch::new(directory, &facts).map_err(failed("make a file"))?;
    let file = scratch.file();
    reserve(file, SIZE_BYTES).map_err(failed("reserve space"))?;
    file.sync_all().map_err(failed("sync a file"))?;
    let mut block = vec![0; BLOCK_BYTES];
    fastrand::Rng::with_seed(1).fill(&mut block);
    let writes = SIZE_BYTES / BLOCK_BYTES as u64;
    let mut syncs = Latencies::default();
    let start = Instant::now();
    for write in 0..writes {
        if interrupt.is_cancelled() {
            break;
        }
        file.write_all(&block).map_err(failed("write"))?;
        let begin = Instant::now();
        file.sync_data().map_err(failed("sync a file"))?;
        syncs.record(begin.elapsed());
        if write % 128 == 0 {
            told(write as f64 / writes as f64 / 2.0);
        }
    }
    let took = start.elapsed();
    let bytes = syncs.count() * BLOCK_BYTES as u64;
    let mut is_partial = syncs.count() < writes;
    let mut mix = None;
    if !is_partial {
        let mut database = Scratch::new(directory, &facts).map_err(failed("make a file"))?;
        reserve(database.file(), commits::FILE_BYTES).map_err(failed("reserve space"))?;
        database.file().sync_all().map_err(failed("sync a file"))?;
        let told = &mut |share: f64| told(0.5 + share / 2.0);
        let made = commits::run(database.file(), scratch.file(), interrupt, told);
        mix = Some(made.map_err(failed("write"))?);
        is_partial = interrupt.is_cancelled();
    }
    Ok(Report { directory: directory.to_owned(), facts, bytes, took, syncs, mix, is_partial })
}

#[cfg(unix)]
fn room(directory: &Path) -> Result<(), Error> {
    let Ok(space) = rustix::fs::statvfs(directory) else { return Ok(()) };
    let free_bytes = space.f_bavail * space.f_frsize;
    // A disk that is full to the last byte helps nobody on it.
    let needed_bytes = SIZE_BYTES * 2 + commits::FILE_BYTES;
    if free_bytes < needed_bytes {
        return Err(Error::NoSpace { path: directory.to_owned(), free_bytes, needed_bytes });
    }
    Ok(())
}

#[cfg(not(unix))]
fn room(_directory: &Path) -> Result<(), Error> {
    Ok(())
}

/// Reserves the space, as etcd does for its log, so that a sync need not write the file's length.
fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
        // Some file systems cannot; the length is all that there is then.
        Err(rustix::io::Errno::OPNOTSUPP) | Ok(()) => {}
        Err(error) => return Err(error.into()),
    }
    file.set_len(bytes)
}

impl Report {
    /// Writes each second.
    pub fn writes_per_second(&self) -> f64 {
        self.syncs.count() as f64 / self.took.as_secs_f64().max(f64::EPSILON)
    }

    /// What the disk is good for, and what to do about it.
    pub fn verdict(&self) -> (Verdict, Vec<String>) {
        let p99 = self.syncs.quantile(0.99).unwrap_or_default();
        let verdict = match p99 {
            _ if self.facts.is_memory() => Verdict::Memory,
            p99 if p99 <= READY => Verdict::Ready,
            p99 if p99 <= UNFIT => Verdict::Warning,
            _ => Verdict::Unfit,
        };
        let mut advice = Vec::new();
        if verdict == Verdict::Memory {
            advice.push("this is memory: what is written is gone with the power; give a directory on a disk".to_owned());
        }
        if self.facts.is_network() {
            let name = self.facts.file_system.as_deref().unwrap_or_default();
            advice.push(format!("{name} is a file system over the network: every write waits for it, and its outages are etcd's; use a local disk"));
        }
        if self.facts.is_rotational == Some(true) {
            advice.push("the disk says that it rotates, which virtual disks often say wrongly: if it does, use a solid-state disk".to_owned());
        }
        let commit = self.mix.as_ref().and_then(|mix| mix.commits.quantile(0.99));
        if commit.is_some_and(|p99| p99 > COMMIT_READY) {
            advice.push("commits of the database take over 25 ms (p99) beside the log: put the log on a disk of its own with --wal-dir, or use a faster one".to_owned());
        }
        if matches!(verdict, Verdict::Warning | Verdict::Unfit) {
            advice.push("give etcd a disk of its own, at least for --wal-dir, and look who else writes to this one".to_owned());
            advice.push(
                "where others must share it, put etcd first: ionice -c2 -n0 -p $(pgrep -x etcd)"
                    .to_owned(),
            );
        }
        (verdict, advice)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn report(syncs: Latencies, facts: Facts) -> Report {
        let took = Duration::from_secs(1);
        Report { directory: "/".into(), facts, bytes: 0, took, syncs, mix: None, is_partial: false }
    }

    #[test]
    fn the_verdict_is_by_the_99th_percentile() {
        for (millis, verdict) in [(9, Verdict::Ready), (15, Verdict::Warning), (25, Verdict::Unfit)]
        {
            let mut syncs = Latencies::default();
            for place in 0..100 {
                syncs.record(Duration::from_millis(if place < 98 { 1 } else { millis }));
            }
            assert_eq!(report(syncs, Facts::default()).verdict().0, verdict, "{millis}");
        }
        let rotating = Facts { is_rotational: Some(true), ..Facts::default() };
        let advice = report(Latencies::default(), rotating).verdict().1;
        assert!(advice[0].contains("rotates"), "{advice:?}");
    }

    #[test]
    fn slow_commits_are_told_and_change_no_verdict() {
        let mut mix = Mix::default();
        mix.commits.record(Duration::from_millis(40));
        let mut syncs = Latencies::default();
        syncs.record(Duration::from_millis(1));
        let slow = Report { mix: Some(mix), ..report(syncs, Facts::default()) };
        let (verdict, advice) = slow.verdict();
        assert_eq!(verdict, Verdict::Ready);
        assert!(advice[0].contains("commits of the database"), "{advice:?}");
    }

    #[test]
    fn commits_are_made_beside_the_log() {
        let [database, log] = [(), ()].map(|()| tempfile::tempfile().unwrap());
        let interrupt = CancellationToken::new();
        let mut told = 0;
        let mix = commits::run(&database, &log, &interrupt, &mut |_| {
            told += 1;
            if told == 2 {
                interrupt.cancel();
            }
        });
        let mix = mix.unwrap();
        assert_eq!(mix.commits.count(), 17);
        assert!(mix.log_syncs.count() > 0, "{mix:?}");
    }

    #[test]
    fn a_check_leaves_nothing_and_touches_nothing() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("mine"), "as it was").unwrap();
        let interrupt = CancellationToken::new();
        let mut told = 0;
        let report = check(directory.path(), &interrupt, &mut |_| {
            told += 1;
            // Long enough to prove it, short enough for a slow disk.
            if told == 3 {
                interrupt.cancel();
            }
        });
        let report = report.unwrap();
        assert!(report.is_partial && report.syncs.count() >= 257, "{report:?}");
        assert!(report.facts.file_system.is_some(), "{report:?}");
        let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().flatten().collect();
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(std::fs::read(directory.path().join("mine")).unwrap(), b"as it was");
        let missing = check(&directory.path().join("no"), &interrupt, &mut |_| {});
        assert!(matches!(missing, Err(Error::NoDirectory(_))));
    }
}
