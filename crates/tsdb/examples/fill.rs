//! Fills a store with the past of a fleet that never was, to measure long queries.
//!
//! usage: `fill DIRECTORY MEMBERS DAYS SECONDS`; a scrape of each member every SECONDS for DAYS until
//! now, with four gauges and two histograms of three buckets. Prints how many samples.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "the figure is the output of this program")]

use std::error::Error;
use std::path::Path;

use model::clock::{Clock as _, SystemClock};
use model::series::Labels;
use tsdb::{Options, SeriesId, Target, Tsdb};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, members, days, seconds] = &arguments[..] else {
        return Err("usage: fill DIRECTORY MEMBERS DAYS SECONDS".into());
    };
    let (members, days): (i64, i64) = (members.parse()?, days.parse()?);
    let spacing_ms = seconds.parse::<i64>()? * 1_000;
    let store = Tsdb::open(Path::new(directory), Options::default())?;
    let ids = series(&store);
    let targets: Vec<Target> = (0..members).map(|number| target(&store, number)).collect();
    let now_ms = SystemClock.now().as_millisecond();
    let scrapes = days * 86_400_000 / spacing_ms;
    for scrape in 0..scrapes {
        let samples: Vec<(SeriesId, f64)> = (0..)
            .zip(&ids)
            .map(|(place, id)| {
                let value =
                    if place % 5 < 2 { scrape % (500 + place) } else { scrape * (place + 3) };
                (*id, value as f64)
            })
            .collect();
        for (number, target) in (0..).zip(&targets) {
            let at_ms = now_ms - (scrapes - scrape) * spacing_ms + number % spacing_ms;
            while target.append(at_ms, &samples).is_err() {
                store.flush();
            }
        }
    }
    store.flush();
    store.roll_up(now_ms, &mut || true)?;
    store.close();
    println!("{}", scrapes * members * ids.len() as i64);
    Ok(())
}

/// Gauges first, in fives.
fn series(store: &Tsdb) -> Vec<SeriesId> {
    let own = |name: &str| Labels::new([("__name__", name)]);
    let mut all = Vec::new();
    for number in 0..2 {
        all.extend(
            [own("db_size_bytes"), own("keys")]
                .map(|labels| labels.and(&Labels::new([("shard", number.to_string())]))),
        );
        for le in ["0.001", "0.01", "+Inf"] {
            let part = Labels::new([("le", le), ("shard", if number == 0 { "0" } else { "1" })]);
            all.push(own("wait_seconds_bucket").and(&part));
        }
    }
    all.iter().map(|labels| store.series_id(labels)).collect()
}

fn target(store: &Tsdb, number: i64) -> Target {
    store.target(&Labels::new([
        ("cluster", format!("past{}", number / 3)),
        ("member", format!("m{}", number % 3)),
        ("instance", format!("10.9.0.{number}:2379")),
        ("job", "etcd".to_owned()),
    ]))
}
