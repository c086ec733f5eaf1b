//! The course of a series in a few characters.

use model::series::Sample;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// `samples` from `from_ms` to `to_ms` in so many characters: each is the mean of its part of the
/// time, between the lowest and the highest of all; without a sample it is a blank.
pub(super) fn sparkline(samples: &[Sample], from_ms: i64, to_ms: i64, columns: usize) -> String {
    let mut sums = vec![(0.0, 0_u32); columns];
    let length = to_ms.saturating_sub(from_ms).max(1) as f64;
    for Sample { at_ms, value } in samples.iter().filter(|sample| sample.value.is_finite()) {
        let part = at_ms.saturating_sub(from_ms) as f64 / length;
        let column = ((part * columns as f64).max(0.0) as usize).min(columns.saturating_sub(1));
        if let Some((sum, count)) = sums.get_mut(column) {
            *sum += value;
            *count += 1;
        }
    }
    let means: Vec<Option<f64>> =
        sums.into_iter().map(|(sum, count)| (count > 0).then(|| sum / f64::from(count))).collect();
    let known = || means.iter().flatten().copied();
    let (min, max) =
        (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
    let bar = |mean: f64| {
        // Halves, since the whole way may be too long for a number.
        let part = (mean / 2.0 - min / 2.0) / (max / 2.0 - min / 2.0);
        // A constant has no course; it is drawn in the middle.
        if part.is_finite() { BARS[(part * 7.0).round() as usize] } else { BARS[3] }
    };
    means.into_iter().map(|mean| mean.map_or(' ', bar)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(values: &[f64]) -> String {
        let samples: Vec<Sample> =
            (0..).zip(values).map(|(at_ms, value)| Sample { at_ms, value: *value }).collect();
        sparkline(&samples, 0, values.len() as i64, 8)
    }

    #[test]
    fn bars_follow_the_values() {
        let nan = f64::NAN;
        assert_eq!(drawn(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]), "▁▂▃▄▅▆▇█");
        assert_eq!(drawn(&[0.0, 0.0, nan, nan, 1.0, 1.0, f64::INFINITY, 0.5]), "▁▁  ██ ▅");
        assert_eq!(drawn(&[5.0; 8]), "▄▄▄▄▄▄▄▄");
        assert_eq!(drawn(&[f64::MAX, -f64::MAX, 0.0, 0.0]), "█ ▁ ▅ ▅ ");
        assert_eq!(drawn(&[]), "        ");
    }
}
