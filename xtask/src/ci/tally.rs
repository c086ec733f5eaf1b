//! What the tests say about themselves: passed, failed, and skipped with the reason.

use std::collections::BTreeSet;

/// The sum of all test runs so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    passed: u64,
    failed: u64,
    skipped: BTreeSet<String>,
    unsteady: Vec<String>,
}

impl Tally {
    /// Takes in one line of a test run's output; most lines say nothing.
    pub(super) fn read(&mut self, line: &str) {
        let line = line.trim();
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.passed += count_before(counts, " passed");
            self.failed += count_before(counts, " failed");
        } else if let Some((_, reason)) = line.split_once("SKIPPED: ") {
            self.skipped.insert(reason.to_owned());
        }
    }

    /// A test that was counted as failed passed when it ran once more.
    pub(super) fn passed_later(&mut self, test: &str) {
        self.failed = self.failed.saturating_sub(1);
        self.passed += 1;
        self.unsteady.push(test.to_owned());
    }

    /// The tests that passed only when they ran once more.
    pub(super) fn unsteady(&self) -> impl Iterator<Item = &str> {
        self.unsteady.iter().map(String::as_str)
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped.extend(other.skipped);
        self.unsteady.extend(other.unsteady);
    }

    /// The reasons, each once.
    pub(super) fn skipped(&self) -> impl Iterator<Item = &str> {
        self.skipped.iter().map(String::as_str)
    }

    /// The last line of a run. A failed step without a failed test counts as one failure.
    pub(super) fn closing_line(&self, failed_steps: usize) -> String {
        let failed = self.failed.max(failed_steps as u64);
        format!("{} passed, {failed} failed, {} skipped", self.passed, self.skipped.len())
    }
}

/// The number that stands right before `label`.
fn count_before(text: &str, label: &str) -> u64 {
    let before = text.split_once(label).map_or("", |(before, _)| before);
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_of_several_runs_add_up() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; finished in 0.10s",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; finished in 1.00s",
            "SKIPPED: no etcd 3.4",
            "test a ... SKIPPED: no etcd 3.4",
        ] {
            tally.read(line);
        }
        assert_eq!(tally.closing_line(1), "15 passed, 2 failed, 1 skipped");
        assert_eq!(tally.skipped().collect::<Vec<_>>(), ["no etcd 3.4"]);
        tally.passed_later("etcd it: a");
        assert_eq!(tally.closing_line(1), "16 passed, 1 failed, 1 skipped");
        assert_eq!(tally.unsteady().collect::<Vec<_>>(), ["etcd it: a"]);
    }

    #[test]
    fn a_failed_step_without_a_failed_test_is_a_failure() {
        assert_eq!(Tally::default().closing_line(1), "0 passed, 1 failed, 0 skipped");
    }
}
