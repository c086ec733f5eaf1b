//! Figures of many durations: slowest, mean, deviation, percentiles.

use std::time::Duration;

/// Durations, kept to the microsecond.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    micros: Vec<u32>,
}

impl Figures {
    /// One more.
    pub fn add(&mut self, duration: Duration) {
        self.micros.push(u32::try_from(duration.as_micros()).unwrap_or(u32::MAX));
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.micros.len()
    }

    /// The longest; 0 of none.
    pub fn slowest(&self) -> Duration {
        Duration::from_micros(self.micros.iter().copied().max().unwrap_or(0).into())
    }

    /// The standard deviation of all of them; 0 of none.
    pub fn deviation(&self) -> Duration {
        let count = self.micros.len() as f64;
        if count == 0.0 {
            return Duration::ZERO;
        }
        let mean = self.micros.iter().map(|&micros| f64::from(micros)).sum::<f64>() / count;
        let squares = self.micros.iter().map(|&micros| (f64::from(micros) - mean).powi(2));
        Duration::from_secs_f64((squares.sum::<f64>() / count).sqrt() / 1e6)
    }

    /// The durations that these shares of all do not exceed, such as 0.99; 0 of none.
    pub fn percentiles<const N: usize>(&self, shares: [f64; N]) -> [Duration; N] {
        let mut sorted = self.micros.clone();
        sorted.sort_unstable();
        shares.map(|share| {
            let rank = (share * sorted.len() as f64).ceil() as usize;
            let micros = sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0);
            Duration::from_micros(micros.into())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_the_textbook() {
        let mut figures = Figures::default();
        assert_eq!(figures.deviation(), Duration::ZERO);
        for millis in [2, 4, 4, 4, 5, 5, 7, 9] {
            figures.add(Duration::from_millis(millis));
        }
        assert_eq!(figures.deviation(), Duration::from_millis(2));
        assert_eq!(figures.slowest(), Duration::from_millis(9));
        let expected = [4, 7, 9].map(Duration::from_millis);
        assert_eq!(figures.percentiles([0.5, 0.8, 1.0]), expected);
    }
}
