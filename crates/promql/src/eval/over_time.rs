//! Statistics of a window: the `*_over_time` functions; and what `changes` and `resets` count.

use model::series::Sample;

/// Adds with the error of the addition kept beside (Neumaier's variant of Kahan's summation).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    pub(super) total: f64,
    error: f64,
}

impl Sum {
    pub(super) fn add(&mut self, value: f64) {
        let total = self.total + value;
        self.error += if self.total.abs() >= value.abs() {
            (self.total - total) + value
        } else {
            (value - total) + self.total
        };
        self.total = total;
    }

    /// The sum, corrected by its error whatever that is.
    pub(super) fn corrected(self) -> f64 {
        self.total + self.error
    }

    /// The sum, corrected unless it is infinite, where the error is no number.
    pub(super) fn value(self) -> f64 {
        if self.total.is_infinite() { self.total } else { self.corrected() }
    }
}

pub(super) fn sum(samples: &[Sample]) -> f64 {
    let mut sum = Sum::default();
    for sample in samples {
        sum.add(sample.value);
    }
    sum.value()
}

/// A running mean, which large values do not overflow as their sum would.
pub(super) fn avg(samples: &[Sample]) -> f64 {
    let mut mean = Sum::default();
    for (index, Sample { value, .. }) in samples.iter().enumerate() {
        if keeps_infinite_mean(mean.total, *value) {
            continue;
        }
        let count = (index + 1) as f64;
        mean.add(value / count - mean.total / count);
    }
    mean.value()
}

/// Whether an infinite mean stays as it is: no finite value nor the same infinity moves it.
pub(super) fn keeps_infinite_mean(mean: f64, value: f64) -> bool {
    mean.is_infinite() && !value.is_nan() && (value.is_finite() || (mean > 0.0) == (value > 0.0))
}

pub(super) fn min(samples: &[Sample]) -> f64 {
    let smaller = |min: f64, value: f64| if value < min || min.is_nan() { value } else { min };
    samples.iter().map(|sample| sample.value).reduce(smaller).unwrap_or(f64::NAN)
}

pub(super) fn max(samples: &[Sample]) -> f64 {
    let larger = |max: f64, value: f64| if value > max || max.is_nan() { value } else { max };
    samples.iter().map(|sample| sample.value).reduce(larger).unwrap_or(f64::NAN)
}

/// The variance of the whole population.
pub(super) fn stdvar(samples: &[Sample]) -> f64 {
    let (mut mean, mut squares) = (Sum::default(), Sum::default());
    for (index, Sample { value, .. }) in samples.iter().enumerate() {
        let delta = value - mean.corrected();
        mean.add(delta / (index + 1) as f64);
        squares.add(delta * (value - mean.corrected()));
    }
    squares.corrected() / samples.len() as f64
}

/// Whether a value is another than the one before; NaN does not differ from NaN.
pub(super) fn is_change(before: f64, value: f64) -> bool {
    before != value && !(before.is_nan() && value.is_nan())
}

/// Whether a value is below the one before.
pub(super) fn is_reset(before: f64, value: f64) -> bool {
    value < before
}
