//! What is known of a cluster's backups: the newest snapshot where they come to lie, and its age.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use backup::{HashCheck, SnapshotFile};
use jiff::Timestamp;
use model::series::Labels;
use monitor::config::Backups as Config;
use tracing::warn;

use super::own::named;

/// What was written to so lately may still be written.
const SETTLES_WITHIN: Duration = Duration::from_mins(1);

/// Files that are tried, the newest first, until one is sound.
const MAX_TRIED: usize = 10;

/// What is known, cluster by cluster.
#[derive(Debug, Default)]
pub(super) struct Backups {
    known: Arc<Mutex<HashMap<String, Known>>>,
}

#[derive(Debug, Default)]
struct Known {
    path: PathBuf,
    /// A look at a disk that does not answer may last for ever; there is one at most.
    is_looking: bool,
    has_looked: bool,
    found: Option<Snapshot>,
    files: Files,
}

/// A snapshot whose hash is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Snapshot {
    written_at: SystemTime,
    bytes: u64,
}

/// Files that were read to their end: a file that did not change since is not read again.
#[derive(Debug, Default)]
struct Files {
    sound: HashSet<File>,
    unsound: HashSet<File>,
    /// Why the path could not be read, when it was said.
    error: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct File {
    path: PathBuf,
    written_at: SystemTime,
    bytes: u64,
}

impl Backups {
    /// The series of a cluster at `now`, and another look for the next time.
    pub(super) fn of(&self, cluster: &str, config: &Config, now: Timestamp) -> Vec<(Labels, f64)> {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(path) = &config.path else {
            all.remove(cluster);
            return Vec::new();
        };
        let known = all.entry(cluster.to_owned()).or_default();
        if known.path != *path {
            *known = Known { path: path.clone(), ..Known::default() };
        }
        if !known.is_looking {
            known.is_looking = true;
            let files = std::mem::take(&mut known.files);
            self.look(cluster.to_owned(), path.clone(), files, at(now));
        }
        if !known.has_looked {
            return Vec::new();
        }
        let found = known.found;
        let mut samples = vec![
            (named("etcd_monitor_backup_found"), f64::from(u8::from(found.is_some()))),
            (named("etcd_monitor_backup_max_age_seconds"), config.max_age.as_secs_f64()),
        ];
        if let Some(Snapshot { written_at, bytes }) = found {
            // One from the future is new.
            let age = at(now).duration_since(written_at).unwrap_or_default();
            samples.push((named("etcd_monitor_backup_age_seconds"), age.as_secs_f64()));
            samples.push((named("etcd_monitor_backup_size_bytes"), bytes as f64));
        }
        samples
    }

    /// Forgets all clusters but these.
    pub(super) fn retain(&self, clusters: &HashSet<String>) {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|name, _| clusters.contains(name));
    }

    fn look(&self, cluster: String, path: PathBuf, mut files: Files, now: SystemTime) {
        let known = Arc::clone(&self.known);
        tokio::task::spawn_blocking(move || {
            let found = files.newest(&cluster, &path, now);
            let mut all = known.lock().unwrap_or_else(PoisonError::into_inner);
            // Another path may have been set meanwhile.
            if let Some(known) = all.get_mut(&cluster).filter(|known| known.path == path) {
                *known = Known { path, is_looking: false, has_looked: true, found, files };
            }
        });
    }
}

impl Files {
    /// The newest sound snapshot that `path` is or has.
    fn newest(&mut self, cluster: &str, path: &Path, now: SystemTime) -> Option<Snapshot> {
        let files = match settled(path, now) {
            Ok(files) => files,
            Err(error) => {
                let error = error.to_string();
                if self.error.as_ref() != Some(&error) {
                    warn!(%cluster, path = %path.display(), %error, "backups cannot be looked for");
                    self.error = Some(error);
                }
                return None;
            }
        };
        self.error = None;
        let is_there = |file: &File| files.contains(file);
        self.sound.retain(is_there);
        self.unsound.retain(is_there);
        let sound = files.iter().take(MAX_TRIED).find(|file| self.is_sound(cluster, file))?;
        Some(Snapshot { written_at: sound.written_at, bytes: sound.bytes })
    }

    fn is_sound(&mut self, cluster: &str, file: &File) -> bool {
        if self.sound.contains(file) || self.unsound.contains(file) {
            return self.sound.contains(file);
        }
        let checked = SnapshotFile::open(&file.path).and_then(|snapshot| snapshot.check_hash());
        let why = match checked {
            Ok(HashCheck::Matches) => {
                self.sound.insert(file.clone());
                return true;
            }
            Ok(HashCheck::Absent) => "it has no hash".to_owned(),
            Err(error) => error.to_string(),
        };
        warn!(%cluster, path = %file.path.display(), error = %why, "a file is no sound backup");
        self.unsound.insert(file.clone());
        false
    }
}

/// The moment as the file system tells it.
fn at(moment: Timestamp) -> SystemTime {
    let since = u64::try_from(moment.as_millisecond()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_millis(since)
}

/// The files of `path`, the newest first, without those that may still be written.
fn settled(path: &Path, now: SystemTime) -> io::Result<Vec<File>> {
    let paths = if fs::metadata(path)?.is_dir() {
        fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?
    } else {
        vec![path.to_owned()]
    };
    let file = |path: PathBuf| {
        let metadata = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
        let written_at = metadata.modified().ok()?;
        // One from the future is not waited for.
        let is_settled = now.duration_since(written_at).map_or(true, |age| age >= SETTLES_WITHIN);
        is_settled.then_some(File { path, written_at, bytes: metadata.len() })
    };
    let mut files: Vec<File> = paths.into_iter().filter_map(file).collect();
    files.sort_by_key(|file| std::cmp::Reverse(file.written_at));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_700_000_000).unwrap()
    }

    /// An empty database of four pages, and its hash.
    fn snapshot() -> Vec<u8> {
        const PAGE: usize = 4_096;
        let mut file = vec![0; 4 * PAGE];
        for (page, flags) in [(0, 4_u16), (1, 4), (2, 16), (3, 2)] {
            file[page * PAGE..][..8].copy_from_slice(&(page as u64).to_le_bytes());
            file[page * PAGE + 8..][..2].copy_from_slice(&flags.to_le_bytes());
        }
        for page in [0, 1] {
            let mut meta = Vec::new();
            for word in [0xED0C_DAED_u32, 2, PAGE as u32, 0] {
                meta.extend(word.to_le_bytes());
            }
            // Root, its sequence, free list, pages, transaction.
            for word in [3_u64, 0, 2, 4, page] {
                meta.extend(word.to_le_bytes());
            }
            let fnv =
                |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            let checksum = meta.iter().fold(0xcbf2_9ce4_8422_2325, fnv);
            meta.extend(checksum.to_le_bytes());
            file[page as usize * PAGE + 16..][..meta.len()].copy_from_slice(&meta);
        }
        let hash = ring::digest::digest(&ring::digest::SHA256, &file);
        file.extend(hash.as_ref());
        file
    }

    /// A file written `age` ago.
    fn put(directory: &Path, name: &str, contents: &[u8], age: Duration) -> SystemTime {
        let path = directory.join(name);
        fs::write(&path, contents).unwrap();
        let at = at(now()) - age;
        fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
        at
    }

    #[test]
    fn the_newest_sound_snapshot_counts() {
        let directory = tempfile::tempdir().unwrap();
        let (path, mut files) = (directory.path(), Files::default());
        let mut newest = || files.newest("c", path, at(now()));
        assert_eq!(newest(), None);
        let sound = snapshot();
        let hour = Duration::from_hours(1);
        let old = put(path, "a", &sound, 5 * hour);
        let bytes = sound.len() as u64;
        assert_eq!(newest(), Some(Snapshot { written_at: old, bytes }));
        let mut damaged = sound.clone();
        damaged[10_000] ^= 1;
        put(path, "b", &damaged, 4 * hour);
        put(path, "c", &sound[..sound.len() - 32], 3 * hour);
        put(path, "d", b"no snapshot", 2 * hour);
        assert_eq!(newest(), Some(Snapshot { written_at: old, bytes }), "those are not sound");
        put(path, "e", &sound, Duration::from_secs(5));
        assert_eq!(newest(), Some(Snapshot { written_at: old, bytes }), "it may still be written");
        let new = put(path, "e", &sound, hour);
        assert_eq!(newest(), Some(Snapshot { written_at: new, bytes }));
        let mut files = Files::default();
        let one = files.newest("c", &path.join("a"), at(now()));
        assert_eq!(one.map(|snapshot| snapshot.written_at), Some(old), "a file by itself");
        assert_eq!(files.newest("c", &path.join("none"), at(now())), None);
    }

    #[tokio::test]
    async fn a_cluster_without_a_path_has_no_series_and_another_has_its_age() {
        let directory = tempfile::tempdir().unwrap();
        let backups = Backups::default();
        let config =
            |path: Option<&Path>| Config { path: path.map(Path::to_owned), ..Config::default() };
        put(directory.path(), "a", &snapshot(), Duration::from_hours(1));
        let now = now();
        assert_eq!(backups.of("c", &config(None), now), []);
        let with = config(Some(directory.path()));
        assert_eq!(backups.of("c", &with, now), [], "unknown before the first look");
        let known = async || !backups.of("c", &with, now).is_empty();
        testbed::wait_until("a look", Duration::from_secs(30), known).await.unwrap();
        let samples = backups.of("c", &with, now);
        let age = (named("etcd_monitor_backup_age_seconds"), 3_600.0);
        assert!(samples.contains(&age), "{samples:?}");
        assert!(samples.contains(&(named("etcd_monitor_backup_found"), 1.0)), "{samples:?}");
        backups.retain(&HashSet::new());
        assert_eq!(backups.of("c", &with, now), [], "it begins anew");
    }
}
