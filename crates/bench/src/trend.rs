//! A series of like runs over time: where its figures changed, and whether the newest are worse.

use std::sync::Arc;

use crate::change_points::change_points;
use crate::compare::{self, Verdict, median};

use crate::statistics::MIN_RUNS;
use crate::summary::Summary;

/// Newest runs that are looked at.
pub const LOOKED_AT: usize = 300;
/// A level that moved by less is not told as a change: machines differ by as much from day to day.
const MIN_CHANGE: f64 = 0.05;
/// A figure that is worse by less is no regression.
pub const MIN_REGRESSION: f64 = 0.10;

/// So many times what runs of the level before differ from each other (a robust standard deviation) is no
/// regression either.
const MIN_SPREADS: f64 = 2.0;
/// What makes a median of deviations a standard deviation, where values are spread normally.
const OF_MEDIAN: f64 = 1.4826;

/// Like runs over time.
#[derive(Debug, Clone)]
pub struct Trend {
    /// The runs, oldest first.
    pub runs: Vec<Arc<Summary>>,
    /// Each figure.
    pub figures: Vec<Figure>,
}

/// One figure over time.
#[derive(Debug, Clone)]
pub struct Figure {
    /// What it is called.
    pub name: &'static str,
    /// Its value in each run.
    pub values: Vec<f64>,
    /// Where its level changed.
    pub changes: Vec<Change>,
}

/// A change of level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The first run of the new level.
    pub at: usize,
    /// Share of random orders that seem to change as much.
    pub p_value: f64,
    /// Median of the level before.
    pub before: f64,
    /// Median of the level after.
    pub after: f64,
}

/// A figure that is worse than it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Regression {
    /// What it is called.
    pub figure: &'static str,
    /// What it was.
    pub before: f64,
    /// What it is.
    pub after: f64,
    /// The chance to see this without a change.
    pub p_value: f64,
    /// The first of the runs that are worse.
    pub since: Arc<Summary>,
    /// How many they are.
    pub runs: usize,
    /// Whether it was compared with a baseline, and not with the runs before.
    pub is_by_baseline: bool,
}

impl Change {
    /// By what share the level after is over the one before.
    pub fn by(&self) -> f64 {
        self.after / self.before - 1.0
    }
}

/// Whether more of this figure is better.
pub fn more_is_better(figure: &str) -> bool {
    figure == "throughput"
}

impl Trend {
    /// Of the runs of one series; those that tell nothing of etcd are left out.
    pub fn of<'a>(runs: impl IntoIterator<Item = &'a Arc<Summary>>) -> Self {
        let telling = runs.into_iter().filter(|run| run.is_telling()).cloned();
        let mut runs: Vec<Arc<Summary>> = telling.collect();
        runs.drain(..runs.len().saturating_sub(LOOKED_AT));
        let figures = ["throughput", "p50", "p99"].map(|name| {
            let value = |run: &Arc<Summary>| run.figures.get(name).copied().unwrap_or_default();
            let values: Vec<f64> = runs.iter().map(value).collect();
            let changes = changes(&values);
            Figure { name, values, changes }
        });
        Self { runs, figures: figures.into() }
    }

    /// What is worse: the newest runs than those of the baseline where there is one, else the runs
    /// after the last change than those before it.
    pub fn regressions(&self, baseline: &[Arc<Summary>]) -> Vec<Regression> {
        let mut baseline: Vec<_> = baseline.iter().filter(|run| run.is_telling()).collect();
        baseline.retain(|run| self.runs.last().is_some_and(|newest| newest.series == run.series));
        if baseline.len() >= MIN_RUNS {
            return self.worse_than(&baseline);
        }
        let worse = |figure: &Figure| {
            let change = figure.changes.last()?;
            let start = figure.changes.iter().rev().nth(1).map_or(0, |before| before.at);
            let spread = spread(&figure.values[start..change.at]);
            let is_plain = change.by().abs() >= MIN_SPREADS * spread;
            (is_plain && is_worse(figure.name, change.by())).then(|| Regression {
                figure: figure.name,
                before: change.before,
                after: change.after,
                p_value: change.p_value,
                since: Arc::clone(&self.runs[change.at]),
                runs: self.runs.len() - change.at,
                is_by_baseline: false,
            })
        };
        self.figures.iter().filter_map(worse).collect()
    }

    fn worse_than(&self, baseline: &[&Arc<Summary>]) -> Vec<Regression> {
        let newest = &self.runs[self.runs.len().saturating_sub(MIN_RUNS)..];
        let before: Vec<_> = baseline.iter().map(|run| run.figures.clone()).collect();
        let after: Vec<_> = newest.iter().map(|run| run.figures.clone()).collect();
        let judged = compare::judged(&before, &after);
        let worse = judged.iter().filter_map(|figure| {
            let name = self.figures.iter().map(|own| own.name).find(|own| *own == figure.name)?;
            let (by, ..) = figure.change?;
            (figure.verdict == Verdict::Worse && is_worse(name, by)).then(|| Regression {
                figure: name,
                before: figure.medians.0,
                after: figure.medians.1,
                p_value: figure.p_value,
                since: Arc::clone(&newest[0]),
                runs: newest.len(),
                is_by_baseline: true,
            })
        });
        worse.collect()
    }
}

/// How much values differ from their median, as a share of it.
fn spread(values: &[f64]) -> f64 {
    let middle = median(values);
    let deviations: Vec<f64> = values.iter().map(|value| (value / middle - 1.0).abs()).collect();
    median(&deviations) * OF_MEDIAN
}

fn is_worse(figure: &str, by: f64) -> bool {
    let worse = if more_is_better(figure) { -by } else { by };
    worse >= MIN_REGRESSION
}

/// The changes of level that are large enough to be told, each with the medians beside it.
fn changes(values: &[f64]) -> Vec<Change> {
    let mut found = change_points(values);
    loop {
        let places = found.iter().map(|change| change.at);
        let bounds: Vec<usize> = [0].into_iter().chain(places).chain([values.len()]).collect();
        let told: Vec<Change> = found
            .iter()
            .zip(bounds.windows(3))
            .map(|(change, around)| Change {
                at: change.at,
                p_value: change.p_value,
                before: median(&values[around[0]..around[1]]),
                after: median(&values[around[1]..around[2]]),
            })
            .collect();
        // Without the smallest of those that are too small, its neighbours are judged anew.
        let small = told.iter().enumerate().filter(|(_, change)| change.by().abs() < MIN_CHANGE);
        let smallest = small.min_by(|a, b| a.1.by().abs().total_cmp(&b.1.by().abs()));
        match smallest.map(|(place, _)| place) {
            Some(place) => drop(found.remove(place)),
            None => return told,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::outcome::{Ended, Origin};
    use crate::spec::Kind;

    /// Runs whose 99th percentile is as `p99` says, in milliseconds.
    fn runs(p99: &[f64]) -> Vec<Arc<Summary>> {
        let run = |(number, millis): (usize, &f64)| {
            // A little spread that no two runs share.
            let spread = 1.0 + 0.001 * (number * 7 % 11) as f64;
            let figures = BTreeMap::from([
                ("throughput", 100.0),
                ("p50", 0.001 * spread),
                ("p99", millis / 1e3 * spread),
            ]);
            Arc::new(Summary {
                id: format!("run-{number:03}"),
                started_at: jiff::Timestamp::from_second(number as i64).unwrap(),
                origin: Origin::Schedule,
                cluster: Some("c".to_owned()),
                cluster_id: None,
                kind: Kind::Mixed,
                ended: Ended::Complete,
                seconds: 10.0,
                throughput: 100.0,
                succeeded: 1_000,
                failed: 0,
                p50_seconds: None,
                p99_seconds: None,
                p999_seconds: None,
                max_seconds: None,
                limit: None,
                versions: vec!["3.6.1".to_owned()],
                series: "c".to_owned(),
                figures,
            })
        };
        p99.iter().enumerate().map(run).collect()
    }

    fn told(trend: &Trend, baseline: &[Arc<Summary>]) -> Vec<(&'static str, String, usize)> {
        let regressions = trend.regressions(baseline);
        regressions.iter().map(|r| (r.figure, r.since.id.clone(), r.runs)).collect()
    }

    #[test]
    fn a_slower_level_is_a_regression_until_runs_are_fast_again() {
        let mut values = vec![10.0; 12];
        values.extend([12.5; 2]);
        assert_eq!(told(&Trend::of(&runs(&values)), &[]), []);
        values.extend([12.5; 3]);
        let trend = Trend::of(&runs(&values));
        assert_eq!(told(&trend, &[]), [("p99", "run-012".to_owned(), 5)]);
        assert!((trend.figures[2].changes[0].by() - 0.25).abs() < 0.02, "{trend:?}");
        assert!(trend.figures[0].changes.is_empty() && trend.figures[1].changes.is_empty());
        values.extend([10.0; 6]);
        assert_eq!(told(&Trend::of(&runs(&values)), &[]), []);
    }

    #[test]
    fn a_level_that_moved_by_a_few_percent_is_no_regression() {
        let mut values = vec![10.0; 15];
        values.extend([10.7; 10]);
        let trend = Trend::of(&runs(&values));
        assert_eq!(trend.figures[2].changes.len(), 1);
        assert_eq!(told(&trend, &[]), []);
        values.truncate(15);
        values.extend([10.3; 10]);
        assert_eq!(Trend::of(&runs(&values)).figures[2].changes, []);
    }

    #[test]
    fn what_runs_differ_by_anyhow_is_no_regression() {
        let level = |of: f64, spread: f64| {
            (0..14).map(move |run| of * (1.0 + spread * f64::from(run * 5 % 14 - 7) / 7.0))
        };
        for (spread, is_told) in [(0.05, true), (0.2, false)] {
            let values: Vec<f64> = level(10.0, spread).chain(level(12.5, spread)).collect();
            let trend = Trend::of(&runs(&values));
            assert_eq!(trend.figures[2].changes.len(), 1, "{spread}");
            assert_eq!(!told(&trend, &[]).is_empty(), is_told, "{spread}");
        }
    }

    #[test]
    fn a_baseline_takes_the_place_of_the_runs_before() {
        let mut values = vec![10.0; 12];
        values.extend([12.5; 6]);
        let all = runs(&values);
        let trend = Trend::of(&all);
        assert_eq!(told(&trend, &all[13..]), [], "the new level was accepted");
        let found = told(&trend, &all[..6]);
        assert_eq!(found, [("p99", "run-013".to_owned(), 5)]);
        assert_eq!(told(&trend, &all[..4]).len(), 1, "too few for a baseline: by the change");
    }

    #[test]
    fn runs_that_tell_nothing_of_etcd_are_left_out() {
        let mut all = runs(&[10.0; 10]);
        Arc::make_mut(&mut all[3]).ended = Ended::Interrupted;
        Arc::make_mut(&mut all[4]).limit = Some("busy".to_owned());
        assert_eq!(Trend::of(&all).runs.len(), 8);
    }
}
