//! Files that something else has written into.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::scrapes::{START, find, member, open, sample_of, series};

const DAY: i64 = 86_400_000;

/// Two days of one member; the files, oldest first.
fn two_days(directory: &TempDir) -> Vec<PathBuf> {
    let store = open(directory);
    let ids = series(&store);
    for day in 0..2 {
        for scrape in 0..300 {
            let at = START + day * DAY + i64::from(scrape) * 15_000;
            member(&store, "m1").append(at, &sample_of(&ids, scrape)).expect("taken");
        }
    }
    store.close();
    drop(store);
    let mut files: Vec<PathBuf> = fs::read_dir(directory.path())
        .expect("a directory")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "db"))
        .collect();
    files.sort();
    assert_eq!(files.len(), 2);
    files
}

#[test]
fn a_file_that_is_no_database_is_set_aside_and_the_rest_serves() {
    let directory = TempDir::new().expect("a directory");
    let files = two_days(&directory);
    fs::write(&files[0], b"this is no database, but it is long enough to be taken for one")
        .expect("written");
    let store = open(&directory);
    assert_eq!(find(&store, "up", 0, i64::MAX)[0].samples.len(), 300);
    let damage = store.stat().damage;
    assert!(damage.len() == 1 && damage[0].contains("2023-11-15.db"), "{damage:?}");
    assert!(files[0].with_extension("damaged-0").exists());
}

#[test]
fn any_flipped_byte_is_survived() {
    let mut random = fastrand::Rng::with_seed(7);
    let directory = TempDir::new().expect("a directory");
    let files = two_days(&directory);
    let sound = fs::read(&files[0]).expect("a file");
    for _ in 0..60 {
        let mut bytes = sound.clone();
        let place = random.usize(..bytes.len());
        bytes[place] ^= 1 << random.u8(..8);
        fs::write(&files[0], &bytes).expect("written");
        let store = open(&directory);
        let found = find(&store, "writes_total", 0, i64::MAX);
        let today = found.iter().flat_map(|series| &series.samples);
        assert_eq!(today.filter(|sample| sample.at_ms >= START + DAY).count(), 300);
        drop(store);
        for entry in fs::read_dir(directory.path()).expect("a directory") {
            let path = entry.expect("a file").path();
            if path != files[1] {
                fs::remove_file(path).expect("removed");
            }
        }
    }
}
