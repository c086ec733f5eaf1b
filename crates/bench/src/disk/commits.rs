//! The other half of etcd's load on a disk: commits of its database, as bbolt makes them, beside its log.
//!
//! A commit writes its pages where they happen to be, syncs, writes a meta page, and syncs again.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{BLOCK_BYTES, SIZE_BYTES};
use crate::latency::Latencies;

/// Commit at the 99th percentile up to which etcd's documentation calls a disk fast enough.
pub const COMMIT_READY: Duration = Duration::from_millis(25);
/// Bytes of a page.
pub const PAGE_BYTES: usize = 4_096;
/// Pages that a commit writes, beside the meta page: leaves, branches and the list of free pages that
/// a hundred milliseconds of writes touch.
pub const PAGES: usize = 16;
/// Bytes of the file that they are spread over.
pub(super) const FILE_BYTES: u64 = 64 << 20;
/// Commits that are made.
const COMMITS: usize = 400;
/// Rest between two commits; etcd rests for up to 100 ms, which would only take longer here.
const REST: Duration = Duration::from_millis(5);
/// Longest time that all of them may take.
const AT_MOST: Duration = Duration::from_secs(15);

/// What commits were seen to take, and the log beside them.
#[derive(Debug, Clone, Default)]
pub struct Mix {
    /// How long each commit took, both syncs included.
    pub commits: Latencies,
    /// How long each fdatasync of the log took meanwhile.
    pub log_syncs: Latencies,
    /// From the first commit to the last.
    pub took: Duration,
}

/// Makes commits in `database` while `log` is written as etcd's log is.
pub(super) fn run(
    database: &File,
    log: &File,
    interrupt: &CancellationToken,
    told: &mut dyn FnMut(f64),
) -> io::Result<Mix> {
    let is_over = AtomicBool::new(false);
    let start = Instant::now();
    let (commits, log_syncs) = std::thread::scope(|scope| {
        let logged = scope.spawn(|| write_log(log, &is_over));
        let commits = commit(database, interrupt, told);
        is_over.store(true, Ordering::Relaxed);
        let logged =
            logged.join().unwrap_or_else(|_| Err(io::Error::other("the log's thread failed")));
        (commits, logged)
    });
    Ok(Mix { commits: commits?, log_syncs: log_syncs?, took: start.elapsed() })
}

fn write_log(log: &File, is_over: &AtomicBool) -> io::Result<Latencies> {
    let mut syncs = Latencies::default();
    let mut block = vec![0; BLOCK_BYTES];
    fastrand::Rng::with_seed(2).fill(&mut block);
    let mut at = 0;
    while !is_over.load(Ordering::Relaxed) {
        write_at(log, &block, at)?;
        let begin = Instant::now();
        log.sync_data()?;
        syncs.record(begin.elapsed());
        at = (at + BLOCK_BYTES as u64) % (SIZE_BYTES - BLOCK_BYTES as u64);
    }
    Ok(syncs)
}

fn commit(
    database: &File,
    interrupt: &CancellationToken,
    told: &mut dyn FnMut(f64),
) -> io::Result<Latencies> {
    let mut random = fastrand::Rng::with_seed(3);
    let mut page = vec![0; PAGE_BYTES];
    random.fill(&mut page);
    let mut latencies = Latencies::default();
    let start = Instant::now();
    let pages = FILE_BYTES / PAGE_BYTES as u64;
    for number in 0..COMMITS {
        if interrupt.is_cancelled() || start.elapsed() > AT_MOST {
            break;
        }
        let begin = Instant::now();
        for _ in 0..PAGES {
            // The first two are the meta pages.
            write_at(database, &page, random.u64(2..pages) * PAGE_BYTES as u64)?;
        }
        database.sync_data()?;
        write_at(database, &page, (number as u64 % 2) * PAGE_BYTES as u64)?;
        database.sync_data()?;
        latencies.record(begin.elapsed());
        if number % 16 == 0 {
            told(number as f64 / COMMITS as f64);
        }
        std::thread::sleep(REST);
    }
    Ok(latencies)
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    use std::os::unix::fs::FileExt as _;
    file.write_all_at(bytes, at)
}

#[cfg(not(unix))]
fn write_at(mut file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    use std::io::{Seek as _, SeekFrom, Write as _};
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}
