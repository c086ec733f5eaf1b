//! Trends of a window: `deriv`, `predict_linear`, `holt_winters`.

use model::series::Sample;

use super::over_time::Sum;
use super::windows::Window;

/// The slope per second of the least-squares line, and its value at `origin_ms`.
fn regression(samples: &[Sample], origin_ms: i64) -> (f64, f64) {
    let first = samples[0].value;
    if samples.iter().skip(1).all(|sample| sample.value == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let [mut x, mut y, mut xy, mut xx] = [Sum::default(); 4];
    for sample in samples {
        let at = (sample.at_ms - origin_ms) as f64 / 1000.0;
        x.add(at);
        y.add(sample.value);
        xy.add(at * sample.value);
        xx.add(at * at);
    }
    let count = samples.len() as f64;
    let (x, y) = (x.corrected(), y.corrected());
    let covariance = xy.corrected() - x * y / count;
    let variance = xx.corrected() - x * x / count;
    let slope = covariance / variance;
    (slope, y / count - slope * x / count)
}

pub(super) fn deriv(window: &Window<'_>) -> Option<f64> {
    let samples = window.samples;
    (samples.len() > 1).then(|| regression(samples, samples[0].at_ms).0)
}

/// The line's value `seconds` after the moment of evaluation.
pub(super) fn predict(window: &Window<'_>, seconds: f64) -> Option<f64> {
    let samples = window.samples;
    (samples.len() > 1).then(|| {
        let (slope, intercept) = regression(samples, window.now_ms);
        slope * seconds + intercept
    })
}

/// Double exponential smoothing; both factors lie between 0 and 1.
pub(super) fn holt_winters(samples: &[Sample], smoothing: f64, trend: f64) -> Option<f64> {
    let [first, second, ..] = samples else { return None };
    let (mut before, mut level) = (0.0, first.value);
    let mut slope = second.value - first.value;
    for (index, sample) in samples.iter().skip(1).enumerate() {
        if index > 0 {
            slope = trend * (level - before) + (1.0 - trend) * slope;
        }
        let next = smoothing * sample.value + (1.0 - smoothing) * (level + slope);
        (before, level) = (level, next);
    }
    Some(level)
}
