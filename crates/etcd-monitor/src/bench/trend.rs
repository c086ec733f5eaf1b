//! `bench trend`: like runs over time, where their figures changed, and whether the newest are worse.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::sync::Arc;

use ::bench::store::Store;
use ::bench::summary::{Index, Summary};
use ::bench::trend::{Figure, Regression, Trend, more_is_better};
use serde_json::{Value, json};

use super::error::Error;
use super::text::{bars, short};
use super::write;
use crate::cli::bench::TrendFlags;
use crate::query::grid::{Align, Grid};

/// Newest runs that are drawn.
const DRAWN: usize = 60;

/// Writes the trends of all series that are wanted to `out`; an error when anything is worse.
pub(super) fn run(flags: &TrendFlags, store: Store, out: &mut dyn Write) -> Result<(), Error> {
    let index = Index::new(store);
    let (runs, broken) = index.all()?;
    for error in broken {
        crate::say(&format!("etcd-monitor: {error}"));
    }
    let baselines = index.store().baselines()?;
    let is_wanted = |run: &&Arc<Summary>| {
        let is_of_cluster = flags.cluster.is_none()
            || run.cluster == flags.cluster
            || run.cluster_id == flags.cluster;
        is_of_cluster && flags.kind.is_none_or(|kind| run.kind == kind)
    };
    let mut series: BTreeMap<&str, Vec<&Arc<Summary>>> = BTreeMap::new();
    for run in runs.iter().filter(is_wanted) {
        series.entry(&run.series).or_default().push(run);
    }
    let mut told: Vec<Told> = Vec::new();
    for of_series in series.into_values() {
        // Runs of one cluster, some of which were not told its name.
        let newest = || of_series.iter().rev();
        let name = newest().find_map(|run| run.cluster.clone());
        let name = name.or_else(|| newest().find_map(|run| run.cluster_id.clone()));
        let baseline: Vec<Arc<Summary>> = name
            .as_ref()
            .and_then(|name| baselines.get(name))
            .into_iter()
            .flatten()
            .filter_map(|id| runs.iter().find(|run| run.id == *id).cloned())
            .collect();
        let trend = Trend::of(of_series);
        if !trend.runs.is_empty() {
            told.push(Told { name, regressions: trend.regressions(&baseline), trend });
        }
    }
    // The series that was added to last comes last, where people look.
    told.sort_by_key(|told| told.trend.runs.last().map(|run| run.started_at));
    let text = match flags.json {
        true => format!("{:#}\n", Value::from(told.iter().map(as_json).collect::<Vec<_>>())),
        false if told.is_empty() => "no results of which there is a trend\n".to_owned(),
        false => told.iter().map(|told| as_text(told, flags.runs)).collect::<Vec<_>>().join("\n"),
    };
    write(out, &text)?;
    if told.iter().any(|told| !told.regressions.is_empty()) {
        return Err(Error::Unwell("the newest runs are worse"));
    }
    Ok(())
}

/// A series and what is to be told of it.
struct Told {
    name: Option<String>,
    trend: Trend,
    regressions: Vec<Regression>,
}

fn as_text(told: &Told, with_runs: bool) -> String {
    let Told { name, trend, regressions } = told;
    let (Some(first), Some(last)) = (trend.runs.first(), trend.runs.last()) else {
        return String::new();
    };
    let day = |run: &Summary| run.started_at.strftime("%F %H:%MZ").to_string();
    let mut text = format!(
        "{} of {}: {} runs, {} to {}\n",
        last.kind.as_str(),
        name.as_deref().unwrap_or("a cluster without a name here"),
        trend.runs.len(),
        day(first),
        day(last)
    );
    for figure in &trend.figures {
        let values = &figure.values[figure.values.len().saturating_sub(DRAWN)..];
        let newest = figure.values.last().copied().unwrap_or_default();
        let _ =
            writeln!(text, "{:<10}  {}  {}", figure.name, bars(values), shown(figure.name, newest));
        for change in &figure.changes {
            let run = &trend.runs[change.at];
            let versions = match change.at.checked_sub(1).map(|place| &trend.runs[place]) {
                Some(before) if before.versions != run.versions => format!(
                    ", versions {} then {}",
                    before.versions.join(" "),
                    run.versions.join(" ")
                ),
                _ => String::new(),
            };
            let _ = writeln!(
                text,
                "            changed at {}: {} to {} ({:+.1} %, p = {:.3}{versions})",
                run.id,
                shown(figure.name, change.before),
                shown(figure.name, change.after),
                change.by() * 100.0,
                change.p_value
            );
        }
    }
    if with_runs {
        text += &table(trend);
    }
    for regression in regressions {
        let than = if regression.is_by_baseline { "the baseline" } else { "before" };
        let _ = writeln!(
            text,
            "WORSE: {} is {} in the last {} runs, and was {} in {than}",
            regression.figure,
            shown(regression.figure, regression.after),
            regression.runs,
            shown(regression.figure, regression.before),
        );
    }
    if regressions.is_empty() {
        text += "The newest runs are not worse than those before, as far as they tell.\n";
    }
    text
}

fn table(trend: &Trend) -> String {
    let mut grid =
        Grid::new([vec![Align::Left], vec![Align::Right; 3], vec![Align::Left]].concat());
    grid.add(["RESULT", "EACH SECOND", "P50", "P99", ""].map(str::to_owned));
    for (place, run) in trend.runs.iter().enumerate() {
        let value = |figure: &Figure| shown(figure.name, figure.values[place]);
        let is_change = |figure: &&Figure| figure.changes.iter().any(|change| change.at == place);
        let changed: Vec<&str> =
            trend.figures.iter().filter(is_change).map(|figure| figure.name).collect();
        let mark = if changed.is_empty() {
            String::new()
        } else {
            format!("◄ {} changed", changed.join(", "))
        };
        let figures = trend.figures.iter().map(value);
        grid.add([run.id.clone()].into_iter().chain(figures).chain([mark]));
    }
    grid.lines().join("\n") + "\n"
}

fn shown(figure: &str, value: f64) -> String {
    if more_is_better(figure) { format!("{value:.1}/s") } else { short(value) }
}

fn as_json(told: &Told) -> Value {
    let figure = |figure: &Figure| {
        let change = |change: &::bench::trend::Change| {
            json!({
                "run": told.trend.runs[change.at].id,
                "before": change.before,
                "after": change.after,
                "change_ratio": change.by(),
                "p_value": change.p_value,
            })
        };
        json!({
            "name": figure.name,
            "values": figure.values,
            "changes": figure.changes.iter().map(change).collect::<Vec<_>>(),
        })
    };
    let worse = |regression: &Regression| {
        json!({
            "figure": regression.figure,
            "before": regression.before,
            "after": regression.after,
            "since": regression.since.id,
            "runs": regression.runs,
            "p_value": regression.p_value,
            "by_baseline": regression.is_by_baseline,
        })
    };
    json!({
        "cluster": told.name,
        "kind": told.trend.runs.last().map(|run| run.kind.as_str()),
        "runs": told.trend.runs.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(),
        "figures": told.trend.figures.iter().map(figure).collect::<Vec<_>>(),
        "regressions": told.regressions.iter().map(worse).collect::<Vec<_>>(),
    })
}
