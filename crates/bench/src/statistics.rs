//! Whether two sets of runs differ, and by how much: no assumption about how figures are spread.

/// Runs on each side below which there is no verdict.
pub const MIN_RUNS: usize = 5;
/// Chance of a false verdict, over all figures of one comparison together.
pub const ALPHA: f64 = 0.05;
/// Most runs in all for which every arrangement is counted.
const MAX_EXACT: usize = 60;

/// Two-sided p-value of the Mann–Whitney U test.
///
/// Exact, ties included, for up to 60 values in all: the share of all ways to part them that are as
/// far from even as this one. By the normal approximation with correction for ties above that.
pub fn mann_whitney(a: &[f64], b: &[f64]) -> f64 {
    if a.is_empty() || b.is_empty() {
        return 1.0;
    }
    let (ranks, _) = doubled_ranks(a, b);
    let sum: u64 = ranks[..a.len()].iter().sum();
    let count = a.len() + b.len();
    // Twice the mean of the doubled sum of ranks, to stay in whole numbers.
    let twice_mean = (a.len() * 2 * (count + 1)) as u64;
    if count <= MAX_EXACT {
        let ways = arrangements(&ranks, a.len());
        let distance = |sum: u64| (2 * sum).abs_diff(twice_mean);
        let far = ways.iter().enumerate().filter(|(at, _)| distance(*at as u64) >= distance(sum));
        let (far, all): (f64, f64) = (far.map(|(_, ways)| ways).sum(), ways.iter().sum());
        return (far / all).min(1.0);
    }
    approximately(a, b)
}

/// The same by the normal approximation.
fn approximately(a: &[f64], b: &[f64]) -> f64 {
    let (ranks, ties) = doubled_ranks(a, b);
    let sum: u64 = ranks[..a.len()].iter().sum();
    let (m, n) = (a.len() as f64, b.len() as f64);
    let count = m + n;
    let variance = m * n / 12.0 * (count + 1.0 - ties / (count * (count - 1.0)));
    if variance <= 0.0 {
        return 1.0;
    }
    let distance = (sum as f64 / 2.0 - m * (count + 1.0) / 2.0).abs();
    2.0 * upper_tail((distance - 0.5).max(0.0) / variance.sqrt())
}

/// Twice the rank of each value of `a`, then of `b`, ties at their mean; and the sum of t³ − t.
fn doubled_ranks(a: &[f64], b: &[f64]) -> (Vec<u64>, f64) {
    let all: Vec<f64> = a.iter().chain(b).copied().collect();
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|x, y| all[*x].total_cmp(&all[*y]));
    let mut ranks = vec![0; all.len()];
    let (mut at, mut ties) = (0, 0.0);
    for equal in order.chunk_by(|x, y| all[*x] == all[*y]) {
        for index in equal {
            ranks[*index] = (2 * at + 1 + equal.len()) as u64;
        }
        at += equal.len();
        ties += (equal.len() as f64).powi(3) - equal.len() as f64;
    }
    (ranks, ties)
}

/// How many ways there are to take `taken` of `ranks`, by the sum of what is taken.
fn arrangements(ranks: &[u64], taken: usize) -> Vec<f64> {
    let total: u64 = ranks.iter().sum();
    let mut ways = vec![vec![0.0; total as usize + 1]; taken + 1];
    ways[0][0] = 1.0;
    for (seen, rank) in ranks.iter().enumerate() {
        for count in (1..=taken.min(seen + 1)).rev() {
            let (fewer, more) = ways.split_at_mut(count);
            for sum in *rank as usize..=total as usize {
                more[0][sum] += fewer[count - 1][sum - *rank as usize];
            }
        }
    }
    ways.swap_remove(taken)
}

/// Chance that a standard normal variable is over `z`, for z ≥ 0 (Abramowitz and Stegun 26.2.17).
fn upper_tail(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let series = t
        * (0.319_381_530
            + t * (-0.356_563_782
                + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    (series * (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()).clamp(0.0, 0.5)
}

/// By what factor `b` is over `a`: the Hodges–Lehmann estimate over the logarithms, with the ends of
/// its confidence interval of 95 %. `None` unless all values are over 0.
pub fn ratio(a: &[f64], b: &[f64]) -> Option<Ratio> {
    if a.is_empty() || b.is_empty() || a.iter().chain(b).any(|value| *value <= 0.0) {
        return None;
    }
    let mut shifts: Vec<f64> = a.iter().flat_map(|a| b.iter().map(move |b| (b / a).ln())).collect();
    shifts.sort_by(f64::total_cmp);
    let (count, middle) = (shifts.len(), shifts.len() / 2);
    let median = if count % 2 == 1 {
        shifts[middle]
    } else {
        f64::midpoint(shifts[middle - 1], shifts[middle])
    };
    let cut = outside(a.len(), b.len()).min((count - 1) / 2);
    Some(Ratio {
        estimate: median.exp(),
        low: shifts[cut].exp(),
        high: shifts[count - 1 - cut].exp(),
    })
}

/// How many shifts are left out on each side of the interval: the largest k for which U ≤ k − 1 has a
/// chance of at most 2.5 % when there is no difference.
fn outside(m: usize, n: usize) -> usize {
    if m + n > MAX_EXACT {
        let (m, n) = (m as f64, n as f64);
        let spread = 1.96 * (m * n * (m + n + 1.0) / 12.0).sqrt();
        return (m * n / 2.0 - spread).floor().max(0.0) as usize;
    }
    let ranks: Vec<u64> = (1..=(m + n) as u64).collect();
    let ways = arrangements(&ranks, m);
    let all: f64 = ways.iter().sum();
    let lowest = m * (m + 1) / 2;
    let mut chance = 0.0;
    for cut in 0..=m * n {
        chance += ways[lowest + cut] / all;
        if chance > ALPHA / 2.0 {
            return cut;
        }
    }
    0
}

/// A factor with its confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// The estimate.
    pub estimate: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The p-values of one comparison, corrected for their number by Holm's method, in their order.
pub fn holm(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut corrected = vec![1.0; values.len()];
    let mut highest: f64 = 0.0;
    for (place, index) in order.iter().enumerate() {
        let factor = (values.len() - place) as f64;
        highest = highest.max((values[*index] * factor).min(1.0));
        corrected[*index] = highest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_are_those_of_the_tables() {
        // All of five below all of five: 2 of 252 arrangements.
        let (low, high) = ([1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 10.0]);
        assert!((mann_whitney(&low, &high) - 2.0 / 252.0).abs() < 1e-12);
        assert!((mann_whitney(&low, &low) - 1.0).abs() < 1e-12);
        // U = 1 with 3 and 4: 2 · 2 of 35.
        let p = mann_whitney(&[1.0, 2.0, 4.0], &[3.0, 5.0, 6.0, 7.0]);
        assert!((p - 4.0 / 35.0).abs() < 1e-12, "{p}");
        // Ties: {1,1} of {1,1,1,2} can be taken in 3 of 6 ways; as far from even as any.
        let p = mann_whitney(&[1.0, 1.0], &[1.0, 2.0]);
        assert!((p - 1.0).abs() < 1e-12, "{p}");
    }

    #[test]
    fn many_values_are_judged_as_few_are() {
        let mut random = fastrand::Rng::with_seed(2);
        for shift in [0.0, 0.1, 0.2] {
            let a: Vec<f64> = (0..30).map(|_| random.f64()).collect();
            let b: Vec<f64> = (0..30).map(|_| random.f64() + shift).collect();
            let (exact, near) = (mann_whitney(&a, &b), approximately(&a, &b));
            assert!((exact - near).abs() < 0.01, "{exact} {near}");
        }
        assert!(upper_tail(0.0) > 0.4999 && (upper_tail(1.96) - 0.025).abs() < 1e-4);
    }

    #[test]
    fn a_factor_is_found_with_its_interval() {
        let a = [10.0, 10.1, 9.9, 10.2, 9.8, 10.0];
        let b = a.map(|value| value * 1.2);
        let ratio = ratio(&a, &b).unwrap();
        assert!((ratio.estimate - 1.2).abs() < 0.01, "{ratio:?}");
        assert!(ratio.low > 1.1 && ratio.high < 1.3 && ratio.low < ratio.high, "{ratio:?}");
        // The table's value for 6 and 6 at 5 %: U ≤ 5.
        assert_eq!((outside(6, 6), outside(5, 5), outside(10, 10)), (6, 3, 24));
        assert_eq!(super::ratio(&[0.0], &[1.0]), None);
    }

    #[test]
    fn many_figures_are_judged_more_carefully() {
        assert_eq!(holm(&[0.01, 0.04, 0.03]), [0.03, 0.06, 0.06]);
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    }
}
