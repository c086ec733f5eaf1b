//! Loads recorded scrapes into a store, to measure its size: the other side of
//! `promtool tsdb create-blocks-from openmetrics`.
//!
//! usage: `load_scrapes DIRECTORY <FILE`; the file is OpenMetrics in order of time, each series with the
//! labels `cluster`, `instance`, `job` and `member`. Prints how many samples there were, and bytes.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "the figures are the output of this program")]

use std::collections::HashMap;
use std::error::Error;
use std::io::BufRead as _;
use std::path::PathBuf;

use expfmt::{Format, Limits, Line, Sample};
use model::series::{Labels, METRIC_NAME};
use tsdb::{Options, SeriesId, Target, Tsdb};

const TARGET_LABELS: [&str; 4] = ["cluster", "instance", "job", "member"];

/// The scrape that is being put together.
struct Scrape {
    at_ms: i64,
    target: String,
    samples: Vec<(SeriesId, f64)>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os().nth(1).ok_or("usage: load_scrapes DIRECTORY <FILE")?;
    let directory = PathBuf::from(directory);
    let store = Tsdb::open(&directory, Options::default())?;
    let mut targets: HashMap<String, Target> = HashMap::new();
    let mut series: HashMap<String, SeriesId> = HashMap::new();
    let mut scrape = Scrape { at_ms: i64::MIN, target: String::new(), samples: Vec::new() };
    let mut count = 0_u64;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let read = expfmt::parse(line.as_bytes(), Format::OpenMetrics, Limits::default()).next();
        let Some(Ok(Line::Sample(sample))) = read else { continue };
        let at_ms = sample.timestamp_ms.ok_or("a sample without a time")?;
        let target = sample.labels.get("instance").ok_or("a sample without a target")?;
        if scrape.at_ms != at_ms || scrape.target != target {
            append(&store, &targets, &mut scrape)?;
            (scrape.at_ms, scrape.target) = (at_ms, target.clone().into_owned());
        }
        if !targets.contains_key(&*target) {
            targets.insert(target.into_owned(), store.target(&labels(&sample, true)));
        }
        let known = series.get(sample.series).copied();
        let id = known.unwrap_or_else(|| store.series_id(&labels(&sample, false)));
        if known.is_none() {
            series.insert(sample.series.to_owned(), id);
        }
        scrape.samples.push((id, sample.value));
        count += 1;
    }
    append(&store, &targets, &mut scrape)?;
    store.flush();
    store.close();
    drop(store);
    // Opened once more, everything is in blocks.
    let store = Tsdb::open(&directory, Options::default())?;
    store.flush();
    let bytes = store.stat().bytes;
    store.close();
    println!("samples={count} bytes={bytes} bytes_per_sample={:.3}", bytes as f64 / count as f64);
    Ok(())
}

fn append(
    store: &Tsdb,
    targets: &HashMap<String, Target>,
    scrape: &mut Scrape,
) -> Result<(), tsdb::Error> {
    if let Some(target) = targets.get(&scrape.target) {
        if target.append(scrape.at_ms, &scrape.samples).is_err() {
            // The writer has fallen behind.
            store.flush();
            target.append(scrape.at_ms, &scrape.samples)?;
        }
        scrape.samples.clear();
    }
    Ok(())
}

/// The labels of the sample's target, or the rest of them with its name.
fn labels(sample: &Sample<'_>, of_target: bool) -> Labels {
    let name = (!of_target).then(|| (METRIC_NAME.to_owned(), sample.name.to_owned()));
    let chosen =
        sample.labels.clone().filter(|(name, _)| TARGET_LABELS.contains(name) == of_target);
    let chosen = chosen.map(|(name, value)| (name.to_owned(), value.into_owned()));
    Labels::new(name.into_iter().chain(chosen))
}
