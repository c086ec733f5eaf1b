//! What was found, ready to be written: verdict, findings by severity, what was well, what could not
//! be told, recommendations.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::finding::{Finding, FindingKind, FindingState};
use model::health::ClusterState;
use model::severity::Severity;
use monitor::advice::{Advice, advice};
use monitor::checks::{ABSENT, Check, Outcome, checks};
use monitor::consistency::{Consistency, Outcome as Compared};
use monitor::findings::at_once;
use monitor::keyspace::KeySpace;
use monitor::view::ClusterView;

use super::history::History;
use super::look::{Look, Sample};

/// What was found.
pub(super) struct Report {
    pub(super) clusters: Vec<ClusterReport>,
}

/// What was found in one cluster.
pub(super) struct ClusterReport {
    pub(super) name: String,
    pub(super) started_at: Timestamp,
    pub(super) watched: Duration,
    pub(super) view: Arc<ClusterView>,
    /// Open ones, worst first; symptoms stand beneath their root.
    pub(super) findings: Vec<Root>,
    /// Seen, but not for long enough to be believed.
    pub(super) noticed: Vec<Arc<Finding>>,
    /// Came and went meanwhile.
    pub(super) passed: Vec<Arc<Finding>>,
    pub(super) checks: Vec<Check>,
    pub(super) advice: Vec<Advice>,
    pub(super) samples: Vec<Sample>,
    pub(super) history: History,
    /// What is stored, or why that could not be told; where it was asked for.
    pub(super) keys: Option<Result<KeySpace, String>>,
}

/// A finding and its symptoms.
pub(super) struct Root {
    pub(super) finding: Arc<Finding>,
    pub(super) symptoms: Vec<Arc<Finding>>,
}

/// The kinds that only a scan of the keys finds.
const KEY_KINDS: [FindingKind; 2] = [FindingKind::BigValue, FindingKind::HotPrefix];

impl Report {
    pub(super) fn new(looks: Vec<Look>) -> Self {
        Self { clusters: looks.into_iter().map(ClusterReport::new).collect() }
    }

    /// Whether nothing is worse than a note.
    pub(super) fn is_well(&self) -> bool {
        self.clusters.iter().all(|cluster| {
            cluster.view.state == ClusterState::Healthy
                && cluster.findings.iter().all(|root| root.finding.severity == Severity::Info)
        })
    }

    /// The same without what tells of keys.
    pub(super) fn without_keys(&mut self) -> &mut Self {
        for cluster in &mut self.clusters {
            cluster.keys = None;
            cluster.findings.retain(|root| !KEY_KINDS.contains(&root.finding.kind));
        }
        self
    }
}

impl ClusterReport {
    fn new(look: Look) -> Self {
        let (open, noticed): (Vec<_>, Vec<_>) =
            look.view.findings.iter().cloned().partition(|finding| finding.is_open());
        let all = checks(&look.view, &look.metrics, look.watched, look.scrape_interval);
        Self {
            name: look.view.name.clone(),
            started_at: look.started_at,
            watched: look.watched,
            findings: roots(&open),
            noticed,
            passed: look.passed,
            checks: all.into_iter().map(|one| unless_looked(one, &look.consistency)).collect(),
            advice: advice(&look.view, &look.metrics),
            samples: look.samples,
            view: look.view,
            history: History::None(String::new()),
            keys: None,
        }
    }

    /// Takes what a scan of the keys brought.
    pub(super) fn take_keys(&mut self, keys: Result<KeySpace, String>) {
        if let Ok(space) = &keys {
            let found = space.conditions();
            for check in self.checks.iter_mut().filter(|check| KEY_KINDS.contains(&check.kind)) {
                let is_found = found.iter().any(|condition| condition.kind == check.kind);
                check.outcome = if is_found { Outcome::Found } else { Outcome::Well };
            }
            self.findings.extend(found.iter().map(|condition| Root {
                finding: Arc::new(at_once(condition, space.at)),
                symptoms: Vec::new(),
            }));
            self.findings.sort_by_key(|root| (Reverse(root.finding.severity), root.finding.since));
        }
        self.keys = Some(keys);
    }

    /// How it is, in one line.
    pub(super) fn verdict(&self) -> String {
        let view = &self.view;
        if let Some(root) = self.findings.iter().find(|r| r.finding.severity != Severity::Info) {
            let more = match self.findings.len() - 1 {
                0 => String::new(),
                1 => " (and one more finding)".to_owned(),
                n => format!(" (and {n} more findings)"),
            };
            return format!("{}{more}", root.finding.summary);
        }
        if view.state != ClusterState::Healthy {
            return view.reasons.first().cloned().unwrap_or_default();
        }
        let leader = view.leader.as_ref().map_or("nobody", |leader| leader.member.name.as_str());
        format!(
            "{} of {} voters are healthy, {leader} leads, {} may fail",
            view.quorum.healthy_voters,
            view.quorum.voters,
            view.quorum.margin.max(0)
        )
    }

    /// The kinds that were looked for and are not there.
    pub(super) fn well(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.outcome == Outcome::Well)
    }

    /// The kinds that could not be told, with the reason, those of one reason together; none stands
    /// for all that there was to see on a member.
    pub(super) fn unknown(&self) -> Vec<(String, Vec<FindingKind>)> {
        let mut reasons: Vec<(String, Vec<FindingKind>)> = Vec::new();
        let gone = self.view.members.iter().filter(|member| member.is_reachable == Some(false));
        reasons.extend(gone.map(|member| {
            let reason = "does not answer: nothing could be seen on it";
            (format!("{} {reason}", member.name), Vec::new())
        }));
        let is_gone = |name: &str| reasons.iter().any(|(reason, _)| reason.starts_with(name));
        let not_on = self.checks.iter().flat_map(|check| {
            let still_there = check.not_on.iter().filter(|(member, _)| !is_gone(member));
            still_there.map(|(member, reason)| (format!("on {member}: {reason}"), check.kind))
        });
        let not_on: Vec<_> = not_on.collect();
        let mut add = |reason: String, kind| match reasons.iter_mut().find(|(r, _)| *r == reason) {
            Some((_, kinds)) => kinds.push(kind),
            None => reasons.push((reason, vec![kind])),
        };
        for check in &self.checks {
            // That a member does not answer is said of it above.
            if let Outcome::Unknown(reason) = &check.outcome
                && reason != ABSENT
            {
                add(reason.clone(), check.kind);
            }
        }
        for (reason, kind) in not_on {
            add(reason, kind);
        }
        reasons
    }

    /// How many open findings there are of a severity, symptoms included.
    pub(super) fn count(&self, severity: Severity) -> usize {
        let all = self
            .findings
            .iter()
            .flat_map(|root| std::iter::once(&root.finding).chain(&root.symptoms));
        all.filter(|finding| finding.severity == severity).count()
    }
}

/// What only a scan of the keys, or a comparison of the data, finds is not known until there was one.
fn unless_looked(check: Check, consistency: &Consistency) -> Check {
    let why = match check.kind {
        kind if KEY_KINDS.contains(&kind) => {
            "keys were not looked at; ask for it by --scan-keys".to_owned()
        }
        FindingKind::HashMismatch if consistency.conclusive.is_none() => {
            match consistency.last.as_ref().map(|check| &check.outcome) {
                Some(Compared::Unknown(why) | Compared::Forbidden(why)) => why.clone(),
                _ => "the members' data were not compared; ask for it by --hashkv".to_owned(),
            }
        }
        _ => return check,
    };
    Check { outcome: Outcome::Unknown(why), not_on: Vec::new(), ..check }
}

/// Each symptom beneath the finding that nothing hides, however many are between them.
fn roots(open: &[Arc<Finding>]) -> Vec<Root> {
    let of_kind = |kind| open.iter().find(|finding: &&Arc<Finding>| finding.kind == kind);
    let top = |finding: &Finding| {
        let mut kind = finding.hidden_by?;
        // Rules go round in no circle, so the number of kinds bounds the way up.
        for _ in 0..FindingKind::ALL.len() {
            match of_kind(kind)?.hidden_by {
                None => return Some(kind),
                Some(above) => kind = above,
            }
        }
        None
    };
    let (shown, hidden): (Vec<_>, Vec<_>) = open.iter().partition(|f| top(f).is_none());
    let mut roots: Vec<Root> = shown
        .into_iter()
        .map(|finding| Root { finding: Arc::clone(finding), symptoms: Vec::new() })
        .collect();
    for finding in hidden {
        let kind = top(finding);
        let is_its = |root: &&mut Root| Some(root.finding.kind) == kind;
        if let Some(root) = roots.iter_mut().find(is_its) {
            root.symptoms.push(Arc::clone(finding));
        }
    }
    roots.sort_by_key(|root| (Reverse(root.finding.severity), root.finding.since));
    roots
}

/// What a state of a finding is called.
pub(super) fn state_word(finding: &Finding) -> &'static str {
    match finding.state {
        FindingState::Pending => "not yet certain",
        FindingState::Open => "open",
        FindingState::Clearing => "about to end",
        FindingState::Closed => "over",
    }
}

/// Whom a finding is about: `m1`, `m1 → m2`, or nothing for the cluster.
pub(super) fn subject(finding: &Finding) -> String {
    let member = finding.member.as_ref().map_or("", |member| member.name.as_str());
    match (member, finding.about.as_str()) {
        (member, "") => member.to_owned(),
        ("", about) => about.to_owned(),
        (member, about) => format!("{member} → {about}"),
    }
}
