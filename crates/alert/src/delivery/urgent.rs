//! A new critical notification has a channel that is out of order asked at once, not with the next
//! of its ever rarer attempts.

use std::time::Duration;

use tokio::time::Instant;

/// Between two attempts at a channel that is out of order, however much that is critical comes.
const SPACING: Duration = Duration::from_secs(15);

/// What of the critical entries a channel that is out of order was asked for.
#[derive(Debug, Default)]
pub(super) struct Urgent {
    /// The newest critical entry that is known.
    known: u64,
    /// Whether that is to be tried.
    is_new: bool,
    attempted_at: Option<Instant>,
}

impl Urgent {
    /// The newest critical entry that waits, if any does.
    pub(super) fn note(&mut self, newest: Option<u64>) {
        let newest = newest.unwrap_or_default();
        self.is_new |= newest > self.known;
        self.known = self.known.max(newest);
    }

    /// When the channel is to be asked for what is new; none when nothing is.
    pub(super) fn probe_at(&self, now: Instant) -> Option<Instant> {
        let earliest = self.attempted_at.map_or(now, |at| (at + SPACING).max(now));
        self.is_new.then_some(earliest)
    }

    /// The channel is asked.
    pub(super) fn attempted(&mut self, now: Instant) {
        self.is_new = false;
        self.attempted_at = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_new_is_tried_once_and_not_too_often() {
        let start = Instant::now();
        let mut urgent = Urgent::default();
        urgent.note(None);
        assert_eq!(urgent.probe_at(start), None);
        urgent.note(Some(7));
        assert_eq!(urgent.probe_at(start), Some(start));
        urgent.attempted(start);
        urgent.note(Some(7));
        assert_eq!(urgent.probe_at(start), None);
        let soon = start + Duration::from_secs(1);
        urgent.note(Some(9));
        assert_eq!(urgent.probe_at(soon), Some(start + SPACING));
        urgent.note(None);
        assert_eq!(urgent.probe_at(start + SPACING * 2), Some(start + SPACING * 2));
    }
}
