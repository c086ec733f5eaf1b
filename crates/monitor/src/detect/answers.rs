//! The Status answers of one sweep, side by side, and how far apart honest ones may be: what
//! detectors look at that compare members.

use std::time::Duration;

use etcd::Status;
use jiff::Timestamp;
use model::finding::Evidence;

use crate::picture::Picture;
use crate::sweep::{Call, MemberSweep};
use crate::view::MemberView;

/// Answers that were given so long apart may differ by what is committed in that time, and by as much
/// as a member takes to hear of it.
const HEARSAY: Duration = Duration::from_millis(200);

/// Entries by which members may differ whatever the load.
const SLACK: u64 = 10;

/// What one member answered to the Status of a sweep.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer<'a> {
    /// Who answered.
    pub(super) member: &'a MemberView,
    /// All that its endpoint said.
    pub(super) said: &'a MemberSweep,
    /// The answer.
    pub(super) status: &'a Status,
    call: &'a Call<Status>,
}

impl Answer<'_> {
    /// When it was there.
    pub(super) fn at(&self) -> Timestamp {
        self.call.received_at()
    }

    /// How long the member took.
    pub(super) fn took(&self) -> Duration {
        self.call.took
    }

    /// The answer as evidence, in these words.
    pub(super) fn evidence(&self, observed: impl Into<String>) -> Evidence {
        Evidence {
            at: self.at(),
            source: format!("{} Status", self.said.endpoint),
            observed: observed.into(),
        }
    }

    /// When the state that it tells was looked at, as nearly as can be told.
    fn midpoint(&self) -> Timestamp {
        self.call.sent_at.saturating_add(self.call.took / 2).unwrap_or(Timestamp::MAX)
    }
}

/// The answers to questions of the picture's own sweep: one per member of the cluster to which most
/// endpoints belong, its unlisted members included.
pub(super) fn answers(picture: &Picture) -> Vec<Answer<'_>> {
    let of = |member| {
        let said: &MemberSweep = picture.sweep_of(member)?;
        let call = said.status.since(picture.sweep.started_at)?;
        let status = call.result.as_ref().ok()?;
        let header = &status.header;
        let is_its_own =
            member.id == Some(header.member_id) && picture.cluster_id == Some(header.cluster_id);
        is_its_own.then_some(Answer { member, said, status, call })
    };
    picture.members.iter().filter_map(of).collect()
}

/// The index that a majority of the voters has committed, by the answers of those that answered;
/// `None` if these are fewer than a majority. One member that answers nonsense does not move it, and
/// it is no lower than what the cluster can have acknowledged.
pub(super) fn agreed_index(picture: &Picture, answers: &[Answer<'_>]) -> Option<u64> {
    let voters = answers.iter().filter(|answer| answer.member.is_voter());
    let mut indexes: Vec<u64> = voters.map(|answer| answer.status.raft_index).collect();
    indexes.sort_unstable_by(|a, b| b.cmp(a));
    indexes.get(picture.quorum.needed.checked_sub(1)?).copied()
}

/// Entries per second, the most between two pictures that follow one another; `None` from fewer.
pub(super) fn commit_rate(pictures: &[Picture]) -> Option<f64> {
    let indexes: Vec<(Timestamp, u64)> = pictures
        .iter()
        .filter_map(|picture| {
            Some((picture.sweep.started_at, agreed_index(picture, &answers(picture))?))
        })
        .collect();
    let rates = indexes.windows(2).filter_map(|pair| {
        let seconds = pair[1].0.duration_since(pair[0].0).as_secs_f64();
        (seconds > 0.0).then(|| pair[1].1.saturating_sub(pair[0].1) as f64 / seconds)
    });
    rates.reduce(f64::max)
}

/// Entries by which two of these answers may differ although nothing is wrong, at this rate.
pub(super) fn allowance(answers: &[Answer<'_>], rate: f64) -> u64 {
    let midpoints = || answers.iter().map(Answer::midpoint);
    let spread = match (midpoints().min(), midpoints().max()) {
        (Some(first), Some(last)) => last.duration_since(first).unsigned_abs(),
        _ => Duration::ZERO,
    };
    let in_flight = rate * (spread + HEARSAY).as_secs_f64();
    SLACK.saturating_add(in_flight.ceil() as u64)
}
