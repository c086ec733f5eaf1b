//! Where a series of figures changes its level: E-divisive, with a permutation test.
//!
//! D. S. Matteson and N. A. James, "A Nonparametric Approach for Multiple Change Point Analysis of
//! Multivariate Data" (JASA 109, 2014), in the form for a single figure that D. Daly and others use
//! for benchmarks ("The Use of Change Point Detection to Identify Software Performance Regressions in
//! a Continuous Integration System", ICPE 2020). The permutations come from a fixed seed, so that the
//! same runs always get the same answer.

use crate::statistics::MIN_RUNS;

/// Chance of telling a change where there is none, for one figure of one series.
const ALPHA: f64 = 0.01;
/// Permutations that a split is compared with.
const PERMUTATIONS: u32 = 499;
/// Start of the permutations.
const SEED: u64 = 2014;

/// A place at which the level changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangePoint {
    /// The first value of the new level.
    pub at: usize,
    /// Share of random orders that seem to change as much.
    pub p_value: f64,
}

/// Every change of level in `values`, in their order; with fewer than five values on a side there is
/// none.
pub fn change_points(values: &[f64]) -> Vec<ChangePoint> {
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut bounds = vec![0, values.len()];
    let mut found: Vec<ChangePoint> = Vec::new();
    loop {
        let splits = bounds.windows(2).filter_map(|pair| {
            let (at, weight) = best_split(&values[pair[0]..pair[1]])?;
            Some((pair[0] + at, weight))
        });
        let Some((at, weight)) = splits.max_by(|a, b| a.1.total_cmp(&b.1)) else { break };
        let Some(p_value) = tested(values, &bounds, weight, &mut random) else { break };
        found.push(ChangePoint { at, p_value });
        bounds.push(at);
        bounds.sort_unstable();
    }
    found.sort_by_key(|change| change.at);
    found
}

/// The p-value of a best split of this weight, when it is a change: the values of each segment are
/// put in random order and split anew.
fn tested(
    values: &[f64],
    bounds: &[usize],
    weight: f64,
    random: &mut fastrand::Rng,
) -> Option<f64> {
    let mut shuffled = values.to_vec();
    let mut as_much = 0;
    for _ in 0..PERMUTATIONS {
        let mut highest: f64 = 0.0;
        for pair in bounds.windows(2) {
            let segment = &mut shuffled[pair[0]..pair[1]];
            random.shuffle(segment);
            highest = highest.max(best_split(segment).map_or(0.0, |(_, weight)| weight));
        }
        as_much += u32::from(highest >= weight);
        if f64::from(as_much + 1) / f64::from(PERMUTATIONS + 1) > ALPHA {
            return None;
        }
    }
    Some(f64::from(as_much + 1) / f64::from(PERMUTATIONS + 1))
}

/// The split of a segment whose sides differ most, and the energy distance between them.
fn best_split(segment: &[f64]) -> Option<(usize, f64)> {
    if segment.len() < 2 * MIN_RUNS {
        return None;
    }
    let to = |others: &[f64], value: f64| -> f64 {
        others.iter().map(|other| (other - value).abs()).sum()
    };
    let all: f64 = segment.iter().enumerate().map(|(at, v)| to(&segment[at + 1..], *v)).sum();
    // Distances among the values before the split, and among those after it.
    let (mut before, mut after) = (0.0, all);
    let mut best: Option<(usize, f64)> = None;
    for at in 1..=segment.len() - MIN_RUNS {
        let (left, right) = segment.split_at(at);
        let moved = left[at - 1];
        before += to(&left[..at - 1], moved);
        after -= to(right, moved);
        if at < MIN_RUNS {
            continue;
        }
        let between = all - before - after;
        let (m, n) = (left.len() as f64, right.len() as f64);
        let energy = 2.0 * between / (m * n)
            - 2.0 * before / (m * (m - 1.0))
            - 2.0 * after / (n * (n - 1.0));
        let weight = energy * m * n / (m + n);
        if best.is_none_or(|(_, highest)| weight > highest) {
            best = Some((at, weight));
        }
    }
    best.filter(|(_, weight)| *weight > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values about `levels`, each for so many runs, with a spread of 5 %.
    fn series(seed: u64, levels: &[(f64, usize)]) -> Vec<f64> {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut noise = || (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
        let values = levels.iter().flat_map(|(level, count)| vec![*level; *count]);
        values.map(|level| level * (1.0 + 0.05 * noise())).collect()
    }

    fn places(values: &[f64]) -> Vec<usize> {
        change_points(values).iter().map(|change| change.at).collect()
    }

    #[test]
    fn changes_are_found_where_they_are_and_always_the_same() {
        let values = series(1, &[(10.0, 30), (12.0, 20), (8.0, 25)]);
        let found = change_points(&values);
        assert_eq!(found, change_points(&values));
        let [first, second] = found[..] else { panic!("{found:?}") };
        assert!(first.at.abs_diff(30) <= 2 && second.at.abs_diff(50) <= 1, "{found:?}");
        assert!(first.p_value <= ALPHA && second.p_value <= ALPHA, "{found:?}");
    }

    #[test]
    fn a_change_is_seen_after_five_runs_and_not_told_of_a_few_outliers() {
        assert_eq!(places(&series(3, &[(10.0, 20), (12.0, 5)])), [20]);
        assert_eq!(places(&series(3, &[(10.0, 20), (12.0, 1)])), [0_usize; 0]);
        let mut values = series(4, &[(10.0, 40)]);
        (values[12], values[30]) = (30.0, 25.0);
        assert_eq!(places(&values), [0_usize; 0]);
    }

    #[test]
    fn short_and_constant_series_have_no_change() {
        assert_eq!(places(&[]), [0_usize; 0]);
        assert_eq!(places(&[1.0; 9]), [0_usize; 0]);
        assert_eq!(places(&[1.0; 40]), [0_usize; 0]);
    }

    #[test]
    fn of_series_without_a_change_few_are_said_to_have_one_and_ten_percent_is_found() {
        let told = (0..100).filter(|seed| !places(&series(*seed, &[(10.0, 40)])).is_empty());
        let told = told.count();
        // At 1 % each, six of a hundred come once in two thousand times.
        assert!(told <= 5, "{told}");
        let of_ten = |seed: u64| !places(&series(seed, &[(10.0, 20), (11.0, 20)])).is_empty();
        let found = (0..15).filter(|seed| of_ten(*seed)).count();
        assert!(found >= 14, "{found}");
    }
}
