//! A process that is killed while it commits alerts.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use model::severity::Severity;
use store::alerts::{AlertState, Change, TransitionQuery};
use tempfile::TempDir;

use crate::alerts::{alert, entry, notification, open, transition};

const DIRECTORY: &str = "STORE_TEST_ALERTS_DIRECTORY";
const ROUNDS: &str = "STORE_TEST_KILLS";

/// Alerts of one transaction.
const EACH: u64 = 20;

/// Not a test of its own: the process that [`nothing_committed_is_lost_and_nothing_is_half_done`]
/// kills. Each transaction has as many transitions, alerts and entries.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let path = std::path::Path::new(&directory).join("alerts.db");
    let alerts = store::alerts::Alerts::open(&path, store::alerts::Options::default());
    let alerts = alerts.expect("a file");
    let done = alerts.count_transitions(&TransitionQuery::default()).expect("counted") / EACH;
    for round in done.. {
        let changes: Vec<Change> = (round * EACH..(round + 1) * EACH)
            .flat_map(|n| {
                let alert = alert("Down", n);
                let told = notification(&format!("n{n}"), &format!("g{n}"), vec![alert.clone()]);
                [
                    Change::Transition(transition(&alert, 3, AlertState::Firing)),
                    Change::Alert(alert),
                    entry(told, Severity::Critical),
                ]
            })
            .collect();
        // Both ways of writing survive the end of the process.
        if round % 2 == 0 {
            alerts.commit(&changes).expect("committed");
        } else {
            alerts.record(&changes).expect("recorded");
        }
        println!("\ncommitted {}", round + 1);
    }
}

#[test]
fn nothing_committed_is_lost_and_nothing_is_half_done() {
    let rounds = std::env::var(ROUNDS).ok().and_then(|count| count.parse().ok()).unwrap_or(8);
    let mut random = fastrand::Rng::new();
    let directory = TempDir::new().expect("a directory");
    let mut known = 0;
    for round in 0..rounds {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "alerts_crash::child", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let reader = std::thread::spawn(move || {
            let told = output.lines().map_while(Result::ok).filter_map(|line| {
                line.strip_prefix("committed ").and_then(|count| count.parse::<u64>().ok())
            });
            told.last()
        });
        std::thread::sleep(Duration::from_millis(random.u64(50..500)));
        child.kill().expect("killed");
        child.wait().expect("ended");
        known = reader.join().expect("read").unwrap_or(known);

        let alerts = open(&directory);
        let transitions = alerts.count_transitions(&TransitionQuery::default()).expect("counted");
        assert!(transitions >= known * EACH, "round {round}: {transitions} < {known} * {EACH}");
        assert_eq!(transitions % EACH, 0, "round {round}: no half transaction");
        let saved = alerts.load().expect("loaded");
        assert_eq!(saved.alerts.len() as u64, transitions, "round {round}");
        let waiting = alerts.waiting().expect("counted");
        assert_eq!(waiting.first().map_or(0, |all| all.count), transitions, "round {round}");
        assert_eq!(alerts.damage(), Vec::<String>::new(), "round {round}");
    }
    assert!(known > 0, "something was committed");
}
