//! `data stat`: what takes how much.

use std::collections::BTreeMap;
use std::io::Write;

use jiff::Timestamp;
use model::series::Matcher;
use serde_json::{Map, Value, json};
use tsdb::View;
use tsdb::admin::usage::{Share, Usage, usage as count_usage};

use super::error::Error;
use super::progress::Bar;
use super::{Place, bytes, count, write};
use crate::cli::data::Output;
use crate::query::grid::{Align, Grid};

/// Counts what the selected series of `place` take, and tells it.
pub(super) fn run(
    place: &Place,
    selectors: &[Vec<Matcher>],
    top: usize,
    output: Output,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let view = View::open(&place.history)?;
    let usage = usage(&view, selectors)?;
    let text = match output {
        Output::Json => json(&usage),
        Output::Table => table(&place.data_dir.display().to_string(), &usage, top),
    };
    write(out, &text)?;
    place.sound(&view.damage())
}

/// Counts what the selected series take.
pub(super) fn usage(view: &View, selectors: &[Vec<Matcher>]) -> Result<Usage, Error> {
    let mut bar = Bar::new("counting");
    Ok(count_usage(view, selectors, &mut |progress| bar.show(progress))?)
}

fn file_bytes(usage: &Usage) -> u64 {
    usage.files.iter().map(|file| file.bytes).sum()
}

fn time(at_ms: i64) -> String {
    let at = Timestamp::from_millisecond(at_ms).map(|at| at.strftime("%F %R").to_string());
    at.unwrap_or_default()
}

fn json(usage: &Usage) -> String {
    let share = |share: &Share| json!({ "series": share.series, "samples": share.samples, "bytes": share.bytes });
    let shares = |of: &BTreeMap<String, Share>| -> Map<String, Value> {
        of.iter().map(|(name, one)| (name.clone(), share(one))).collect()
    };
    let moment = |at_ms: Option<i64>| {
        at_ms.and_then(|at_ms| Timestamp::from_millisecond(at_ms).ok()).map(|at| at.to_string())
    };
    let files = usage.files.iter().map(|file| {
        json!({
            "name": file.name,
            "resolution": file.level.as_str(),
            "bytes": file.bytes,
            "first": moment(file.span_ms.map(|span| span.0)),
            "last": moment(file.span_ms.map(|span| span.1)),
            "content": share(&file.share),
        })
    });
    let answer = json!({
        "bytes": file_bytes(usage),
        "first": moment(usage.span_ms.map(|span| span.0)),
        "last": moment(usage.span_ms.map(|span| span.1)),
        "total": share(&usage.total),
        "clusters": shares(&usage.clusters),
        "metrics": shares(&usage.metrics),
        "files": files.collect::<Vec<_>>(),
    });
    format!("{answer:#}\n")
}

/// Aligned columns, what takes the most first.
pub(super) fn table(title: &str, usage: &Usage, top: usize) -> String {
    let Share { series, samples, bytes: own } = usage.total;
    let span =
        usage.span_ms.map(|(first, last)| format!("; {} to {} UTC", time(first), time(last)));
    let mut text = format!(
        "{title}: {} in {}\n{series} series, {samples} samples, {} of values{}\n\n",
        bytes(file_bytes(usage)),
        count(usage.files.len(), "file"),
        bytes(own),
        span.unwrap_or_default(),
    );
    text += &shares("cluster", &usage.clusters, usage.total, usize::MAX);
    text.push('\n');
    text += &shares("metric", &usage.metrics, usage.total, top);
    text.push('\n');
    text += &files(usage);
    text
}

fn shares(title: &str, of: &BTreeMap<String, Share>, total: Share, top: usize) -> String {
    let mut aligns = vec![Align::Left];
    aligns.extend([Align::Right; 4]);
    let mut grid = Grid::new(aligns);
    grid.add([title, "series", "samples", "size", ""].map(str::to_owned));
    let mut all: Vec<(&String, &Share)> = of.iter().collect();
    all.sort_by_key(|(name, share)| (std::cmp::Reverse(share.bytes), *name));
    let rest = all.split_off(top.min(all.len()));
    let mut add = |name: &str, share: Share| {
        let part = 100.0 * share.bytes as f64 / (total.bytes.max(1)) as f64;
        grid.add([
            name.to_owned(),
            share.series.to_string(),
            share.samples.to_string(),
            bytes(share.bytes),
            format!("{part:.1} %"),
        ]);
    };
    for (name, share) in all {
        add(name, *share);
    }
    if !rest.is_empty() {
        let mut sum = Share::default();
        for (_, share) in &rest {
            sum += **share;
        }
        add(&format!("{} others", rest.len()), sum);
    }
    lines(&grid)
}

fn files(usage: &Usage) -> String {
    let mut aligns = vec![Align::Left; 4];
    aligns.extend([Align::Right; 3]);
    let mut grid = Grid::new(aligns);
    let titles = ["file", "resolution", "first", "last", "series", "samples", "size on disk"];
    grid.add(titles.map(str::to_owned));
    for file in &usage.files {
        grid.add([
            file.name.clone(),
            file.level.as_str().to_owned(),
            file.span_ms.map_or("-".to_owned(), |span| time(span.0)),
            file.span_ms.map_or("-".to_owned(), |span| time(span.1)),
            file.share.series.to_string(),
            file.share.samples.to_string(),
            bytes(file.bytes),
        ]);
    }
    lines(&grid)
}

fn lines(grid: &Grid) -> String {
    grid.lines().into_iter().fold(String::new(), |text, line| text + &line + "\n")
}
