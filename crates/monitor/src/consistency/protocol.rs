//! The steps of a check, in their order: ask all for their revision, hash each up to one that all
//! have, compare, and do it again where the answer does not tell.

use std::time::Duration;

use etcd::{Error, ErrorClass, HashKv};
use jiff::Timestamp;

use super::compare::{Comparison, compare};
use super::{MemberHash, Outcome};
use crate::view::MemberView;

/// Rounds that may be lost to compactions.
const COMPACTIONS: u32 = 5;

/// Times that a mismatch is looked at again, at another revision, before it is believed.
const REPEATS: u32 = 2;

/// Waits for a member that has not reached the revision.
const WAITS: u32 = 10;

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// Revisions below the newest one that are hashed up to while there are writes, so that no member
/// has to be waited for; a tenth of all at most, so that there is something to compare.
const MARGIN: i64 = 100;

/// Revisions that a member may be behind the others.
const MAX_BEHIND: i64 = 10_000;

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Ask every member for its Status.
    Status,
    /// Ask the member of this index for its hash up to this revision.
    Hash(usize, i64),
    /// Wait, then [`Protocol::resume`].
    Wait(Duration),
    /// It is over.
    Done(Outcome),
}

/// A member to hash.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What its hash will say of it, but the hash.
    pub hash: MemberHash,
    /// Its revision when it was looked at last.
    pub revision: i64,
}

/// A check under way.
#[derive(Debug)]
pub struct Protocol {
    subjects: Vec<Subject>,
    revision: i64,
    hashes: Vec<MemberHash>,
    compactions: u32,
    mismatches: u32,
    waits: u32,
    waiting_for: Option<Step>,
}

impl Subject {
    /// This member of a view.
    pub fn of(member: &MemberView) -> Self {
        let status = member.status.as_ref();
        let hash = MemberHash {
            member: member.reference(),
            version: status.map(|status| status.version.clone()).unwrap_or_default(),
            is_voter: member.is_voter(),
            at: Timestamp::UNIX_EPOCH,
            revision: 0,
            compact_revision: 0,
            hash: 0,
        };
        Self { hash, revision: status.map_or(0, |status| status.revision) }
    }
}

impl Protocol {
    /// A check of these members, in this order.
    pub fn new(subjects: Vec<Subject>) -> Self {
        Self {
            subjects,
            revision: 0,
            hashes: Vec::new(),
            compactions: 0,
            mismatches: 0,
            waits: 0,
            waiting_for: None,
        }
    }

    /// The hashes of this round.
    pub fn into_hashes(self) -> Vec<MemberHash> {
        self.hashes
    }

    /// The step to begin with.
    pub fn begin(&self) -> Step {
        Step::Status
    }

    /// After a wait.
    pub fn resume(&mut self) -> Step {
        self.waiting_for.take().unwrap_or(Step::Status)
    }

    /// Takes the revisions of all members, in their order, or why one was not told.
    pub fn statuses(&mut self, revisions: Result<Vec<i64>, Error>) -> Step {
        let revisions = match revisions {
            Ok(revisions) => revisions,
            Err(error) => return Step::Done(failed(&error)),
        };
        let least = revisions.iter().copied().min().unwrap_or_default();
        // Hashes up to an old revision compare little: one member far behind would make the check hollow.
        let mut sorted = revisions.clone();
        sorted.sort_unstable();
        let middle = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        if middle.saturating_sub(least) > MAX_BEHIND {
            let behind = self.subjects.iter().zip(&revisions).find(|(_, at)| **at == least);
            let name = behind.map_or("a member", |(of, _)| of.hash.member.name.as_str());
            let why = format!("{name} is at revision {least}, others at {middle}");
            return Step::Done(Outcome::Unknown(why));
        }
        let is_busy = revisions.iter().any(|revision| *revision != least)
            || self.subjects.iter().any(|subject| subject.revision != least);
        // After a compaction the newest revision is the one that is certainly still there.
        let margin = if is_busy && self.compactions == 0 { MARGIN.min(least / 10) } else { 0 };
        for (subject, revision) in self.subjects.iter_mut().zip(revisions) {
            subject.revision = revision;
        }
        self.revision = least.saturating_sub(margin).max(1);
        self.hashes.clear();
        self.waits = 0;
        self.hash_next()
    }

    /// Takes the hash that was asked for, or why there is none.
    pub fn hashed(&mut self, answer: Result<HashKv, Error>, now: Timestamp) -> Step {
        let index = self.hashes.len();
        let Some(subject) = self.subjects.get(index) else { return self.compare() };
        match answer {
            Ok(answer) if subject.hash.member.id != Some(answer.header.member_id) => {
                Step::Done(Outcome::Unknown(format!(
                    "{} was asked and member {} answered: the endpoint leads to several members",
                    subject.hash.member.name, answer.header.member_id
                )))
            }
            Ok(answer) => {
                let hash = MemberHash {
                    at: now,
                    revision: self.revision,
                    compact_revision: answer.compact_revision,
                    hash: answer.hash,
                    ..subject.hash.clone()
                };
                self.hashes.push(hash);
                self.hash_next()
            }
            Err(error) if error.class() == ErrorClass::Compacted => self.after_compaction(),
            Err(error) if error.message().contains("future revision") => {
                self.waits += 1;
                if self.waits > WAITS {
                    let name = &subject.hash.member.name;
                    let why = format!("{name} does not come to revision {}", self.revision);
                    return Step::Done(Outcome::Unknown(why));
                }
                self.wait_for(Step::Hash(index, self.revision))
            }
            Err(error) => Step::Done(failed(&error)),
        }
    }

    fn hash_next(&mut self) -> Step {
        let index = self.hashes.len();
        if index < self.subjects.len() { Step::Hash(index, self.revision) } else { self.compare() }
    }

    fn compare(&mut self) -> Step {
        let voters = self.subjects.iter().filter(|subject| subject.hash.is_voter).count();
        match compare(&self.hashes, voters) {
            Comparison::Equal => Step::Done(Outcome::Equal),
            Comparison::CompactedDifferently => self.after_compaction(),
            Comparison::OnlyBetweenVersions => Step::Done(Outcome::Unknown(
                "the members run versions whose hashes do not compare; upgrade all to the same one"
                    .to_owned(),
            )),
            Comparison::Mismatch(_) if self.mismatches < REPEATS => {
                self.mismatches += 1;
                self.wait_for(Step::Status)
            }
            Comparison::Mismatch(culprits) => Step::Done(Outcome::Mismatch(culprits)),
        }
    }

    fn after_compaction(&mut self) -> Step {
        self.compactions += 1;
        if self.compactions > COMPACTIONS {
            let why = "the members were compacted in the middle of each try";
            return Step::Done(Outcome::Unknown(why.to_owned()));
        }
        self.wait_for(Step::Status)
    }

    fn wait_for(&mut self, step: Step) -> Step {
        self.waiting_for = Some(step);
        Step::Wait(PAUSE)
    }
}

/// What a failed call makes of the check.
fn failed(error: &Error) -> Outcome {
    match error.class() {
        ErrorClass::Auth | ErrorClass::PermissionDenied => Outcome::Forbidden(error.to_string()),
        _ => Outcome::Unknown(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
