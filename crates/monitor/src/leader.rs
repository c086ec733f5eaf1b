//! Who leads a cluster, since when, and who led before.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::finding::MemberRef;
use model::leader::{LeaderChange, Leadership};

/// Entries kept.
pub(crate) const HISTORY: usize = 500;

/// For this many sweeps after an election a rising term belongs to that election: a new leader
/// reports the old term until its first entry is applied (6–82 ms measured).
const SETTLING_SWEEPS: u32 = 2;

/// What a sweep says about the leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaderSighting {
    /// This member leads, with the term that it reports.
    Leader(MemberRef, u64),
    /// Nobody leads.
    Nobody,
    /// The sweep does not tell.
    Unknown,
}

/// Follows the leader from sweep to sweep.
#[derive(Debug, Default)]
pub struct LeaderTracker {
    current: Option<Leadership>,
    /// When the last sweep saw it lead.
    confirmed_at: Option<Timestamp>,
    lost: Option<Loss>,
    settling: u32,
    history: Arc<VecDeque<LeaderChange>>,
    changes: u64,
    /// Who led when the monitor last ran, until a sweep tells who leads now.
    remembered: Option<Leadership>,
    /// What [`Self::saved`] was told last.
    saved: Option<Leadership>,
}

#[derive(Debug)]
struct Loss {
    since: Timestamp,
    from: Option<MemberRef>,
    term: u64,
}

/// What a sweep changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaderTransition {
    /// The first leader that we see: no change, but the start of the record.
    FirstSeen(Leadership),
    /// A new leader, or the same one elected again.
    Elected(LeaderChange),
    /// Another leader than when the monitor last ran, or another term: elected while nobody watched.
    ElectedUnwatched(LeaderChange),
    /// Nobody leads any more.
    Lost(LeaderChange),
    /// The term of the newest change was told too low at first.
    Amended(LeaderChange),
}

impl LeaderTransition {
    /// The entry of the history that it makes, or replaces.
    pub fn into_change(self) -> Option<LeaderChange> {
        match self {
            Self::FirstSeen(_) => None,
            Self::Elected(change)
            | Self::ElectedUnwatched(change)
            | Self::Lost(change)
            | Self::Amended(change) => Some(change),
        }
    }
}

impl LeaderTracker {
    /// A tracker that knows what was recorded before.
    pub fn with_past(
        leadership: Option<Leadership>,
        history: Vec<LeaderChange>,
        changes: u64,
    ) -> Self {
        Self {
            saved: leadership.clone(),
            remembered: leadership,
            history: Arc::new(history.into()),
            changes,
            ..Self::default()
        }
    }

    /// Takes what a sweep saw at `now`; `is_gone` says whether the leader so far no longer answers.
    ///
    /// When it is gone and another one leads already, its loss fell between two sweeps: it is told
    /// all the same, as of now.
    pub fn observe(
        &mut self,
        seen: &LeaderSighting,
        is_gone: bool,
        now: Timestamp,
    ) -> Vec<LeaderTransition> {
        let mut transitions = Vec::new();
        match seen {
            LeaderSighting::Unknown => {}
            LeaderSighting::Nobody => {
                if let Some(remembered) = self.remembered.take() {
                    self.current = Some(remembered);
                }
                transitions.extend(self.lose(now, now));
            }
            LeaderSighting::Leader(member, term) => {
                if let Some(remembered) = self.remembered.take() {
                    transitions.extend(self.recognise(remembered, member, *term, now));
                }
                let is_other = self.current.as_ref().is_some_and(|c| !is_same(&c.member, member));
                if is_other && is_gone {
                    let since = self.confirmed_at.unwrap_or(now);
                    transitions.extend(self.lose(now, since));
                }
                match self.current.take() {
                    Some(current) if is_same(&current.member, member) => {
                        transitions.extend(self.confirm(current, member, *term, now));
                    }
                    current => transitions.push(self.elect(current, member, *term, now)),
                }
                self.confirmed_at = Some(now);
            }
        }
        transitions
    }

    /// What is to be recorded of who leads, if that changed since this was asked last.
    pub fn changed(&mut self) -> Option<Option<Leadership>> {
        if self.remembered.is_some() || self.saved == self.current {
            return None;
        }
        self.saved.clone_from(&self.current);
        Some(self.current.clone())
    }

    /// Who leads now.
    pub fn current(&self) -> Option<&Leadership> {
        self.current.as_ref()
    }

    /// Whether there was a leader and is none now.
    pub fn is_lost(&self) -> bool {
        self.current.is_none() && self.lost.is_some()
    }

    /// The changes, newest first.
    pub fn history(&self) -> Arc<VecDeque<LeaderChange>> {
        Arc::clone(&self.history)
    }

    /// Elections that we saw, the first sighting not counted.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Elections that we saw since `from`.
    pub fn changes_since(&self, from: Timestamp) -> u64 {
        self.history.iter().take_while(|c| c.at >= from).filter(|c| is_election(c)).count() as u64
    }

    /// `since` is when there was no leader any more, at the earliest.
    fn lose(&mut self, now: Timestamp, since: Timestamp) -> Option<LeaderTransition> {
        if self.lost.is_some() {
            return None;
        }
        let current = self.current.take();
        let term = current.as_ref().map_or(0, |c| c.term);
        let from = current.map(|c| c.member);
        self.lost = Some(Loss { since, from: from.clone(), term });
        // Without a leader from the start there is nothing that was lost.
        from.as_ref()?;
        let change = LeaderChange { at: now, term, from, to: None, leaderless: Duration::ZERO };
        self.record(change.clone());
        Some(LeaderTransition::Lost(change))
    }

    /// Compares the first leader that is seen with the one before the monitor was started.
    fn recognise(
        &mut self,
        remembered: Leadership,
        member: &MemberRef,
        term: u64,
        now: Timestamp,
    ) -> Option<LeaderTransition> {
        if is_same(&remembered.member, member) && term <= remembered.term {
            self.current = Some(remembered);
            return None;
        }
        let change = LeaderChange {
            at: now,
            term,
            from: Some(remembered.member),
            to: Some(member.clone()),
            leaderless: Duration::ZERO,
        };
        self.current =
            Some(Leadership { member: member.clone(), term, since: now, seen_elected: false });
        self.settling = SETTLING_SWEEPS;
        self.changes += 1;
        self.record(change.clone());
        Some(LeaderTransition::ElectedUnwatched(change))
    }

    fn confirm(
        &mut self,
        mut current: Leadership,
        member: &MemberRef,
        term: u64,
        now: Timestamp,
    ) -> Option<LeaderTransition> {
        current.member = member.clone();
        self.settling = self.settling.saturating_sub(1);
        if term <= current.term || self.settling > 0 {
            let is_corrected = term > current.term;
            current.term = current.term.max(term);
            self.current = Some(current);
            return is_corrected.then(|| self.amend_newest_term(term)).flatten();
        }
        // The term rises only by an election: this member lost and won between two sweeps.
        Some(self.elect(Some(current), member, term, now))
    }

    fn elect(
        &mut self,
        previous: Option<Leadership>,
        member: &MemberRef,
        term: u64,
        now: Timestamp,
    ) -> LeaderTransition {
        let lost = self.lost.take();
        let is_first = previous.is_none() && lost.as_ref().is_none_or(|loss| loss.from.is_none());
        let seen_elected = previous.is_some() || lost.is_some();
        let leadership = Leadership { member: member.clone(), term, since: now, seen_elected };
        self.current = Some(leadership.clone());
        self.settling = SETTLING_SWEEPS;
        if is_first && !seen_elected {
            return LeaderTransition::FirstSeen(leadership);
        }
        let change = LeaderChange {
            at: now,
            term: term.max(lost.as_ref().map_or(0, |loss| loss.term)),
            from: previous.map(|p| p.member).or_else(|| lost.as_ref().and_then(|l| l.from.clone())),
            to: Some(member.clone()),
            leaderless: lost.map_or(Duration::ZERO, |loss| between(loss.since, now)),
        };
        self.changes += 1;
        self.record(change.clone());
        LeaderTransition::Elected(change)
    }

    fn record(&mut self, change: LeaderChange) {
        let history = Arc::make_mut(&mut self.history);
        history.truncate(HISTORY - 1);
        history.push_front(change);
    }

    fn amend_newest_term(&mut self, term: u64) -> Option<LeaderTransition> {
        let newest = Arc::make_mut(&mut self.history).front_mut().filter(|c| is_election(c))?;
        newest.term = term;
        Some(LeaderTransition::Amended(newest.clone()))
    }
}

fn is_election(change: &LeaderChange) -> bool {
    change.to.is_some()
}

fn is_same(a: &MemberRef, b: &MemberRef) -> bool {
    match (a.id, b.id) {
        (Some(a), Some(b)) => a == b,
        _ => a.endpoint == b.endpoint,
    }
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    to.duration_since(from).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use model::id::MemberId;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
    }

    fn member(id: u64) -> MemberRef {
        MemberRef {
            id: Some(MemberId(id)),
            name: format!("m{id}"),
            endpoint: format!("m{id}:2379"),
        }
    }

    fn leader(id: u64, term: u64) -> LeaderSighting {
        LeaderSighting::Leader(member(id), term)
    }

    /// Feeds one sighting per second and returns the history, oldest first, in words.
    fn history(sightings: &[LeaderSighting]) -> (Vec<String>, LeaderTracker) {
        let mut tracker = LeaderTracker::default();
        for (second, sighting) in (0..).zip(sightings) {
            tracker.observe(sighting, false, at(second));
        }
        let name = |m: &Option<MemberRef>| m.as_ref().map_or("-".to_owned(), |m| m.name.clone());
        let words = tracker
            .history
            .iter()
            .rev()
            .map(|c| {
                format!(
                    "{}s {}->{} term {} after {}s",
                    c.at.as_second(),
                    name(&c.from),
                    name(&c.to),
                    c.term,
                    c.leaderless.as_secs()
                )
            })
            .collect();
        (words, tracker)
    }

    #[test]
    fn the_first_leader_is_no_change_and_its_start_is_not_known() {
        let (words, tracker) = history(&[leader(1, 2), leader(1, 2)]);
        assert!(words.is_empty());
        let current = tracker.current().unwrap();
        assert!(!current.seen_elected);
        assert_eq!((current.since, tracker.changes()), (at(0), 0));
    }

    #[test]
    fn a_loss_and_the_election_after_it_are_told_with_the_time_between() {
        let nobody = LeaderSighting::Nobody;
        let (words, tracker) = history(&[leader(1, 2), nobody.clone(), nobody, leader(2, 3)]);
        assert_eq!(words, ["1s m1->- term 2 after 0s", "3s m1->m2 term 3 after 2s"]);
        assert_eq!(tracker.changes(), 1);
        assert!(tracker.current().unwrap().seen_elected);
    }

    #[test]
    fn a_new_leader_may_report_the_old_term_at_first() {
        let (words, tracker) = history(&[leader(1, 2), leader(2, 2), leader(2, 3), leader(2, 3)]);
        assert_eq!(words, ["1s m1->m2 term 3 after 0s"]);
        assert_eq!(tracker.changes(), 1);
    }

    #[test]
    fn the_same_leader_with_a_higher_term_was_elected_again_between_two_sweeps() {
        let steady = [leader(1, 2), leader(1, 2), leader(1, 2), leader(1, 4)];
        let (words, tracker) = history(&steady);
        assert_eq!(words, ["3s m1->m1 term 4 after 0s"]);
        assert_eq!(tracker.current().unwrap().since, at(3));
    }

    #[test]
    fn a_cluster_that_starts_without_a_leader_has_lost_nobody() {
        let (words, tracker) = history(&[LeaderSighting::Nobody, leader(1, 2)]);
        assert_eq!(words, ["1s -->m1 term 2 after 1s"]);
        assert!(tracker.current().unwrap().seen_elected);
    }

    #[test]
    fn a_sweep_that_does_not_tell_changes_nothing() {
        let (words, tracker) = history(&[leader(1, 2), LeaderSighting::Unknown, leader(1, 2)]);
        assert!(words.is_empty());
        assert_eq!(tracker.current().unwrap().since, at(0));
    }

    #[test]
    fn a_loss_between_two_sweeps_is_told_with_the_longest_time_that_it_may_have_lasted() {
        let mut tracker = LeaderTracker::default();
        tracker.observe(&leader(1, 2), false, at(0));
        tracker.observe(&leader(1, 2), false, at(2));
        let transitions = tracker.observe(&leader(2, 3), true, at(4));
        assert!(matches!(
            &transitions[..],
            [LeaderTransition::Lost(_), LeaderTransition::Elected(change)]
                if change.leaderless == Duration::from_secs(2) && change.term == 3
        ));
    }

    fn after_a_restart(seen: &LeaderSighting) -> (LeaderTracker, Vec<LeaderTransition>) {
        let known =
            Leadership { member: member(1), term: 5, since: at(-1_000), seen_elected: true };
        let mut tracker = LeaderTracker::with_past(Some(known), Vec::new(), 3);
        let unknown = tracker.observe(&LeaderSighting::Unknown, false, at(0));
        assert_eq!((unknown, tracker.current()), (Vec::new(), None));
        assert_eq!(tracker.changed(), None, "what is remembered stays on record");
        let transitions = tracker.observe(seen, false, at(1));
        (tracker, transitions)
    }

    #[test]
    fn the_same_leader_in_the_same_term_leads_since_before_the_restart() {
        let (mut tracker, transitions) = after_a_restart(&leader(1, 5));
        let current = tracker.current().unwrap();
        assert_eq!((current.since, current.seen_elected), (at(-1_000), true));
        assert_eq!((transitions, tracker.changes(), tracker.changed()), (Vec::new(), 3, None));
    }

    #[test]
    fn a_leader_that_was_elected_while_nobody_watched_is_told_as_such() {
        for seen in [leader(2, 6), leader(1, 7), leader(2, 5)] {
            let (mut tracker, transitions) = after_a_restart(&seen);
            let [LeaderTransition::ElectedUnwatched(change)] = &transitions[..] else {
                panic!("{transitions:?}")
            };
            assert_eq!(change.from, Some(member(1)));
            let current = tracker.current().unwrap().clone();
            assert_eq!((current.since, current.seen_elected), (at(1), false));
            assert_eq!((tracker.changes(), tracker.history().len()), (4, 1));
            assert_eq!(tracker.changed(), Some(Some(current)));
        }
    }

    #[test]
    fn a_cluster_without_a_leader_after_a_restart_has_lost_the_one_that_was_known() {
        let (mut tracker, transitions) = after_a_restart(&LeaderSighting::Nobody);
        assert!(matches!(&transitions[..], [LeaderTransition::Lost(_)]), "{transitions:?}");
        assert_eq!(tracker.changed(), Some(None));
        tracker.observe(&leader(2, 6), false, at(3));
        assert!(tracker.current().unwrap().seen_elected);
    }

    #[test]
    fn the_history_is_bounded() {
        let sightings: Vec<_> = (0..2 * HISTORY as u64).map(|i| leader(i % 2 + 1, i)).collect();
        assert_eq!(history(&sightings).0.len(), HISTORY);
    }
}
