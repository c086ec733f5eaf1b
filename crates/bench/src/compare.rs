//! Two sets of runs side by side: which figures differ, by how much, and how sure that is.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::outcome::{Ended, Outcome};
use crate::statistics::{ALPHA, MIN_RUNS, holm, mann_whitney, ratio};

/// Fewest operations of which a share at the 99.9th percentile is told.
const ENOUGH_FOR_P999: u64 = 10_000;

/// A comparison.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// Runs on each side that were taken.
    pub runs: (usize, usize),
    /// Each figure.
    pub figures: Vec<Figure>,
    /// What is to be known of the runs, such as settings that differ.
    pub remarks: Vec<String>,
}

/// One figure of both sides.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// What it is called.
    pub name: String,
    /// Whether more is better.
    pub more_is_better: bool,
    /// Medians of the two sides.
    pub medians: (f64, f64),
    /// By what share the second side is over the first, with the ends of the 95 % interval.
    pub change: Option<(f64, f64, f64)>,
    /// p-value, corrected for the number of figures.
    pub p_value: f64,
    /// What it comes to.
    pub verdict: Verdict,
}

/// What a figure comes to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The second side is better.
    Better,
    /// The second side is worse.
    Worse,
    /// No difference was found, and one larger than this share would have been seen.
    NoneLargerThan(f64),
    /// Fewer than five runs on a side.
    TooFewRuns,
}

impl Comparison {
    /// Compares the runs `a`, before, with `b`, after.
    pub fn of(a: &[Outcome], b: &[Outcome]) -> Self {
        let mut remarks = Vec::new();
        for outcome in a.iter().chain(b) {
            if outcome.ended != Ended::Complete {
                remarks.push(format!("{} did not end as planned and is left out", outcome.id));
            }
            if let Some(limit) = &outcome.generator.limit {
                remarks.push(format!("{}: {limit}", outcome.id));
            }
        }
        let complete = |side: &[Outcome]| -> Vec<BTreeMap<&'static str, f64>> {
            side.iter().filter(|one| one.ended == Ended::Complete).map(figures).collect()
        };
        if let (Some(first), Some(second)) = (a.first(), b.first()) {
            remarks.extend(differences(first, second));
        }
        let (a, b) = (complete(a), complete(b));
        Self { runs: (a.len(), b.len()), figures: judged(&a, &b), remarks }
    }

    /// Whether any figure is worse.
    pub fn is_worse(&self) -> bool {
        self.figures.iter().any(|figure| figure.verdict == Verdict::Worse)
    }
}

/// The figures that runs are compared by.
const FIGURES: [&str; 4] = ["throughput", "p50", "p99", "p99.9"];

/// The figures of one run.
pub(crate) fn figures(outcome: &Outcome) -> BTreeMap<&'static str, f64> {
    let latencies = outcome.latencies();
    let quantile = |q| latencies.quantile(q).unwrap_or_default().as_secs_f64();
    let mut figures = BTreeMap::from([
        ("throughput", outcome.throughput),
        ("p50", quantile(0.5)),
        ("p99", quantile(0.99)),
    ]);
    if latencies.count() >= ENOUGH_FOR_P999 {
        figures.insert("p99.9", quantile(0.999));
    }
    figures
}

/// The figures of two sides, judged.
pub(crate) fn judged(a: &[BTreeMap<&str, f64>], b: &[BTreeMap<&str, f64>]) -> Vec<Figure> {
    let side = |runs: &[BTreeMap<&str, f64>], name: &str| -> Option<Vec<f64>> {
        let values: Option<Vec<f64>> = runs.iter().map(|run| run.get(name).copied()).collect();
        values.filter(|values| !values.is_empty())
    };
    let both = FIGURES.iter().filter_map(|name| Some((*name, side(a, name)?, side(b, name)?)));
    let both: Vec<_> = both.collect();
    let values: Vec<f64> = both.iter().map(|(_, a, b)| mann_whitney(a, b)).collect();
    let figure = |((name, a, b), p_value): (&(&str, Vec<f64>, Vec<f64>), f64)| {
        let more_is_better = *name == "throughput";
        let ratio = ratio(a, b);
        let change = ratio.map(|r| (r.estimate - 1.0, r.low - 1.0, r.high - 1.0));
        let verdict = match change {
            _ if a.len().min(b.len()) < MIN_RUNS => Verdict::TooFewRuns,
            None => Verdict::TooFewRuns,
            Some((by, _, _)) if p_value <= ALPHA => {
                if (by > 0.0) == more_is_better {
                    Verdict::Better
                } else {
                    Verdict::Worse
                }
            }
            Some((_, low, high)) => Verdict::NoneLargerThan(low.abs().max(high.abs())),
        };
        let medians = (median(a), median(b));
        Figure { name: (*name).to_owned(), more_is_better, medians, change, p_value, verdict }
    };
    both.iter().zip(holm(&values)).map(figure).collect()
}

/// The middle value; 0 of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    }
}

/// What else differs than the figures.
fn differences(a: &Outcome, b: &Outcome) -> Vec<String> {
    let mut told = Vec::new();
    let mut compare = |what: &str, a: String, b: String| {
        if a != b {
            told.push(format!("{what} differs: {a}, then {b}"));
        }
    };
    compare("workload", a.spec.kind.as_str().to_owned(), b.spec.kind.as_str().to_owned());
    compare("pace", format!("{:?}", a.spec.pace), format!("{:?}", b.spec.pace));
    compare("number of clients", a.spec.clients.to_string(), b.spec.clients.to_string());
    compare("size of values", a.spec.value_bytes.to_string(), b.spec.value_bytes.to_string());
    let versions = |outcome: &Outcome| {
        let mut versions: Vec<_> =
            outcome.members.iter().map(|member| member.version.clone()).collect();
        versions.sort_unstable();
        versions.dedup();
        versions.join(" and ")
    };
    compare("etcd's version", versions(a), versions(b));
    let processor = |one: &Outcome| one.environment.processor.clone().unwrap_or_default();
    compare("the client's processor", processor(a), processor(b));
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figures of one run: throughput and latencies that swing together, as those of real runs do.
    fn run(random: &mut fastrand::Rng, slower: f64) -> BTreeMap<&'static str, f64> {
        // Sum of four: about normal, standard deviation 5 %.
        let mut swing = |spread: f64| -> f64 {
            let sum: f64 = (0..4).map(|_| random.f64() - 0.5).sum();
            (sum / (4.0_f64 / 12.0).sqrt() * spread).exp()
        };
        let common = swing(0.05);
        BTreeMap::from([
            ("throughput", 10_000.0 / slower / common * swing(0.01)),
            ("p50", 0.002 * slower * common * swing(0.01)),
            ("p99", 0.009 * slower * common * swing(0.05)),
            ("p99.9", 0.02 * slower * common * swing(0.15)),
        ])
    }

    fn share_with_verdict(runs: usize, slower: f64, verdicts: &[Verdict]) -> f64 {
        const REPETITIONS: usize = 200;
        let mut random = fastrand::Rng::with_seed(17);
        let told = (0..REPETITIONS).filter(|_| {
            let a: Vec<_> = (0..runs).map(|_| run(&mut random, 1.0)).collect();
            let b: Vec<_> = (0..runs).map(|_| run(&mut random, slower)).collect();
            judged(&a, &b).iter().any(|figure| verdicts.contains(&figure.verdict))
        });
        told.count() as f64 / REPETITIONS as f64
    }

    #[test]
    fn the_same_thing_twice_is_seldom_told_to_differ() {
        for runs in [5, 10] {
            let share = share_with_verdict(runs, 1.0, &[Verdict::Better, Verdict::Worse]);
            assert!(share <= 0.05, "{runs}: {share}");
        }
    }

    #[test]
    fn a_slowdown_of_a_tenth_is_found_with_ten_runs() {
        let share = share_with_verdict(10, 1.1, &[Verdict::Worse]);
        assert!(share >= 0.9, "{share}");
    }

    #[test]
    fn four_runs_are_too_few_and_no_difference_has_a_size() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut runs =
            |count: usize| -> Vec<_> { (0..count).map(|_| run(&mut random, 1.0)).collect() };
        let few = judged(&runs(4), &runs(20));
        assert!(few.iter().all(|figure| figure.verdict == Verdict::TooFewRuns));
        let many = judged(&runs(20), &runs(20));
        let Verdict::NoneLargerThan(share) = many[0].verdict else { panic!("{many:?}") };
        assert!((0.005..0.2).contains(&share), "{share}");
    }
}
