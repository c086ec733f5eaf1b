//! What the pages of a member have said of its links to the others, page by page.
//!
//! Whether a connection is there is not enough: etcd writes to one that leads nowhere until the kernel
//! gives it up, which takes minutes. What comes in tells sooner: a leader is heard ten times a second,
//! and any peer every two seconds.

use jiff::{SignedDuration, Timestamp};

/// What the pages of a member say of its link to one other member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkTrack {
    /// Whether the last page has it connected.
    pub is_up: bool,
    /// When the last page was read.
    pub read_at: Timestamp,
    /// When the first page was read that said the same, with no other between.
    pub since: Timestamp,
    /// When the last page was read that had it disconnected.
    pub down_at: Option<Timestamp>,
}

/// Two pages that are read together are one word: what was seen this far apart was seen twice.
const APART: SignedDuration = SignedDuration::from_millis(1_500);

impl LinkTrack {
    /// What the first page says.
    pub fn new(is_up: bool, read_at: Timestamp) -> Self {
        Self { is_up, read_at, since: read_at, down_at: (!is_up).then_some(read_at) }
    }

    /// Takes what a page says. One that is no younger than the last says nothing new.
    pub fn saw(&mut self, is_up: bool, read_at: Timestamp) {
        if read_at <= self.read_at {
            return;
        }
        if is_up != self.is_up {
            self.since = read_at;
        }
        self.is_up = is_up;
        self.read_at = read_at;
        if !is_up {
            self.down_at = Some(read_at);
        }
    }

    /// Whether the link was down on more than one page read at or after `settled_at`. A single page
    /// may have met a member that was just being started again.
    pub fn is_down_for_certain(&self, settled_at: Timestamp) -> bool {
        !self.is_up && self.read_at.duration_since(self.since.max(settled_at)) >= APART
    }
}

/// How much a member has received from another one, and since when that stands still.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Received {
    /// Bytes, as the last page has it.
    pub bytes: f64,
    /// When the first page was read that had as many.
    pub since: Timestamp,
    /// When the last page was read.
    pub read_at: Timestamp,
}

impl Received {
    /// What the first page says.
    pub fn new(bytes: f64, read_at: Timestamp) -> Self {
        Self { bytes, since: read_at, read_at }
    }

    /// Takes what a page says.
    pub fn saw(&mut self, bytes: f64, read_at: Timestamp) {
        if read_at <= self.read_at {
            return;
        }
        if bytes != self.bytes {
            (self.bytes, self.since) = (bytes, read_at);
        }
        self.read_at = read_at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_begins_with_the_first_page_that_has_no_more_than_the_one_before() {
        let mut received = Received::new(10.0, at(0));
        for (second, bytes) in [(2, 20.0), (4, 30.0), (6, 30.0), (8, 30.0), (7, 99.0)] {
            received.saw(bytes, at(second));
        }
        assert_eq!(received, Received { bytes: 30.0, since: at(4), read_at: at(8) });
        received.saw(3.0, at(10));
        assert_eq!(received.since, at(10), "another process");
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_link_is_down_for_certain_after_two_pages_since_it_could_be_up() {
        let mut link = LinkTrack::new(true, at(0));
        link.saw(false, at(15));
        assert!(!link.is_down_for_certain(at(0)));
        link.saw(false, at(15));
        assert!(!link.is_down_for_certain(at(0)), "the same page again");
        link.saw(false, at(17));
        assert!(link.is_down_for_certain(at(0)));
        assert!(!link.is_down_for_certain(at(16)), "only one page since then");
        link.saw(true, at(19));
        assert!(!link.is_down_for_certain(at(0)));
        assert_eq!((link.since, link.down_at), (at(19), Some(at(17))));
    }
}
