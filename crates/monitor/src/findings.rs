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

/// So many intervals of scrapes may pass without a word on what is about to be believed.
const UNTOLD_SCRAPES: u32 = 2;

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
        if was_open && is_vaguer(&after, before) {
            // Who it is was plain before, and is so again soon.
            after = Finding { state: FindingState::Open, ..(**before).clone() };
        } else if was_open && before.kind == after.kind && !names_another(&after, before) {
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
            // One page that does not come must not let what is about to be believed begin anew.
            let is_untold = between(entry.seen_at, now) <= round.scrape_interval * UNTOLD_SCRAPES
                && !(round.tells_since)(&entry.finding, entry.seen_at);
            if !is_untold {
                self.entries.remove(key);
            }
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
    /// Whether what a finding rests on was looked at after that time.
    pub tells_since: &'a dyn Fn(&Finding, Timestamp) -> bool,
    /// Why a condition was to be expected, if it was.
    pub expected: &'a dyn Fn(&Condition) -> Option<String>,
}

impl Round<'_> {
    /// A round at `now` that shows everything and expects nothing.
    pub fn plain(now: Timestamp) -> Self {
        Self {
            now,
            scrape_interval: Duration::ZERO,
            would_show: &|_| true,
            tells_since: &|_, _| true,
            expected: &|_| None,
        }
    }
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// Whether what one cluster has at most once is said of nobody now, and of a member before.
fn is_vaguer(after: &Finding, before: &Finding) -> bool {
    names_another(after, before) && after.member.is_none()
}

/// Whether what one cluster has at most once is said of another member than before.
fn names_another(after: &Finding, before: &Finding) -> bool {
    let id = |finding: &Finding| finding.member.as_ref().map(|member| member.id);
    is_once(after.kind) && id(after) != id(before)
}

/// A cluster has it at most once, whichever member is named for it: while it is not plain which of
/// them is wrong, it goes on all the same.
fn is_once(kind: FindingKind) -> bool {
    kind == FindingKind::RevisionDiverged
}

fn key(kind: FindingKind, member: Option<&MemberRef>, about: &str) -> Key {
    let family = match kind {
        FindingKind::MemberUnreachable => FindingKind::MemberDown,
        other => other,
    };
    let subject = match member.filter(|_| !is_once(kind)) {
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
mod tests;
