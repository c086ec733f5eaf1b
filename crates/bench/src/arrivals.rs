//! When operations of an open loop begin: a schedule that does not know of answers.

use serde::{Deserialize, Serialize};

/// Operations per second over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Always the same.
    Steady {
        /// Operations per second.
        rate: f64,
    },
    /// From one rate to another, evenly or in steps.
    Ramp {
        /// Operations per second at the start.
        from: f64,
        /// Operations per second at the end.
        to: f64,
        /// Steps of equal length; 0 for an even ramp.
        steps: u32,
        /// From start to end, seconds.
        seconds: f64,
    },
}

impl Profile {
    /// Its lowest and its highest rate, in any order.
    pub fn rates(&self) -> impl Iterator<Item = f64> {
        let (from, to) = match self {
            Self::Steady { rate } => (*rate, *rate),
            Self::Ramp { from, to, .. } => (*from, *to),
        };
        [from, to].into_iter()
    }

    /// Its rates for people: `300`, or `100 to 300`.
    pub fn told(&self) -> String {
        let [from, to] = [0.0, f64::INFINITY].map(|at| {
            let rate = format!("{:.1}", self.rate_at(at));
            rate.strip_suffix(".0").map_or(rate.clone(), str::to_owned)
        });
        if from == to { from } else { format!("{from} to {to}") }
    }

    /// Operations per second at `at` seconds after the start.
    pub fn rate_at(&self, at: f64) -> f64 {
        match self {
            Self::Steady { rate } => *rate,
            Self::Ramp { from, to, steps, seconds } => {
                let part = (at / seconds).clamp(0.0, 1.0);
                let part = match steps {
                    0 => part,
                    1 => 0.0,
                    n => (part * f64::from(*n)).floor().min(f64::from(n - 1)) / f64::from(n - 1),
                };
                from + (to - from) * part
            }
        }
    }
}

/// How operations are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spacing {
    /// Evenly.
    Constant,
    /// As those of many users who do not know of each other.
    Poisson,
}

/// The moments at which operations begin: seconds after the start, without end.
#[derive(Debug)]
pub struct Arrivals {
    profile: Profile,
    spacing: Spacing,
    random: fastrand::Rng,
    /// The share of all operations that are this schedule's.
    share: f64,
    next: f64,
}

impl Arrivals {
    /// The schedule of the generator `index` of `count`, which together make the profile.
    pub fn new(profile: Profile, spacing: Spacing, seed: u64, index: usize, count: usize) -> Self {
        let share = 1.0 / count as f64;
        let random = fastrand::Rng::with_seed(seed.wrapping_mul(31).wrapping_add(index as u64));
        // Evenly spaced schedules are put between each other.
        let offset = index as f64 / profile.rate_at(0.0);
        let mut arrivals = Self { profile, spacing, random, share, next: offset };
        if spacing == Spacing::Poisson {
            arrivals.next = arrivals.gap(0.0);
        }
        arrivals
    }

    fn gap(&mut self, at: f64) -> f64 {
        let mean = 1.0 / (self.profile.rate_at(at) * self.share);
        match self.spacing {
            Spacing::Constant => mean,
            Spacing::Poisson => -(1.0 - self.random.f64()).ln() * mean,
        }
    }
}

impl Iterator for Arrivals {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        let at = self.next;
        self.next = at + self.gap(at);
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(profile: &Profile, spacing: Spacing, seconds: f64) -> usize {
        let of = |index| Arrivals::new(profile.clone(), spacing, 7, index, 3);
        (0..3).map(|index| of(index).take_while(|at| *at < seconds).count()).sum()
    }

    #[test]
    fn generators_together_make_the_rate() {
        let steady = Profile::Steady { rate: 1_000.0 };
        assert!(within(&steady, Spacing::Constant, 10.0).abs_diff(10_000) <= 3);
        // Four standard deviations of a Poisson count.
        assert!(within(&steady, Spacing::Poisson, 10.0).abs_diff(10_000) <= 400);
    }

    #[test]
    fn a_ramp_has_the_mean_of_its_ends_and_steps_hold_theirs() {
        let ramp = |steps| Profile::Ramp { from: 100.0, to: 300.0, steps, seconds: 10.0 };
        assert!(within(&ramp(0), Spacing::Constant, 10.0).abs_diff(2_000) <= 10);
        let rates: Vec<f64> =
            [0.0, 3.0, 3.4, 6.0, 7.0, 9.9, 20.0].map(|at| ramp(3).rate_at(at)).into();
        assert_eq!(rates, [100.0, 100.0, 200.0, 200.0, 300.0, 300.0, 300.0]);
        assert_eq!(ramp(1).rate_at(9.0), 100.0);
        assert_eq!(ramp(0).told(), "100 to 300");
        assert_eq!(Profile::Steady { rate: 101.4868 }.told(), "101.5");
    }

    #[test]
    fn gaps_of_a_poisson_schedule_are_as_wide_as_their_mean() {
        let profile = Profile::Steady { rate: 10.0 };
        let at: Vec<f64> = Arrivals::new(profile, Spacing::Poisson, 3, 0, 1).take(20_001).collect();
        let gaps: Vec<f64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean - 0.1).abs() < 0.003, "{mean}");
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "{variance}");
    }
}
