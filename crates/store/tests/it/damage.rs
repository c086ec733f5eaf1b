//! Files that something else has written into, and files of another time.

use std::fs;
use std::path::PathBuf;

use model::event::EventKind;
use rusqlite::Connection;
use store::{EventQuery, Options, Records};
use tempfile::TempDir;

use crate::records::{at, event, open, put};

fn filled(directory: &TempDir) -> PathBuf {
    let records = open(directory);
    put(&records, (1..=500).map(|n| event(n, "a", EventKind::LeaderLost, "a message")));
    records.close();
    drop(records);
    directory.path().join("records.db")
}

#[test]
fn a_file_that_is_no_database_is_set_aside_and_a_new_one_begun() {
    let directory = TempDir::new().expect("a directory");
    let path = filled(&directory);
    for round in 0..2 {
        fs::write(&path, b"this is no database, but it is long enough to be taken for one")
            .expect("written");
        let records = open(&directory);
        let damage = records.stat().damage;
        assert!(damage.len() == 1 && damage[0].contains("records.db"), "{damage:?}");
        assert!(path.with_extension(format!("damaged-{round}")).exists());
        let first = records.first_sequence();
        assert!(first > 500, "numbers go on above those before: {first}");
        put(&records, [event(first, "a", EventKind::LeaderElected, "again")]);
        let found = records.events(&EventQuery::default(), 10).expect("events").items;
        assert_eq!(found.len(), 1);
    }
}

#[test]
fn any_flipped_bit_is_survived() {
    let mut random = fastrand::Rng::with_seed(7);
    let directory = TempDir::new().expect("a directory");
    let path = filled(&directory);
    let sound = fs::read(&path).expect("a file");
    for round in 0..150 {
        let mut bytes = sound.clone();
        // The header, which says the most in the least room, and then anywhere.
        let place = random.usize(..if round < 50 { 100 } else { bytes.len() });
        bytes[place] ^= 1 << random.u8(..8);
        fs::write(&path, &bytes).expect("written");
        match Records::open(&path, Options::default(), at(0)) {
            Ok(records) => {
                let first = records.first_sequence();
                // A read may find the damage; then the next one finds a new file.
                let _ = records.events(&EventQuery::default(), 1_000);
                put(&records, [event(first, "a", EventKind::LeaderElected, "again")]);
                let newest = records.events(&EventQuery::default(), 1).expect("an event").items;
                assert_eq!(newest[0].sequence, first, "byte {place}");
            }
            // The version is in the header too.
            Err(error) => assert!(error.to_string().contains("newer"), "byte {place}: {error}"),
        }
        for entry in fs::read_dir(directory.path()).expect("a directory") {
            fs::remove_file(entry.expect("a file").path()).expect("removed");
        }
    }
}

#[test]
fn a_file_of_a_later_program_is_refused_and_left_alone() {
    let directory = TempDir::new().expect("a directory");
    let path = filled(&directory);
    let connection = Connection::open(&path).expect("opened");
    connection.pragma_update(None, "user_version", 99).expect("set");
    drop(connection);
    let error = Records::open(&path, Options::default(), at(0)).expect_err("refused").to_string();
    assert!(error.contains("format 99") && error.contains("newer etcd-monitor"), "{error}");
    assert!(path.exists());
}
