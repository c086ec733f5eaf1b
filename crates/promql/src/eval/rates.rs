//! Change over a window: `rate`, `increase`, `delta` with extrapolation, `irate`, `idelta`.

use super::windows::Window;

/// What is asked about the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// A gauge's difference.
    Delta,
    /// A counter's growth.
    Increase,
    /// A counter's growth per second.
    Rate,
}

/// The change over the whole window, extrapolated to its ends as Prometheus does it: by up to 1.1
/// average gaps, else by half of one, and never to a counter below zero.
pub(super) fn extrapolated(window: &Window<'_>, change: Change) -> Option<f64> {
    let samples = window.samples;
    let [first, .., last] = samples else { return None };
    let is_counter = change != Change::Delta;
    let mut result = last.value - first.value;
    if is_counter && window.may_reset {
        for pair in samples.windows(2) {
            if pair[1].value < pair[0].value {
                result += pair[0].value;
            }
        }
    }
    let mut to_start = (first.at_ms - window.start_ms) as f64 / 1000.0;
    let to_end = (window.end_ms - last.at_ms) as f64 / 1000.0;
    let sampled = (last.at_ms - first.at_ms) as f64 / 1000.0;
    // Coarser data has samples around resets besides, which make the average gap too small.
    let gap = (sampled / (samples.len() - 1) as f64).max(window.spacing_ms as f64 / 1000.0);
    if is_counter && result > 0.0 && first.value >= 0.0 {
        let to_zero = sampled * (first.value / result);
        if to_zero < to_start {
            to_start = to_zero;
        }
    }
    let threshold = gap * 1.1;
    let mut covered = sampled;
    for distance in [to_start, to_end] {
        covered += if distance < threshold { distance } else { gap / 2.0 };
    }
    let mut factor = covered / sampled;
    if change == Change::Rate {
        factor /= (window.end_ms - window.start_ms) as f64 / 1000.0;
    }
    Some(result * factor)
}

/// The change between the last two samples, per second for a counter.
pub(super) fn instant(window: &Window<'_>, is_rate: bool) -> Option<f64> {
    let [.., before, last] = window.samples else { return None };
    let is_reset = is_rate && last.value < before.value;
    let result = if is_reset { last.value } else { last.value - before.value };
    let gap_ms = last.at_ms - before.at_ms;
    if gap_ms == 0 {
        return None;
    }
    Some(if is_rate { result / (gap_ms as f64 / 1000.0) } else { result })
}
