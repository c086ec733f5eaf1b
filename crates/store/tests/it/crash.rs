//! A process that is killed while it writes.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::event::EventKind;
use store::{EventQuery, Options, Records};
use tempfile::TempDir;

use crate::records::{at, event, open};

const DIRECTORY: &str = "STORE_TEST_DIRECTORY";
const ROUNDS: &str = "STORE_TEST_KILLS";

/// Not a test of its own: the process that [`a_killed_process_loses_nothing_that_was_told`] kills.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let path = std::path::Path::new(&directory).join("records.db");
    let records = Records::open(&path, Options::default(), at(0)).expect("a store");
    let told = Arc::new(AtomicU64::new(0));
    let heard = Arc::clone(&told);
    records.on_written(move |sequence| {
        heard.store(sequence, Ordering::Relaxed);
        println!("\ntold {sequence}");
    });
    for sequence in records.first_sequence().. {
        records.put(event(sequence, "a", EventKind::LeaderLost, &format!("number {sequence}")));
        while told.load(Ordering::Relaxed) + 500 < sequence {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn a_killed_process_loses_nothing_that_was_told() {
    let rounds = std::env::var(ROUNDS).ok().and_then(|count| count.parse().ok()).unwrap_or(12);
    let mut random = fastrand::Rng::new();
    let directory = TempDir::new().expect("a directory");
    let mut last_told = 0;
    for round in 0..rounds {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "crash::child", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let reader = std::thread::spawn(move || {
            let told = output.lines().map_while(Result::ok).filter_map(|line| {
                line.strip_prefix("told ").and_then(|count| count.parse::<u64>().ok())
            });
            told.last()
        });
        std::thread::sleep(Duration::from_millis(random.u64(50..700)));
        child.kill().expect("killed");
        child.wait().expect("ended");
        let told = reader.join().expect("read").unwrap_or(last_told);
        assert!(told >= last_told, "round {round}: numbers only grow");
        last_told = told;

        let records = open(&directory);
        assert!(records.first_sequence() > told, "round {round}");
        let found = records.events(&EventQuery::default(), usize::MAX).expect("events").items;
        let newest = found.first().map_or(0, |event| event.sequence);
        assert!(newest >= told, "round {round}: {newest} < {told}");
        assert!(found.is_sorted_by(|a, b| a.sequence > b.sequence));
        for event in &found {
            assert_eq!(event.message, format!("number {}", event.sequence), "round {round}");
        }
        assert_eq!(records.stat().damage, Vec::<String>::new(), "round {round}");
    }
}
