//! Looking after the files: counting, verifying, compacting, deleting, copying.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use model::series::{MatchOp, Matcher, Series, Source, Want};
use rusqlite::{Connection, params};
use tempfile::TempDir;
use tsdb::admin::backup::{backup, tidy};
use tsdb::admin::compact::compact;
use tsdb::admin::delete::delete_series;
use tsdb::admin::usage::usage;
use tsdb::admin::verify::{Verified, verify};
use tsdb::{Error, Level, View};

use crate::scrapes::{START, member, open, sample_of, series};

const DAY: i64 = 86_400_000;
const DAYS: i64 = 3;
const SCRAPES: i64 = 700;
/// The last day is today: it is not over.
const NOW: i64 = START + DAYS * DAY - 3_600_000;

/// Three days of two members, the first two rolled up.
fn filled() -> TempDir {
    let directory = TempDir::new().expect("a directory");
    let store = open(&directory);
    let ids = series(&store);
    for day in 0..DAYS {
        for scrape in 0..SCRAPES {
            let at = START + day * DAY + scrape * 60_000;
            for name in ["m1", "m2"] {
                let samples = sample_of(&ids, scrape as u32);
                member(&store, name).append(at, &samples).expect("taken");
            }
        }
    }
    store.flush();
    assert_eq!(store.roll_up(NOW, &mut || true).expect("rolled up"), 2);
    store.close();
    directory
}

fn selector(pairs: &[(&str, &str)]) -> Vec<Matcher> {
    let matcher = |(name, value): &(&str, &str)| Matcher::new(name, MatchOp::Re, value);
    pairs.iter().map(|pair| matcher(pair).expect("a matcher")).collect()
}

/// All series at every resolution.
fn all(directory: &Path) -> Vec<Vec<Series>> {
    let view = View::open(directory).expect("a view");
    let levels = Level::ALL.map(|level| {
        let spacing_ms = Some(level.spacing_ms());
        let mut found = Vec::new();
        let want = Want { spacing_ms, ..Want::all(0, i64::MAX) };
        let read = view.read(&selector(&[("__name__", ".+")]), want, &mut |series, _| {
            found.push(series);
            std::ops::ControlFlow::Continue(())
        });
        read.expect("series");
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        found
    });
    assert_eq!(view.damage(), Vec::<String>::new());
    levels.into()
}

fn verified(directory: &Path) -> Verified {
    let mut last = 0;
    let verified = verify(directory, &mut |progress| {
        assert!((last..=progress.total).contains(&progress.done), "{progress:?}");
        last = progress.done;
    });
    verified.expect("verified")
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    entries.map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_view_beside_the_writer_sees_the_newest_samples_and_makes_nothing() {
    let directory = filled();
    let store = open(&directory);
    let ids = series(&store);
    let at = START + DAYS * DAY - 1_000;
    member(&store, "m1").append(at, &sample_of(&ids, 7)).expect("taken");
    store.flush();
    let before = names(directory.path());
    let found = all(directory.path());
    assert_eq!(names(directory.path()), before);
    assert_eq!(found[0][0].samples.last().map(|last| last.at_ms), Some(at));
    let missing = directory.path().join("missing");
    View::open(&missing).expect_err("there is nothing");
    assert!(!missing.exists());
}

#[test]
fn usage_adds_up() {
    let directory = filled();
    let view = View::open(directory.path()).expect("a view");
    let counted = usage(&view, &[selector(&[("__name__", ".+")])], &mut |_| {}).expect("counted");
    assert_eq!(counted.files.len(), DAYS as usize + 2);
    for file in &counted.files {
        assert!(file.share.bytes > 0 && file.share.bytes < file.bytes, "{file:?}");
        // Tables, indexes, names, the times of the blocks, and what is not full of them.
        assert!(file.bytes - file.share.bytes < 40 * 8_192, "{file:?}");
        let raw = 8 * SCRAPES as u64;
        assert!(file.share.samples == raw || file.level != Level::Raw, "{file:?}");
        assert_eq!(file.share.series, 8);
    }
    let sum = |field: fn(&tsdb::admin::usage::Share) -> u64| {
        let files: u64 = counted.files.iter().map(|file| field(&file.share)).sum();
        let metrics: u64 = counted.metrics.values().map(field).sum();
        let clusters: u64 = counted.clusters.values().map(field).sum();
        assert_eq!((metrics, clusters), (field(&counted.total), field(&counted.total)));
        (files, field(&counted.total))
    };
    let (bytes, samples) = (sum(|share| share.bytes), sum(|share| share.samples));
    assert_eq!((bytes.0, samples.0), (bytes.1, samples.1));
    assert_eq!(sum(|share| share.series).1, 8);
    let names: Vec<&str> = counted.metrics.keys().map(String::as_str).collect();
    assert_eq!(names, ["db_size_bytes", "fsync_seconds_sum", "up", "writes_total"]);
    assert_eq!(counted.clusters.keys().collect::<Vec<_>>(), ["c"]);
    let last = START + (DAYS - 1) * DAY + (SCRAPES - 1) * 60_000;
    assert_eq!(counted.span_ms, Some((START, last)));

    let up = selector(&[("__name__", "up"), ("member", "m2")]);
    let some = usage(&view, &[up.clone(), up], &mut |_| {}).expect("counted");
    assert_eq!((some.total.series, some.metrics.len()), (1, 1));
}

#[test]
fn every_flipped_byte_of_a_block_is_found() {
    let directory = filled();
    let sound = verified(directory.path());
    assert_eq!(sound.problems, []);
    assert!(sound.blocks > 20, "{sound:?}");
    let file = names(directory.path()).into_iter().find(|name| name.ends_with(".5m.db"));
    let file = file.expect("a file");
    let database = Connection::open(directory.path().join(&file)).expect("a database");
    let (id, data): (i64, Vec<u8>) = database
        .query_row("SELECT id, data FROM block ORDER BY id DESC", (), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .expect("a block");
    let put = |data: &[u8]| {
        database.execute("UPDATE block SET data = ? WHERE id = ?", params![data, id]).expect("put");
    };
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..40 {
        let mut flipped = data.clone();
        flipped[random.usize(..data.len())] ^= 1 << random.u8(..8);
        put(&flipped);
        let problems = verified(directory.path()).problems;
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].file == file && problems[0].what.contains("checksum"), "{problems:?}");
    }
    put(&data);
    assert_eq!(verified(directory.path()).problems, []);
}

#[test]
fn what_is_read_wrongly_was_found_wrong() {
    let directory = filled();
    let is_raw = |name: &String| name.matches('.').count() == 1;
    let file = names(directory.path()).into_iter().find(is_raw);
    let path = directory.path().join(file.expect("a file"));
    let sound = fs::read(&path).expect("a file");
    let view = || {
        let view = View::open(directory.path()).ok()?;
        let found = view.select(&selector(&[("__name__", ".+")]), 0, i64::MAX).ok()?;
        view.damage().is_empty().then_some(found)
    };
    let expected = view();
    let mut random = fastrand::Rng::with_seed(5);
    let mut wrong = 0;
    for _ in 0..60 {
        let mut bytes = sound.clone();
        bytes[random.usize(..sound.len())] ^= 1 << random.u8(..8);
        fs::write(&path, &bytes).expect("written");
        let problems = verified(directory.path()).problems;
        if view() != expected {
            wrong += 1;
            assert!(!problems.is_empty());
        }
    }
    assert!(wrong > 3, "{wrong}");
    fs::write(&path, b"no database").expect("written");
    let problems = verified(directory.path()).problems;
    assert!(!problems.is_empty());
}

#[test]
fn compacting_keeps_every_sample_in_less_room() {
    let directory = filled();
    let before = all(directory.path());
    let blocks = verified(directory.path()).blocks;
    let compacted = compact(directory.path(), NOW, &mut |_| {}).expect("compacted");
    assert!(compacted.bytes_after < compacted.bytes_before, "{compacted:?}");
    assert!(compacted.blocks_before > compacted.blocks_after, "{compacted:?}");
    assert_eq!(compacted.damage, Vec::<String>::new());
    let after = verified(directory.path());
    assert!(after.problems.is_empty() && after.blocks < blocks && after.rows == 0, "{after:?}");
    assert_eq!(all(directory.path()), before);
    let again = compact(directory.path(), NOW, &mut |_| {}).expect("compacted");
    assert_eq!(again.blocks_before, 0);
}

#[test]
fn deleting_removes_what_it_should_and_nothing_else_at_all_levels() {
    let directory = filled();
    let gone =
        [selector(&[("__name__", "up"), ("member", "m1")]), selector(&[("__name__", "fsync.*")])];
    let mut expected = all(directory.path());
    let goes = |series: &Series| {
        gone.iter().any(|matchers| matchers.iter().all(|matcher| matcher.accepts(&series.labels)))
    };
    for level in &mut expected {
        level.retain(|series| !goes(series));
    }
    let deleted = delete_series(directory.path(), &gone, &mut |_| {}).expect("deleted");
    assert!(deleted.bytes_after < deleted.bytes_before, "{deleted:?}");
    assert_eq!(all(directory.path()), expected);
    assert_eq!(expected.iter().map(Vec::len).collect::<Vec<_>>(), [5, 5, 5]);
    assert_eq!(verified(directory.path()).problems, []);
    // A monitor goes on with what is left.
    let store = open(&directory);
    let ids = series(&store);
    member(&store, "m1").append(NOW, &sample_of(&ids, 1)).expect("taken");
    store.flush();
    assert_eq!(all(directory.path())[0].len(), 7);
}

#[test]
fn nothing_is_changed_while_a_monitor_runs_or_where_nothing_is() {
    let directory = filled();
    let store = open(&directory);
    let up = [selector(&[("__name__", "up")])];
    for error in [
        compact(directory.path(), NOW, &mut |_| {}).expect_err("in use"),
        delete_series(directory.path(), &up, &mut |_| {}).expect_err("in use"),
    ] {
        assert!(matches!(error, Error::InUse { .. }), "{error}");
    }
    drop(store);
    let missing = directory.path().join("missing");
    compact(&missing, NOW, &mut |_| {}).expect_err("nothing there");
    assert!(!missing.exists());
}

const WORK: &str = "TSDB_TEST_WORK";
const DIRECTORY: &str = "TSDB_TEST_WORK_DIRECTORY";

fn unwanted() -> [Vec<Matcher>; 1] {
    [selector(&[("__name__", "writes_total")])]
}

/// Not a test of its own: the process that the next one kills.
#[test]
fn worker() {
    let (Ok(work), Some(directory)) = (std::env::var(WORK), std::env::var_os(DIRECTORY)) else {
        return;
    };
    let directory = Path::new(&directory);
    match work.as_str() {
        "compact" => drop(compact(directory, NOW, &mut |_| {}).expect("compacted")),
        _ => drop(delete_series(directory, &unwanted(), &mut |_| {}).expect("deleted")),
    }
}

#[test]
fn work_that_is_killed_loses_nothing_and_is_done_at_the_next_call() {
    let mut random = fastrand::Rng::new();
    for round in 0..12 {
        let directory = filled();
        let before = all(directory.path());
        let work = if round % 2 == 0 { "compact" } else { "delete" };
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "admin::worker"])
            .envs([(WORK, work.as_ref()), (DIRECTORY, directory.path().as_os_str())])
            .stdout(Stdio::null())
            .spawn()
            .expect("a child");
        std::thread::sleep(Duration::from_millis(random.u64(1..120)));
        child.kill().expect("killed");
        child.wait().expect("ended");
        let is_kept = |series: &&Series| series.labels.get("__name__") != Some("writes_total");
        let kept = |levels: &[Vec<Series>]| -> Vec<Vec<Series>> {
            levels.iter().map(|level| level.iter().filter(is_kept).cloned().collect()).collect()
        };
        assert_eq!(verified(directory.path()).problems, [], "round {round}");
        if work == "compact" {
            assert_eq!(all(directory.path()), before, "round {round}");
            compact(directory.path(), NOW, &mut |_| {}).expect("compacted");
            assert_eq!(all(directory.path()), before, "round {round}");
        } else {
            assert_eq!(kept(&all(directory.path())), kept(&before), "round {round}");
            delete_series(directory.path(), &unwanted(), &mut |_| {}).expect("deleted");
            assert_eq!(all(directory.path()), kept(&before), "round {round}");
        }
    }
}

#[test]
fn a_backup_has_all_that_was_committed_before_it_while_a_writer_goes_on() {
    let directory = filled();
    let store = open(&directory);
    let ids = series(&store);
    let is_over = AtomicBool::new(false);
    let flushed = AtomicI64::new(0);
    let from = START + (DAYS - 1) * DAY + SCRAPES * 60_000;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Ends, too, when the test fails.
            for scrape in 0..40_000 {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let samples = sample_of(&ids, scrape as u32);
                member(&store, "m1").append(from + scrape * 500, &samples).expect("taken");
                if scrape % 20 == 19 {
                    store.flush();
                    flushed.store(scrape + 1, Ordering::Relaxed);
                }
            }
        });
        for round in 0..8 {
            let copies = TempDir::new().expect("a directory");
            let to = copies.path().join("new/copy");
            let before = flushed.load(Ordering::Relaxed);
            let done = backup(directory.path(), &to, &mut |progress| {
                assert!(progress.done <= progress.total);
            });
            let done = done.expect("a backup");
            assert_eq!(done.files, DAYS as usize + 2);
            assert_eq!(names(&to).len(), done.files, "{:?}", names(&to));
            assert_eq!(verified(&to).problems, [], "round {round}");
            let up = selector(&[("__name__", "up"), ("member", "m1")]);
            // The view is closed before the copy is tidied: it keeps its files open.
            let found = View::open(&to).expect("a view").select(&up, from, i64::MAX);
            let found = found.expect("series");
            let count = found.first().map_or(0, |series| series.samples.len());
            assert!(count as i64 >= before, "round {round}: {count} < {before}");
            tidy(&to).expect("tidied");
            assert_eq!(names(&to).len(), done.files, "{:?}", names(&to));
            let error = backup(directory.path(), &to, &mut |_| {}).expect_err("not empty");
            assert!(matches!(error, Error::NotEmpty { .. }), "{error}");
        }
        is_over.store(true, Ordering::Relaxed);
    });
}
