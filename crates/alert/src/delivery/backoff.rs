//! How long to wait after failures: twice as long each time, and anything up to that.

use std::time::Duration;

/// The longest wait after `failures` in a row, the first being 1.
pub(super) fn longest(failures: u32, first: Duration, max: Duration) -> Duration {
    first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX)).min(max)
}

/// A wait of any length up to the longest: those that failed together do not come back together.
/// `random` is in `0.0..1.0`.
pub(super) fn jittered(longest: Duration, random: f64) -> Duration {
    longest.mul_f64(random.clamp(0.0, 1.0))
}

/// A wait of half the longest to the longest, for what must not be tried at once again.
pub(super) fn at_least_half(longest: Duration, random: f64) -> Duration {
    longest / 2 + jittered(longest / 2, random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let longest =
            |failures| longest(failures, Duration::from_secs(1), Duration::from_mins(5)).as_secs();
        assert_eq!(
            [1, 2, 3, 9, 10, 31, 33, u32::MAX].map(longest),
            [1, 2, 4, 256, 300, 300, 300, 300]
        );
        let max = Duration::from_secs(8);
        assert_eq!(jittered(max, 0.0), Duration::ZERO);
        assert_eq!(jittered(max, 0.5), Duration::from_secs(4));
        assert_eq!(at_least_half(max, 0.5), Duration::from_secs(6));
    }
}
