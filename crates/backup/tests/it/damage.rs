//! Files that are cut off, changed, or something else: refused, with the reason.

use std::fs;
use std::path::{Path, PathBuf};

use backup::{Error, RestoreOptions};
use bbolt::BuildOptions;

use crate::synthetic;

/// What each way of taking a snapshot says of a file.
fn refusals(path: &Path) -> [Option<String>; 3] {
    let status = backup::status(path).err().map(|error| error.to_string());
    let verify = match backup::verify(path, false) {
        Ok(found) => found.problems.first().cloned(),
        Err(error) => Some(error.to_string()),
    };
    let data_dir = path.with_extension("etcd");
    let options = RestoreOptions { data_dir: Some(data_dir.clone()), ..RestoreOptions::new(path) };
    let restored = crate::restore(&options);
    assert_eq!(data_dir.exists(), restored.is_ok(), "nothing half done");
    let _ = fs::remove_dir_all(data_dir);
    [status, verify, restored.err().map(|error| error.to_string())]
}

#[test]
fn a_sound_snapshot_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("snapshot.db");
    synthetic::snapshot(&path, &synthetic::database(500, 100));
    assert_eq!(refusals(&path), [None, None, None]);
    let found = backup::verify(&path, false).unwrap();
    assert_eq!((found.keys, found.records, found.revision), (500, 500, 501));
}

#[test]
fn a_snapshot_that_is_cut_off_anywhere_is_refused_everywhere() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("snapshot.db");
    synthetic::snapshot(&path, &synthetic::database(300, 100));
    let whole = fs::read(&path).unwrap();
    for length in [0, 1, 31, 32, 100, 4096, 8192, 8224, 20_512, whole.len() - 33, whole.len() - 31]
    {
        fs::write(&path, &whole[..length]).unwrap();
        for (way, refusal) in ["status", "verify", "restore"].iter().zip(refusals(&path)) {
            let reason = refusal.unwrap_or_else(|| panic!("{way} takes {length} bytes"));
            let told = ["cut off", "less than two pages", "meta page", "neither pages nor"];
            assert!(told.iter().any(|text| reason.contains(text)), "{way} {length}: {reason}");
            assert!(!backup::verify(&path, false).unwrap().is_sound());
        }
    }
    let cut = backup::verify(&path, false).unwrap();
    assert!(cut.is_database && cut.problems[0].contains("cut off"), "{:?}", cut.problems);
    // Without its hash, a snapshot looks like a copy of a data directory's file.
    fs::write(&path, &whole[..whole.len() - 32]).unwrap();
    let [status, verify, restore] = refusals(&path);
    assert_eq!(status, None);
    assert!(verify.unwrap().contains("no SHA-256"));
    assert!(restore.unwrap().contains("snapshot missing hash but --skip-hash-check=false"));
    assert!(backup::verify(&path, true).unwrap().is_sound());
}

#[test]
fn a_snapshot_with_any_bit_flipped_is_refused_everywhere() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("snapshot.db");
    synthetic::snapshot(&path, &synthetic::database(300, 100));
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(1499).chain([9, 4100, whole.len() - 1]) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        for (way, refusal) in ["status", "verify", "restore"].iter().zip(refusals(&path)) {
            assert!(refusal.is_some(), "{way} takes a flip at {at}");
        }
    }
}

#[test]
fn what_is_no_database_of_etcd_is_refused_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = directory.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let mut other =
        bbolt::Builder::new(std::io::Cursor::new(Vec::new()), BuildOptions::default()).unwrap();
    other.start_bucket(b"things", 0).unwrap();
    other.put(b"a", b"b").unwrap();
    let other = other.finish().unwrap().file.into_inner();
    let mut packed = zstd::encode_all(&synthetic::database(300, 100)[..], 1).unwrap();
    packed.truncate(packed.len() / 2);
    for (path, expected) in [
        (file("text", "no snapshot\n".repeat(1000).as_bytes()), "not a bbolt file"),
        (file("zeros", &vec![0; 1 << 16]), "magic number"),
        (file("packed", &packed), "compression is damaged"),
    ] {
        for refusal in refusals(&path) {
            assert!(refusal.as_ref().unwrap().contains(expected), "{refusal:?}");
        }
    }
    let path = file("other", &other);
    assert!(backup::hashkv(&path, None).unwrap_err().to_string().contains("no bucket \"key\""));
    let found = backup::verify(&path, true).unwrap();
    assert!(found.problems[0].contains("no bucket \"key\""), "{:?}", found.problems);
    let absent = directory.path().join("absent");
    assert!(matches!(backup::status(&absent), Err(Error::Io { .. })));
    assert!(matches!(backup::status(directory.path()), Err(Error::Io { .. })));
}

#[test]
fn missing_and_contradictory_records_are_found() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let revision = |main: i64| [&main.to_be_bytes()[..], b"_", &[0; 8]].concat();
    // Fields 2, 3 and 4: created, modified, version.
    let kv = |created: u8, modified: u8, version: u8| {
        [&[10, 1, b'k', 16, created, 24, modified, 32, version][..], &[42, 1, b'v']].concat()
    };
    type Records = Vec<(Vec<u8>, Vec<u8>)>;
    let cases: [(Records, Option<&str>); 6] = [
        (vec![(revision(2), kv(2, 2, 1)), (revision(3), kv(2, 3, 2))], None),
        (
            vec![(revision(2), kv(2, 2, 1)), (revision(4), kv(2, 4, 2))],
            Some("revisions are missing"),
        ),
        (vec![(revision(2), kv(2, 7, 1))], Some("says that it is revision 7")),
        (vec![(revision(2), kv(5, 2, 1))], Some("created at 5")),
        (
            vec![(revision(2), kv(2, 2, 1)), (revision(3), kv(2, 3, 9))],
            Some("is version 9 of a key"),
        ),
        (vec![(b"short".to_vec(), kv(2, 2, 1))], Some("it is no revision")),
    ];
    for (records, expected) in cases {
        let mut builder =
            bbolt::Builder::new(std::io::Cursor::new(Vec::new()), BuildOptions::default()).unwrap();
        builder.start_bucket(b"key", 0).unwrap();
        for (key, value) in records {
            builder.put(&key, &value).unwrap();
        }
        fs::write(&path, builder.finish().unwrap().file.into_inner()).unwrap();
        let problems = backup::verify(&path, true).unwrap().problems;
        match expected {
            None => assert_eq!(problems, [] as [String; 0]),
            Some(text) => assert!(problems[0].contains(text), "{problems:?}"),
        }
    }
}
