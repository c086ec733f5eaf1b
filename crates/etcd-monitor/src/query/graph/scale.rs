//! The vertical axis: from where to where, and which numbers stand at it.

use promql::Unit;

/// Lines between two numbers, at least.
const LINES_A_TICK: usize = 3;

/// Most numbers at an axis.
const MAX_TICKS: usize = 7;

/// A curve that stays above this part of its height is drawn enlarged, without the zero.
const FROM_ZERO: f64 = 0.6;

/// No axis goes further, so that sums and differences stay finite.
const LIMIT: f64 = 1e300;

/// Steps of time spans from a second on, in seconds.
const TIMES: [f64; 16] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
    21_600.0, 43_200.0,
];

/// An axis from `low` to `high` with a number at every `step`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    low: f64,
    step: f64,
    steps: usize,
}

impl Scale {
    /// An axis of so many lines on which `min` and `max`, both finite, have their place.
    pub(super) fn new(min: f64, max: f64, lines: usize, unit: Option<Unit>) -> Self {
        let (min, max) = widened(min.clamp(-LIMIT, LIMIT), max.clamp(-LIMIT, LIMIT), unit);
        let wanted = (lines / LINES_A_TICK).clamp(2, MAX_TICKS - 1);
        let mut step = nice((max - min) / wanted as f64, unit);
        loop {
            let low = (min / step).floor();
            // Rounding must not cost a line for nothing.
            let steps = (max / step - low - 1e-9).ceil().max(1.0);
            if steps <= MAX_TICKS as f64 {
                return Self { low: low * step, step, steps: steps as usize };
            }
            step = nice(step * 1.5, unit);
        }
    }

    pub(super) fn step(&self) -> f64 {
        self.step
    }

    /// The numbers, from the lowest.
    pub(super) fn ticks(&self) -> impl Iterator<Item = f64> {
        let Self { low, step, .. } = *self;
        (0..=self.steps).map(move |tick| low + step * tick as f64)
    }

    /// Where `value` stands, from 0 at the bottom to 1 at the top.
    pub(super) fn part(&self, value: f64) -> f64 {
        ((value - self.low) / (self.step * self.steps as f64)).clamp(0.0, 1.0)
    }
}

/// Room around a constant, and the zero where it is near.
fn widened(min: f64, max: f64, unit: Option<Unit>) -> (f64, f64) {
    let largest = min.abs().max(max.abs());
    if largest < 1.0 / LIMIT {
        return (0.0, 1.0);
    }
    let is_constant = max - min <= largest * 1e-9;
    if unit == Some(Unit::Timestamp) {
        // An hour, and for what is no time at all as much as can be told apart.
        let room = largest.mul_add(1e-9, 3600.0);
        return if is_constant { (min - room, max + room) } else { (min, max) };
    }
    if is_constant {
        return (min.min(0.0), max.max(0.0));
    }
    if min >= 0.0 && min < max * FROM_ZERO {
        (0.0, max)
    } else if max <= 0.0 && max > min * FROM_ZERO {
        (min, 0.0)
    } else {
        (min, max)
    }
}

/// The smallest step from `at_least` on that people count in.
fn nice(at_least: f64, unit: Option<Unit>) -> f64 {
    match unit {
        Some(Unit::Bytes | Unit::BytesPerSecond) if at_least > 1.0 => {
            2_f64.powi(at_least.log2().ceil() as i32)
        }
        Some(Unit::Seconds | Unit::Timestamp) if at_least > 0.5 => TIMES
            .into_iter()
            .find(|step| *step >= at_least)
            .unwrap_or_else(|| decimal(at_least / 86_400.0) * 86_400.0),
        _ => decimal(at_least),
    }
}

fn decimal(at_least: f64) -> f64 {
    let power = 10_f64.powi(at_least.log10().floor() as i32);
    let factor = [1.0, 2.0, 2.5, 5.0].into_iter().find(|factor| factor * power >= at_least);
    factor.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(min: f64, max: f64, unit: Option<Unit>) -> Vec<f64> {
        Scale::new(min, max, 12, unit).ticks().collect()
    }

    #[test]
    fn an_axis_counts_as_people_do() {
        for (min, max, unit, expected) in [
            (0.0, 3.7, None, &[0.0, 1.0, 2.0, 3.0, 4.0][..]),
            (90.0, 99.0, None, &[90.0, 92.5, 95.0, 97.5, 100.0]),
            (-0.4, 0.9, None, &[-0.5, 0.0, 0.5, 1.0]),
            (-9.0, -1.0, None, &[-10.0, -7.5, -5.0, -2.5, 0.0]),
            (3000.0, 5000.0, Some(Unit::Bytes), &[2560.0, 3072.0, 3584.0, 4096.0, 4608.0, 5120.0]),
            (0.0, 100.0, Some(Unit::Seconds), &[0.0, 30.0, 60.0, 90.0, 120.0]),
            (
                0.0,
                800_000.0,
                Some(Unit::Seconds),
                &[0.0, 216_000.0, 432_000.0, 648_000.0, 864_000.0],
            ),
        ] {
            assert_eq!(ticks(min, max, unit), expected, "{min}..{max}");
        }
    }

    #[test]
    fn a_constant_has_room_below_it() {
        assert_eq!(ticks(1.0, 1.0, None), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(ticks(0.0, 0.0, None), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(ticks(-4.0, -4.0, None), [-4.0, -3.0, -2.0, -1.0, 0.0]);
        let at = 1_795_487_400.0;
        let moments = ticks(at, at, Some(Unit::Timestamp));
        assert!(moments[0] <= at - 3600.0 && moments[moments.len() - 1] >= at + 3600.0);
    }

    #[test]
    fn any_numbers_have_an_axis() {
        let extremes = [f64::MIN, -1e300, -1.0, -5e-324, 0.0, 5e-324, 1e-300, 1.0, 1e16, f64::MAX];
        for unit in [None, Some(Unit::Bytes), Some(Unit::Seconds), Some(Unit::Timestamp)] {
            for (index, min) in extremes.into_iter().enumerate() {
                for max in &extremes[index..] {
                    let scale = Scale::new(min, *max, 16, unit);
                    let ticks: Vec<f64> = scale.ticks().collect();
                    assert!((2..=MAX_TICKS + 1).contains(&ticks.len()), "{min}..{max}: {ticks:?}");
                    assert!(ticks.iter().all(|tick| tick.is_finite()), "{min}..{max}: {ticks:?}");
                    assert!(scale.part(min) <= scale.part(*max), "{min}..{max}");
                }
            }
        }
    }
}
