//! From a sweep to a verdict: the view that the outside reads, and what changed since the last one.
//!
//! A judge has a memory but neither clock nor I/O: fed the same sweeps it gives the same verdicts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use etcd::{Alarm, AlarmKind, Endpoint, MemberInfo};
use jiff::{SignedDuration, Timestamp};
use model::finding::{Finding, FindingKind, MemberRef};
use model::health::{Health, Role};
use model::id::MemberId;
use model::maintenance::Maintenance;
use model::membership::MembershipChangeKind;
use store::{Past, Record};

use crate::changes::{self, Settled};
use crate::chronicle::Chronicle;
use crate::config::Thresholds;
use crate::detect::{Basis, Condition, DETECTORS, Window, basis};
use crate::event_log::NewEvent;
use crate::expected;
use crate::findings::{FindingBook, Round, Turn};
use crate::health::{self, ClusterFacts, Known, Memory};
use crate::leader::{LeaderSighting, LeaderTracker};
use crate::membership::MembershipTracker;
use crate::metrics::page::Page;
use crate::picture::{self, Picture};
use crate::sweep::{MemberSweep, Outcome, Sweep};
use crate::targets::{self, Configured};
use crate::urgency;
use crate::view::{ClusterView, MemberView};

/// Pictures that detectors may look back at. Each holds all answers of a sweep, so that a fleet of
/// hundreds of clusters pays for every one more; what needs a longer view belongs in the figures.
const WINDOW: usize = 5;

/// What a judge is told once.
#[derive(Debug, Clone)]
pub struct Brief {
    /// The cluster's name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its endpoints.
    pub configured: Configured,
    /// Whether the members are told nothing of who asks: no user, token or client certificate.
    pub is_anonymous: bool,
    /// What is too much.
    pub thresholds: Thresholds,
    /// The time between two scrapes of a member.
    pub scrape_interval: Duration,
}

/// Judges the sweeps of one cluster, in their order.
#[derive(Debug)]
pub struct Judge {
    brief: Brief,
    identities: BTreeMap<Endpoint, MemberId>,
    /// Endpoints of members that were removed: the configuration may go on naming them.
    former: BTreeSet<Endpoint>,
    memories: BTreeMap<Endpoint, Memory>,
    alarms: Vec<Alarm>,
    has_quorum: Option<bool>,
    leader: LeaderTracker,
    membership: MembershipTracker,
    findings: FindingBook,
    window: Vec<Picture>,
    chronicle: Chronicle,
    maintenance: Arc<Vec<Maintenance>>,
    settled: Settled,
}

/// What a sweep amounts to.
#[derive(Debug)]
pub struct Verdict {
    /// The new view.
    pub view: ClusterView,
    /// What changed, in order.
    pub events: Vec<NewEvent>,
    /// What is to be recorded beside the events.
    pub records: Vec<Record>,
    /// Whether nothing looks wrong or undecided: the next sweep may take its time.
    pub is_calm: bool,
    /// What fresh pages of metrics would help to decide; empty while there is nothing.
    pub undecided: BTreeSet<String>,
}

impl Judge {
    /// A judge that has seen nothing yet, and knows what was recorded before.
    pub fn new(brief: Brief, past: Past) -> Self {
        Self {
            brief,
            identities: BTreeMap::new(),
            former: BTreeSet::new(),
            memories: BTreeMap::new(),
            alarms: Vec::new(),
            has_quorum: None,
            leader: LeaderTracker::with_past(past.leadership, past.leader_changes, past.elections),
            membership: MembershipTracker::with_past(past.membership_changes),
            settled: Settled::with_past(&past.open_findings),
            findings: FindingBook::with_past(past.open_findings),
            window: Vec::new(),
            chronicle: Chronicle::default(),
            maintenance: Arc::default(),
        }
    }

    /// The endpoints to ask in the next sweep.
    pub fn targets(&self) -> Vec<Endpoint> {
        let members: Vec<MemberInfo> = self.membership.members().values().cloned().collect();
        targets::targets(&self.brief.configured, &self.identities, &members)
    }

    /// Takes a changed configuration, or endpoints that discovery found; all that was seen stays.
    pub fn rebrief(&mut self, brief: Brief) {
        self.brief = brief;
    }

    /// Takes the maintenance windows of this cluster, in place of those before.
    pub fn declare(&mut self, maintenance: Arc<Vec<Maintenance>>) {
        self.maintenance = maintenance;
    }

    /// What it was told.
    pub fn brief(&self) -> &Brief {
        &self.brief
    }

    /// The member that an endpoint answered as, now or before.
    pub fn identity(&self, endpoint: &Endpoint) -> Option<MemberId> {
        self.identities.get(endpoint).copied()
    }

    /// When a member was seen last to have been started again.
    pub fn last_restart(&self) -> Option<Timestamp> {
        self.chronicle.last_restart()
    }

    /// What it remembers of the members beyond the last sweeps, such as how their databases grow.
    pub fn chronicle(&self) -> &Chronicle {
        &self.chronicle
    }

    /// Findings that are over, newest first.
    pub fn closed_findings(&self) -> impl Iterator<Item = &Arc<Finding>> {
        self.findings.closed()
    }

    /// Judges `sweep`. `slowest` is the slowest probe of the last minute, by the median.
    pub fn advance(&mut self, sweep: Sweep, slowest: Option<(String, Duration)>) -> Verdict {
        let now = sweep.closed_at;
        let cluster = self.brief.name.clone();
        let (mut events, mut records) = (Vec::new(), Vec::new());
        self.remember(&sweep);
        for change in self.membership.observe(&sweep, now) {
            if change.kind == MembershipChangeKind::Removed {
                self.retire(&change.member);
            }
            events.push(changes::of_membership(&change));
            records.push(Record::MembershipChange { cluster: cluster.clone(), change });
        }
        let picture = self.picture(sweep);
        let leader = self.leader.current().and_then(|leader| picture.member(leader.member.id?));
        let is_gone = leader.is_some_and(|member| member.is_reachable == Some(false));
        for transition in self.leader.observe(&picture.leader, is_gone, now) {
            events.extend(changes::of_leader(&transition));
            if let Some(change) = transition.into_change() {
                records.push(Record::LeaderChange { cluster: cluster.clone(), change });
            }
        }
        if let Some(leadership) = self.leader.changed() {
            records.push(Record::Leadership { cluster: cluster.clone(), leadership });
        }
        self.chronicle.observe(&picture);
        self.window.push(picture);
        if self.window.len() > WINDOW {
            self.window.remove(0);
        }
        for turn in self.detect(now) {
            events.extend(changes::of_finding(&turn));
            records
                .push(Record::Finding { cluster: cluster.clone(), finding: turn.into_finding() });
        }
        let view = self.view(slowest);
        let picture = self.window.last().expect("invariant: a picture was pushed above");
        events.extend(self.settled.changes(&view, picture));
        let is_calm = self.is_calm(&view);
        let undecided = urgency::undecided(picture, &self.chronicle);
        Verdict { view, events, records, is_calm, undecided }
    }

    fn newest(&self) -> &Picture {
        self.window.last().expect("invariant: a picture is pushed before it is looked at")
    }

    fn remember(&mut self, sweep: &Sweep) {
        let is_asked = |endpoint: &Endpoint| sweep.members.iter().any(|m| m.endpoint == *endpoint);
        self.identities.retain(|endpoint, _| is_asked(endpoint));
        self.memories.retain(|endpoint, _| is_asked(endpoint));
        self.former.retain(is_asked);
        for member in &sweep.members {
            let Some(status) = member.status.answer() else { continue };
            let id = status.header.member_id;
            self.identities.insert(member.endpoint.clone(), id);
            if self.membership.members().contains_key(&id) {
                self.former.remove(&member.endpoint);
            }
        }
        let reports: Vec<&Vec<Alarm>> =
            sweep.members.iter().filter_map(|member| member.alarms.answer()).collect();
        // Nobody says that an alarm is gone by not answering.
        if !reports.is_empty() {
            self.alarms.clear();
            for alarm in reports.into_iter().flatten() {
                if !self.alarms.contains(alarm) {
                    self.alarms.push(*alarm);
                }
            }
        }
        self.has_quorum = picture::has_quorum(sweep).or_else(|| {
            let is_told = sweep.members.iter().any(|member| member.status.answer().is_some());
            self.has_quorum.filter(|_| is_told)
        });
    }

    /// That nobody answers any more where a removed member was is as it should be.
    fn retire(&mut self, removed: &MemberRef) {
        let was_there = |endpoint: &&Endpoint| {
            self.identities.get(endpoint).map_or_else(
                || endpoint.to_string() == removed.endpoint,
                |id| Some(*id) == removed.id,
            )
        };
        let endpoints = self.brief.configured.endpoints.iter().filter(was_there).cloned();
        self.former.extend(endpoints);
    }

    /// Whether a removed member was at this endpoint, and now nobody is.
    fn is_deserted(&self, said: &MemberSweep) -> bool {
        said.status.answer().is_none() && self.former.contains(&said.endpoint)
    }

    fn picture(&mut self, sweep: Sweep) -> Picture {
        // Roles need the leader, and naming the leader needs the members: two passes.
        let members = self.members(&sweep, None);
        let leader = picture::leader(&sweep, &members);
        let leader_id = match &leader {
            LeaderSighting::Leader(member, _) => member.id,
            LeaderSighting::Unknown => self.leader.current().and_then(|l| l.member.id),
            LeaderSighting::Nobody => None,
        };
        let members = self.members(&sweep, leader_id);
        Picture {
            cluster_id: picture::cluster_id(&sweep),
            quorum: picture::quorum(&members, self.has_quorum),
            alarms: self.alarms.clone(),
            leader,
            members,
            sweep: Arc::new(sweep),
        }
    }

    /// The listed members by name, then the endpoints that belong to none of them.
    fn members(&mut self, sweep: &Sweep, leader: Option<MemberId>) -> Vec<MemberView> {
        let mut views = Vec::new();
        let mut spoken_for = Vec::new();
        for (id, listed) in self.membership.members() {
            let advertised = targets::reachable_urls(&self.brief.configured, listed);
            let said = picture::endpoint_of(sweep, *id, &self.identities, &advertised);
            spoken_for.extend(said.map(|member| &member.endpoint));
            let alarms = alarms_of(&self.alarms, *id);
            let known = Known { id: Some(*id), listed: Some(listed), alarms: &alarms, leader };
            views.push(view_with_memory(&mut self.memories, sweep, said, known));
        }
        views.sort_by(|a, b| a.name.cmp(&b.name));
        for said in &sweep.members {
            let id = self.identities.get(&said.endpoint).copied();
            let is_listed = id.is_some_and(|id| self.membership.members().contains_key(&id));
            // A second endpoint of a listed member adds nothing to the first.
            let is_shown = is_listed || spoken_for.contains(&&said.endpoint);
            if is_shown || self.is_deserted(said) {
                continue;
            }
            let alarms = id.map(|id| alarms_of(&self.alarms, id)).unwrap_or_default();
            let known = Known { id, listed: None, alarms: &alarms, leader };
            views.push(view_with_memory(&mut self.memories, sweep, Some(said), known));
        }
        views
    }

    fn detect(&mut self, now: Timestamp) -> Vec<Turn> {
        let leader_changes = self.leader.history();
        let scrape_interval = self.brief.scrape_interval;
        let window = Window {
            cluster: &self.brief.name,
            pictures: &self.window,
            chronicle: &self.chronicle,
            leader_changes: &leader_changes,
            is_anonymous: self.brief.is_anonymous,
            thresholds: &self.brief.thresholds,
            scrape_interval,
        };
        let conditions = DETECTORS.iter().flat_map(|detect| detect(&window)).collect();
        let picture = self.window.last().expect("invariant: a picture is pushed before this");
        let is_complete = is_complete(picture);
        // Lag and divergence are told from two sweeps, which tell the load.
        let has_two = self.window.len() > 1;
        let needs_two = |kind| {
            use FindingKind as Kind;
            matches!(kind, Kind::RaftLag | Kind::ApplyLag | Kind::RevisionDiverged)
        };
        let would_show = |finding: &Finding| {
            is_complete && (has_two || !needs_two(finding.kind)) && has_looked(picture, finding)
        };
        let tells_since = |finding: &Finding, since| tells_since(picture, finding, since);
        let expected = |condition: &Condition| expected::why(condition, &self.maintenance, now);
        let round = Round {
            now,
            scrape_interval,
            would_show: &would_show,
            tells_since: &tells_since,
            expected: &expected,
        };
        self.findings.observe(conditions, &round)
    }

    fn view(&self, slowest: Option<(String, Duration)>) -> ClusterView {
        let picture = self.newest();
        let now = picture.at();
        let findings = self.findings.active();
        let hour_ago = now - SignedDuration::from_hours(1);
        let has_leader = match picture.leader {
            LeaderSighting::Leader(..) => Some(true),
            LeaderSighting::Nobody => Some(false),
            LeaderSighting::Unknown => None,
        };
        let (state, reasons) = health::cluster_state(&ClusterFacts {
            members: &picture.members,
            quorum: picture.quorum,
            has_leader,
            findings: &findings,
            thresholds: &self.brief.thresholds,
            leader_changes: self.leader.changes_since(hour_ago),
            slowest,
        });
        let mut versions: Vec<String> = picture
            .members
            .iter()
            .filter_map(|member| member.status.as_ref().map(|status| status.version.clone()))
            .collect();
        versions.sort();
        versions.dedup();
        ClusterView {
            name: self.brief.name.clone(),
            labels: self.brief.labels.clone(),
            id: picture.cluster_id.or_else(|| self.window.iter().rev().find_map(|p| p.cluster_id)),
            state,
            reasons,
            as_of: Some(now),
            sweeps: picture.sweep.number,
            sweep_took: now.duration_since(picture.sweep.started_at).unsigned_abs(),
            quorum: picture.quorum,
            leader: self.leader.current().cloned(),
            leader_changes: self.leader.changes(),
            leader_history: self.leader.history(),
            membership_history: self.membership.history(),
            versions,
            cluster_version: cluster_version(&picture.sweep),
            members: picture.members.clone(),
            findings,
            maintenance: self.maintenance.iter().find(|window| window.covers(now)).cloned(),
        }
    }

    fn is_calm(&self, view: &ClusterView) -> bool {
        let picture = self.newest();
        let does_its_work = |member: &MemberView| {
            member.health == Health::Healthy || member.role == Role::Unstarted
        };
        view.members.iter().filter(|member| member.is_listed).all(does_its_work)
            && self.findings.is_calm()
            && !matches!(picture.leader, LeaderSighting::Nobody)
            && self.settled.is_settled()
            && picture
                .sweep
                .members
                .iter()
                .all(|member| member.status.waiting.is_none() || self.is_deserted(member))
    }
}

/// Whether a sweep shows all that detectors look at: every member has answered or failed to, some
/// member has told the alarms, and it is known whether there is a quorum.
fn is_complete(picture: &Picture) -> bool {
    let is_asked = |member: &MemberView| {
        let said = picture.sweep_of(member);
        said.is_some_and(|said| !matches!(said.status.outcome(), Outcome::NotYet))
    };
    picture.members.iter().all(|member| member.endpoint.is_none() || is_asked(member))
        && picture.sweep.members.iter().any(|member| member.alarms.answer().is_some())
        && picture::has_quorum(&picture.sweep).is_some()
}

/// Whether what a finding of this kind rests on was looked at since the start, beyond what a complete
/// sweep holds.
fn has_looked(picture: &Picture, finding: &Finding) -> bool {
    if matches!(finding.kind, FindingKind::HashMismatch | FindingKind::ConsistencyCheckStale) {
        let Some(known) = picture.sweep.consistency.as_deref() else { return true };
        let is_comparable = picture.members.iter().filter(|member| member.is_listed).count() > 1;
        return known.conclusive.is_some() || !known.is_scheduled || !is_comparable;
    }
    if finding.kind == FindingKind::BenchmarkRegressed {
        return picture.sweep.benchmark.is_some();
    }
    if basis(finding.kind) != Basis::Metrics {
        return true;
    }
    // Several scrapes have to fail before it is seen again that metrics are unreadable; one that
    // succeeds is enough for its end. Rates and quantiles need two.
    let has_looked = |member: &MemberView| {
        let Some(said) = picture.sweep_of(member) else { return true };
        let is_read = said.scrape.as_ref().is_some_and(|scrape| scrape.page.is_ok());
        let is_told = said.figures.as_ref().is_some_and(|figures| !figures.window.is_zero());
        is_read && (is_told || finding.kind == FindingKind::MetricsUnreadable)
    };
    let id = finding.member.as_ref().and_then(|member| member.id);
    match id.and_then(|id| picture.member(id)) {
        Some(member) => has_looked(member),
        None => id.is_some() || picture.members.iter().all(has_looked),
    }
}

/// Whether something that a finding rests on was looked at after `since`. A page that did not come, or
/// whose member did not answer, tells nothing: neither that it is there nor that it is not.
fn tells_since(picture: &Picture, finding: &Finding, since: Timestamp) -> bool {
    let id = finding.member.as_ref().and_then(|member| member.id);
    let member = id.and_then(|id| picture.member(id));
    let (Basis::Metrics, Some(member)) = (basis(finding.kind), member) else { return true };
    let Some(said) = picture.sweep_of(member) else { return true };
    let is_after = |page: &Arc<Page>| page.at() > since;
    let is_read =
        said.scrape.as_ref().is_some_and(|scrape| scrape.page.as_ref().is_ok_and(is_after));
    is_read && member.is_reachable == Some(true)
}

fn alarms_of(alarms: &[Alarm], id: MemberId) -> Vec<AlarmKind> {
    alarms.iter().filter(|alarm| alarm.member == id).map(|alarm| alarm.kind).collect()
}

fn view_with_memory(
    memories: &mut BTreeMap<Endpoint, Memory>,
    sweep: &Sweep,
    said: Option<&MemberSweep>,
    known: Known<'_>,
) -> MemberView {
    match said {
        Some(member) => {
            let memory = memories.entry(member.endpoint.clone()).or_default();
            health::member_view(sweep, said, known, memory)
        }
        None => health::member_view(sweep, None, known, &mut Memory::default()),
    }
}

/// The cluster version, as the member that was asked last tells it.
fn cluster_version(sweep: &Sweep) -> Option<String> {
    let told = sweep.members.iter().filter_map(|member| member.cluster_version.as_ref());
    told.max_by_key(|(at, _)| *at).map(|(_, version)| version.clone())
}

#[cfg(test)]
mod tests;
