//! A process that is killed while it writes.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tsdb::{Options, Tsdb};

use crate::scrapes::{START, find, member, sample_of, series, values};

const DIRECTORY: &str = "TSDB_TEST_DIRECTORY";
const ROUNDS: &str = "TSDB_TEST_KILLS";

/// Not a test of its own: the process that [`a_killed_process_loses_nothing_that_was_read`] kills.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let store = Tsdb::open(directory.as_ref(), Options::default()).expect("a store");
    let ids = series(&store);
    let members: Vec<_> = (0..20).map(|n| member(&store, &format!("m{n}"))).collect();
    let first = find(&store, "up", 0, i64::MAX).first().map_or(0, |up| up.samples.len() as u32);
    for scrape in first.. {
        for member in &members {
            while member.append(START + i64::from(scrape) * 250, &sample_of(&ids, scrape)).is_err()
            {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        if scrape % 50 == 0 {
            let seen = find(&store, "up", 0, i64::MAX);
            let seen = seen.iter().map(|series| series.samples.len()).min().unwrap_or(0);
            println!("\nseen {seen}");
        }
    }
}

#[test]
fn a_killed_process_loses_nothing_that_was_read() {
    let rounds = std::env::var(ROUNDS).ok().and_then(|count| count.parse().ok()).unwrap_or(12);
    let mut random = fastrand::Rng::new();
    let directory = TempDir::new().expect("a directory");
    for round in 0..rounds {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "crash::child", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let reader = std::thread::spawn(move || {
            let seen = output.lines().map_while(Result::ok).filter_map(|line| {
                line.strip_prefix("seen ").and_then(|count| count.parse::<usize>().ok())
            });
            seen.last().unwrap_or(0)
        });
        std::thread::sleep(Duration::from_millis(random.u64(50..900)));
        child.kill().expect("killed");
        child.wait().expect("ended");
        let seen = reader.join().expect("read");

        let store = Tsdb::open(directory.path(), Options::default()).expect("a store");
        let found = find(&store, "writes_total", 0, i64::MAX);
        for series in &found {
            assert!(
                series.samples.len() >= seen,
                "round {round}: {} < {seen}",
                series.samples.len()
            );
            for sample in &series.samples {
                let scrape = ((sample.at_ms - START) / 250) as u32;
                assert_eq!(sample.value, values(scrape)[0], "round {round}");
            }
        }
        assert_eq!(store.stat().damage, Vec::<String>::new(), "round {round}");
    }
}
