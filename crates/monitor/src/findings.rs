//! The life of findings: pending, open, clearing, closed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::finding::{Evidence, Finding, FindingKind, FindingState, MemberRef};
use model::id::MemberId;
use model::severity::Severity;

use crate::correlate;
use crate::detect::{Basis, Condition, basis, hysteresis};

/// Closed findings kept.
const CLOSED: usize = 500;

/// What takes longer to be believed is not believed sooner for more sweeps.
const DECIDED_SOON: Duration = Duration::from_mins(1);

/// All findings of a cluster that are not over, and the last ones that are.
#[derive(Debug, Default)]
pub struct FindingBook {
    entries: BTreeMap<Key, Entry>,
    closed: VecDeque<Arc<Finding>>,
}

/// A member that does not answer is one trouble, whatever we call it as more becomes known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    family: FindingKind,
    subject: Subject,
    about: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Cluster,
    Member(MemberId),
    Endpoint(String),
}

#[derive(Debug)]
struct Entry {
    finding: Arc<Finding>,
    /// Sweeps in a row that saw it, and that did not.
    seen: u32,
    missed: u32,
    /// When it was seen last.
    seen_at: Timestamp,
    /// Open when the monitor last ran, and not seen since its start.
    is_remembered: bool,
}

/// What became of findings in one sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// A finding is believed now.
    Opened(Arc<Finding>),
    /// An open finding is worse or better than it was, or has other words or another root.
    Changed(Arc<Finding>),
    /// A finding is over.
    Closed(Arc<Finding>),
    /// A finding was open when the monitor last ran, and is not there any more.
    Gone(Arc<Finding>),
}

impl Turn {
    /// The finding as it is now.
    pub fn into_finding(self) -> Arc<Finding> {
        match self {
            Self::Opened(finding)
            | Self::Changed(finding)
            | Self::Closed(finding)
            | Self::Gone(finding) => finding,
        }
    }
}

impl FindingBook {
    /// A book with what was open when the monitor last ran. Until it is seen again it is clearing.
    pub fn with_past(open: Vec<Finding>) -> Self {
        let entry = |finding: Finding| {
            let key = key(finding.kind, finding.member.as_ref(), &finding.about);
            let seen_at = finding.opened_at.unwrap_or(finding.since);
            let finding = Arc::new(Finding { state: FindingState::Clearing, ..finding });
            (key, Entry { finding, seen: 0, missed: 0, seen_at, is_remembered: true })
        };
        Self { entries: open.into_iter().map(entry).collect(), closed: VecDeque::new() }
    }

    /// Takes what the detectors saw in a sweep. What is only remembered and not seen is over after a
    /// sweep that would show it, as `round` says.
    pub fn observe(&mut self, conditions: Vec<Condition>, round: &Round<'_>) -> Vec<Turn> {
        let mut turns = Vec::new();
        let mut seen = BTreeMap::new();
        for condition in conditions {
            let key = key(condition.kind, condition.member.as_ref(), &condition.about);
            seen.insert(key, condition);
        }
        for (key, condition) in &seen {
            self.see(key, condition, round, &mut turns);
        }
        let missed: Vec<Key> =
            self.entries.keys().filter(|key| !seen.contains_key(key)).cloned().collect();
        for key in missed {
            self.miss(&key, round, &mut turns);
        }
        self.correlate(&mut turns);
        turns
    }

    /// Those that are not over, worst first, then the oldest first.
    pub fn active(&self) -> Vec<Arc<Finding>> {
        let mut findings: Vec<_> =
            self.entries.values().map(|entry| Arc::clone(&entry.finding)).collect();
        findings.sort_by_key(|f| (std::cmp::Reverse(f.severity), f.since, f.kind));
        findings
    }

    /// Those that are over, newest first.
    pub fn closed(&self) -> impl Iterator<Item = &Arc<Finding>> {
        self.closed.iter()
    }

    /// Whether no finding above `Info` is about to be believed, or to be over, that sweeps decide.
    pub fn is_calm(&self) -> bool {
        let is_undecided = |entry: &Entry| {
            let Finding { kind, severity, state, .. } = *entry.finding;
            let needed = hysteresis(kind, Duration::ZERO);
            basis(kind) == Basis::Sweep
                && severity > Severity::Info
                && match state {
                    FindingState::Pending => needed.raise_after <= DECIDED_SOON,
                    FindingState::Clearing => needed.clear_after <= DECIDED_SOON,
                    FindingState::Open | FindingState::Closed => false,
                }
        };
        !self.entries.values().any(is_undecided)
    }

    /// Says of each finding whether another one is its root, in `turns` too.
    fn correlate(&mut self, turns: &mut Vec<Turn>) {
        let present: Vec<Arc<Finding>> =
            self.entries.values().map(|entry| Arc::clone(&entry.finding)).collect();
        for entry in self.entries.values_mut() {
            let hidden_by = correlate::root(&entry.finding, &present);
            if entry.finding.hidden_by == hidden_by {
                continue;
            }
            let before = Arc::clone(&entry.finding);
            Arc::make_mut(&mut entry.finding).hidden_by = hidden_by;
            let told = turns.iter_mut().find_map(|turn| match turn {
                Turn::Opened(told) | Turn::Changed(told) if *told == before => Some(told),
                _ => None,
            });
            match told {
                Some(told) => *told = Arc::clone(&entry.finding),
                None if before.is_open() => turns.push(Turn::Changed(Arc::clone(&entry.finding))),
                None => {}
            }
        }
    }

    fn see(&mut self, key: &Key, condition: &Condition, round: &Round<'_>, turns: &mut Vec<Turn>) {
        let now = round.now;
        let needed = hysteresis(condition.kind, round.scrape_interval);
        let (raise, raise_after) = condition.raise.unwrap_or((needed.raise, needed.raise_after));
        let expected = || (round.expected)(condition);
        let Some(entry) = self.entries.get_mut(key) else {
            let mut finding = finding(condition, expected(), now);
            if raise <= 1 && raise_after.is_zero() {
                open(&mut finding, now, turns);
            }
            let finding = Arc::new(finding);
            let entry = Entry { finding, seen: 1, missed: 0, seen_at: now, is_remembered: false };
            self.entries.insert(key.clone(), entry);
            return;
        };
        entry.seen = entry.seen.saturating_add(1);
        entry.missed = 0;
        entry.seen_at = now;
        entry.is_remembered = false;
        let before = &entry.finding;
        let is_believed = entry.seen >= raise && between(before.since, now) >= raise_after;
        let mut after = finding(condition, expected(), before.since);
        after.hidden_by = before.hidden_by;
        let was_open = before.opened_at.is_some();
        if was_open && before.kind == after.kind {
            after.opened_at = before.opened_at;
            after.state = FindingState::Open;
            if (after.severity, &after.summary) != (before.severity, &before.summary) {
                turns.push(Turn::Changed(Arc::new(after.clone())));
            }
        } else if is_believed {
            if was_open {
                close(before, now, &mut self.closed, turns);
            }
            open(&mut after, now, turns);
        } else if was_open {
            // What it is called instead is not believed yet.
            after = Finding { state: FindingState::Open, ..(**before).clone() };
        }
        if *entry.finding != after {
            entry.finding = Arc::new(after);
        }
    }

    fn miss(&mut self, key: &Key, round: &Round<'_>, turns: &mut Vec<Turn>) {
        let now = round.now;
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.seen = 0;
        entry.missed = entry.missed.saturating_add(1);
        let kind = entry.finding.kind;
        let needed = hysteresis(kind, round.scrape_interval);
        let is_cleared =
            entry.missed >= needed.clear && between(entry.seen_at, now) >= needed.clear_after;
        if entry.is_remembered && basis(kind) != Basis::Moment {
            if (round.would_show)(&entry.finding) {
                let over = over(
                    &entry.finding,
                    now,
                    "not there any more in the first complete sweep after the monitor was started: \
                     it ended before that, at a time that nobody saw",
                );
                keep_closed(&mut self.closed, &over);
                turns.push(Turn::Gone(over));
                self.entries.remove(key);
            }
        } else if entry.finding.opened_at.is_none() {
            self.entries.remove(key);
        } else if is_cleared {
            close(&entry.finding, now, &mut self.closed, turns);
            self.entries.remove(key);
        } else if entry.finding.state != FindingState::Clearing {
            let clearing = Finding { state: FindingState::Clearing, ..(*entry.finding).clone() };
            entry.finding = Arc::new(clearing);
        }
    }
}

/// The circumstances of one sweep.
pub struct Round<'a> {
    /// When it was judged.
    pub now: Timestamp,
    /// The time between two scrapes of a member.
    pub scrape_interval: Duration,
    /// Whether the sweep would show a finding if it were still there.
    pub would_show: &'a dyn Fn(&Finding) -> bool,
    /// Why a condition was to be expected, if it was.
    pub expected: &'a dyn Fn(&Condition) -> Option<String>,
}

impl Round<'_> {
    /// A round at `now` that shows everything and expects nothing.
    pub fn plain(now: Timestamp) -> Self {
        Self { now, scrape_interval: Duration::ZERO, would_show: &|_| true, expected: &|_| None }
    }
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

fn key(kind: FindingKind, member: Option<&MemberRef>, about: &str) -> Key {
    let family = match kind {
        FindingKind::MemberUnreachable => FindingKind::MemberDown,
        other => other,
    };
    let subject = match member {
        None => Subject::Cluster,
        Some(member) => {
            member.id.map_or_else(|| Subject::Endpoint(member.endpoint.clone()), Subject::Member)
        }
    };
    Key { family, subject, about: about.to_owned() }
}

fn finding(condition: &Condition, expected: Option<String>, since: Timestamp) -> Finding {
    Finding {
        kind: condition.kind,
        member: condition.member.clone(),
        about: condition.about.clone(),
        severity: if expected.is_some() { Severity::Info } else { condition.severity },
        state: FindingState::Pending,
        since,
        opened_at: None,
        closed_at: None,
        summary: condition.summary.clone(),
        explanation: condition.explanation.clone(),
        evidence: condition.evidence.clone(),
        causes: condition.causes.clone(),
        next_steps: condition.next_steps.clone(),
        hidden_by: None,
        expected,
    }
}

/// The finding that a condition amounts to when it needs no second look.
pub fn at_once(condition: &Condition, now: Timestamp) -> Finding {
    let mut finding = finding(condition, None, now);
    finding.state = FindingState::Open;
    finding.opened_at = Some(now);
    finding
}

fn open(finding: &mut Finding, now: Timestamp, turns: &mut Vec<Turn>) {
    finding.state = FindingState::Open;
    finding.opened_at = Some(now);
    turns.push(Turn::Opened(Arc::new(finding.clone())));
}

fn close(
    finding: &Finding,
    now: Timestamp,
    closed: &mut VecDeque<Arc<Finding>>,
    turns: &mut Vec<Turn>,
) {
    let over = Finding { state: FindingState::Closed, closed_at: Some(now), ..finding.clone() };
    let over = Arc::new(over);
    keep_closed(closed, &over);
    turns.push(Turn::Closed(over));
}

fn keep_closed(closed: &mut VecDeque<Arc<Finding>>, over: &Arc<Finding>) {
    closed.truncate(CLOSED - 1);
    closed.push_front(Arc::clone(over));
}

/// The finding as one that is over though nobody saw its end; `why` goes to its evidence.
pub(crate) fn over(finding: &Finding, now: Timestamp, why: &str) -> Arc<Finding> {
    let mut over = Finding { state: FindingState::Closed, closed_at: Some(now), ..finding.clone() };
    over.evidence.push(Evidence {
        at: now,
        source: "etcd-monitor".to_owned(),
        observed: why.to_owned(),
    });
    Arc::new(over)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn condition(kind: FindingKind) -> Condition {
        let member =
            MemberRef { id: Some(MemberId(1)), name: "m1".into(), endpoint: "m1:2379".into() };
        Condition::new(kind, Severity::Warning, kind.to_string()).of(Some(member))
    }

    /// Feeds one sweep per second; `Some(kind)` is seen, `None` is a clean sweep. Returns the turns
    /// in words.
    fn turns(sweeps: &[Option<FindingKind>]) -> (Vec<String>, FindingBook) {
        let mut book = FindingBook::default();
        let mut words = Vec::new();
        for (second, seen) in (0..).zip(sweeps) {
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
            let conditions = seen.iter().map(|kind| condition(*kind)).collect();
            words.extend(
                book.observe(conditions, &Round::plain(now)).iter().map(|t| word(second, t)),
            );
        }
        (words, book)
    }

    fn word(second: i64, turn: &Turn) -> String {
        match turn {
            Turn::Opened(finding) => format!("{second}s opened {}", finding.kind),
            Turn::Changed(finding) => format!("{second}s changed {}", finding.kind),
            Turn::Closed(finding) => format!("{second}s closed {}", finding.kind),
            Turn::Gone(finding) => format!("{second}s gone {}", finding.kind),
        }
    }

    const DOWN: Option<FindingKind> = Some(FindingKind::MemberDown);
    const UNREACHABLE: Option<FindingKind> = Some(FindingKind::MemberUnreachable);

    #[test]
    fn a_finding_is_believed_after_k_sweeps_and_over_after_m() {
        let (words, book) = turns(&[DOWN, DOWN, DOWN, None, DOWN, None, None, None]);
        assert_eq!(words, ["2s opened member_down", "7s closed member_down"]);
        let closed = book.closed().next().unwrap();
        assert_eq!(closed.since, Timestamp::UNIX_EPOCH);
        assert!(book.active().is_empty() && book.is_calm());
    }

    #[test]
    fn the_root_of_a_finding_is_told_with_it_and_when_it_goes() {
        let mut book = FindingBook::default();
        let kinds = [FindingKind::MemberDown, FindingKind::NoLeader];
        let mut observe = |second: i64, kinds: &[FindingKind]| {
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
            let conditions = kinds.iter().map(|kind| condition(*kind)).collect();
            let turns = book.observe(conditions, &Round::plain(now));
            let told = turns.iter().map(|turn| word(second, turn)).zip(turns.iter().cloned());
            told.map(|(word, turn)| (word, turn.into_finding().hidden_by)).collect::<Vec<_>>()
        };
        observe(0, &kinds);
        observe(1, &kinds);
        let down = Some(FindingKind::MemberDown);
        let opened = [("2s opened no_leader".into(), down), ("2s opened member_down".into(), None)];
        let mut told = observe(2, &kinds);
        told.sort_by_key(|(_, hidden_by)| hidden_by.is_none());
        assert_eq!(told, opened);
        for second in 3..5 {
            assert_eq!(observe(second, &kinds[1..]), []);
        }
        let told = observe(5, &kinds[1..]);
        assert_eq!(told[1], ("5s changed no_leader".into(), None), "{told:?}");
    }

    #[test]
    fn what_is_seen_once_is_never_told() {
        let (words, book) = turns(&[DOWN, None, DOWN, DOWN, None]);
        assert!(words.is_empty());
        assert!(book.active().is_empty());
    }

    #[test]
    fn an_alarm_is_told_at_once() {
        let alarm = Some(FindingKind::Nospace);
        assert_eq!(turns(&[alarm, None]).0, ["0s opened nospace", "1s closed nospace"]);
    }

    #[test]
    fn an_absent_member_keeps_its_start_when_its_peers_turn_out_to_have_lost_it() {
        let sweeps = [UNREACHABLE, UNREACHABLE, DOWN, DOWN];
        assert_eq!(turns(&sweeps).0, ["2s opened member_down"]);
        let (words, book) = turns(&[UNREACHABLE, UNREACHABLE, UNREACHABLE, DOWN]);
        assert_eq!(
            words,
            [
                "2s opened member_unreachable",
                "3s closed member_unreachable",
                "3s opened member_down"
            ]
        );
        assert_eq!(book.active()[0].since, Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn another_name_for_an_open_finding_closes_it_only_when_it_is_believed() {
        let (words, book) = turns(&[DOWN, DOWN, DOWN, None, UNREACHABLE, DOWN]);
        assert_eq!(words, ["2s opened member_down"]);
        assert_eq!(book.active()[0].state, FindingState::Open);
        let (words, _) = turns(&[DOWN, DOWN, DOWN, None, UNREACHABLE, UNREACHABLE, UNREACHABLE]);
        let ends = ["6s closed member_down", "6s opened member_unreachable"];
        assert_eq!(words[1..], ends);
    }

    /// An open finding after a restart: what becomes of it in each sweep, complete or not.
    fn remembered(sweeps: &[(Option<FindingKind>, bool)]) -> (Vec<String>, FindingBook) {
        let (_, before) = turns(&[DOWN, DOWN, DOWN]);
        let open = before.active().iter().map(|finding| (**finding).clone()).collect();
        let mut book = FindingBook::with_past(open);
        let mut words = Vec::new();
        for (second, (seen, is_complete)) in (100..).zip(sweeps) {
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
            let conditions = seen.iter().map(|kind| condition(*kind)).collect();
            let round = Round { would_show: &|_| *is_complete, ..Round::plain(now) };
            let turns = book.observe(conditions, &round);
            words.extend(turns.iter().map(|turn| word(second, turn)));
        }
        (words, book)
    }

    #[test]
    fn a_finding_that_is_still_there_after_a_restart_keeps_its_start() {
        let (words, book) = remembered(&[(None, false), (UNREACHABLE, true), (DOWN, true)]);
        assert!(words.is_empty(), "{words:?}");
        let finding = &book.active()[0];
        assert_eq!((finding.state, finding.since), (FindingState::Open, Timestamp::UNIX_EPOCH));
        assert_eq!(remembered(&[(DOWN, true), (None, true)]).0, [""; 0]);
    }

    #[test]
    fn a_finding_that_is_gone_after_a_restart_is_over_with_the_first_complete_sweep() {
        let (words, book) = remembered(&[(None, false), (None, false), (None, true)]);
        assert_eq!(words, ["102s gone member_down"]);
        let closed = book.closed().next().unwrap();
        assert_eq!(closed.closed_at.map(Timestamp::as_second), Some(102));
        assert!(closed.evidence.last().unwrap().observed.contains("nobody saw"));
        let (words, book) = remembered(&[(None, false)]);
        assert!(words.is_empty());
        assert_eq!(book.active()[0].state, FindingState::Clearing);
    }
}
