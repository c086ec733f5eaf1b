//! From kept results to what the judge of a cluster is told: what is worse than it was.

use std::sync::Arc;

use bench::outcome::Origin;
use bench::summary::Summary;
use bench::trend::{self, Trend};
use monitor::benchmark::{Benchmark, Figure, Regression};

use super::gate::of_monitor;
use crate::bench::short;

/// What the runs of the schedule on `cluster` come to; `baseline` are those that they are compared
/// with, where there are some.
pub(super) fn benchmark(
    runs: &[Arc<Summary>],
    cluster: &str,
    baseline: &[Arc<Summary>],
) -> Benchmark {
    let mut of_it = of_monitor(runs, cluster);
    let Some(newest) = of_it.rfind(|run| run.origin == Origin::Schedule) else {
        return Benchmark::default();
    };
    let series = runs.iter().filter(|run| run.series == newest.series);
    let trend = Trend::of(series);
    let found = trend.regressions(baseline);
    let Some(first) = found.iter().min_by_key(|found| found.since.started_at) else {
        return Benchmark::default();
    };
    let compared_with =
        if first.is_by_baseline { "the baseline".to_owned() } else { "the runs before".to_owned() };
    let figures = found.iter().map(|found| Figure {
        name: found.figure.to_owned(),
        before: shown(found.figure, found.before),
        after: shown(found.figure, found.after),
        change: found.after / found.before - 1.0,
    });
    let regression = Regression {
        load: newest.kind.as_str().to_owned(),
        since: first.since.started_at,
        compared_with,
        figures: figures.collect(),
        changes: changes(&trend, &first.since, baseline.last().filter(|_| first.is_by_baseline)),
        newest: newest.id.clone(),
    };
    Benchmark { regressions: vec![regression] }
}

/// A figure for people.
fn shown(figure: &str, value: f64) -> String {
    if trend::more_is_better(figure) { format!("{value:.1}/s") } else { short(value) }
}

/// What else differs between the first run that is worse and the one before.
fn changes(trend: &Trend, since: &Summary, baseline: Option<&Arc<Summary>>) -> Vec<String> {
    let before = baseline.or_else(|| {
        let place = trend.runs.iter().position(|run| run.id == since.id)?;
        trend.runs.get(place.checked_sub(1)?)
    });
    let Some(before) = before.filter(|before| before.versions != since.versions) else {
        return Vec::new();
    };
    vec![format!("versions {}, then {}", before.versions.join(", "), since.versions.join(", "))]
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, run};
    use super::*;

    #[test]
    fn runs_that_became_slower_are_told_with_the_figures_and_versions() {
        let mut runs: Vec<_> =
            (0..12).map(|n| run("c", Origin::Schedule, at(n * 60), 10.0)).collect();
        assert_eq!(benchmark(&runs, "c", &[]), Benchmark::default());
        for n in 12..18 {
            let mut slow = run("c", Origin::Schedule, at(n * 60), 13.0);
            Arc::make_mut(&mut slow).versions = vec!["3.6.1".to_owned()];
            runs.push(slow);
        }
        let told = benchmark(&runs, "c", &[]);
        let [regression] = &told.regressions[..] else { panic!("{told:?}") };
        assert_eq!(regression.load, "mixed");
        assert_eq!(regression.since, at(12 * 60));
        let names: Vec<_> = regression.figures.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["p50", "p99"]);
        assert_eq!(regression.changes, ["versions 3.5.1, then 3.6.1"]);
        assert_eq!(benchmark(&runs, "other", &[]), Benchmark::default());
        // The new level was made the baseline.
        assert_eq!(benchmark(&runs, "c", &runs[12..]), Benchmark::default());
    }
}
