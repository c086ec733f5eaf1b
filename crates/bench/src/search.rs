//! Finding the highest rate that meets an objective: pure, told what each try came to.

/// Tries after which the search ends in any case.
const MAX_TRIES: usize = 20;
/// Distance between what works and what does not at which the search ends, as a share.
const PRECISION: f64 = 0.05;

/// A search for a rate.
#[derive(Debug, Clone)]
pub struct Search {
    next: f64,
    works: Option<f64>,
    fails: Option<f64>,
    tries: usize,
}

impl Search {
    /// A search that begins with `rate`, operations per second.
    pub fn from(rate: f64) -> Self {
        Self { next: rate, works: None, fails: None, tries: 0 }
    }

    /// The rate to try next; `None` when it is over.
    pub fn next_rate(&self) -> Option<f64> {
        let is_close = self
            .works
            .zip(self.fails)
            .is_some_and(|(works, fails)| fails <= works * (1.0 + PRECISION));
        (!is_close && self.tries < MAX_TRIES && self.next >= 1.0).then_some(self.next)
    }

    /// Notes what the rate came to.
    pub fn note(&mut self, is_met: bool) {
        self.tries += 1;
        let tried = Some(self.next);
        if is_met {
            self.works = tried;
        } else {
            self.fails = tried;
        }
        self.next = match (self.works, self.fails) {
            (Some(works), Some(fails)) => (works * fails).sqrt(),
            (Some(works), None) => works * 2.0,
            (None, Some(fails)) => fails / 2.0,
            (None, None) => self.next,
        };
    }

    /// The highest rate that met the objective.
    pub fn found(&self) -> Option<f64> {
        self.works
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(limit: f64, start: f64) -> (Option<f64>, usize) {
        let mut search = Search::from(start);
        while let Some(rate) = search.next_rate() {
            search.note(rate <= limit);
        }
        (search.found(), search.tries)
    }

    #[test]
    fn the_highest_rate_is_found_from_below_and_above() {
        for start in [100.0, 1_000.0, 50_000.0] {
            let (found, tries) = search(7_300.0, start);
            let found = found.unwrap();
            assert!((7_300.0 / 1.05..=7_300.0).contains(&found), "{found} from {start}");
            assert!(tries <= 16, "{tries}");
        }
        assert_eq!(search(0.0, 100.0).0, None);
    }
}
