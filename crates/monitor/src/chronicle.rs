//! What is remembered of a cluster's members beyond the last few pictures: little per member, and
//! whatever takes longer to see than a window.

mod links;
mod space;
mod standing;

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use model::id::MemberId;

pub use self::links::{LinkTrack, Received};
pub use self::space::SpaceTrack;
pub use self::standing::{Backlog, Standstill};
use crate::leader::LeaderSighting;
use crate::metrics::catalogue::{COMPACT_REVISION, SLOW_WATCHERS};
use crate::metrics::figures::Figures;
use crate::metrics::page::Page;
use crate::picture::Picture;
use crate::quota::Quota;
use crate::skew::SkewTrack;

/// Restarts remembered of a member.
const RESTARTS: usize = 32;

/// A process start time is worked out from the clock of its machine and moves when that is set.
const START_JITTER_SECONDS: f64 = 1.0;

/// The memory of one cluster.
#[derive(Debug, Default)]
pub struct Chronicle {
    since: Option<Timestamp>,
    leader: Option<(MemberId, Timestamp)>,
    members: BTreeMap<MemberId, Track>,
}

/// The memory of one member.
#[derive(Debug, Default)]
pub struct Track {
    /// When its process started, by its own clock, seconds of Unix time; of the last page.
    pub started_at: Option<f64>,
    /// When a page told that its process was another one, newest last.
    pub restarts: VecDeque<Timestamp>,
    /// Since when it has answered us without a break.
    pub answers_since: Option<Timestamp>,
    /// What its pages say of its links to the other members.
    pub links: BTreeMap<MemberId, LinkTrack>,
    /// What it received from the others; under ID 0 what belongs to none of them.
    pub received: BTreeMap<MemberId, Received>,
    /// Its database.
    pub space: SpaceTrack,
    /// Its clock.
    pub skew: SkewTrack,
    /// Its watchers that lag, while there are some.
    pub slow_watchers: Option<Backlog>,
    /// Since when its compact revision is what it is.
    pub compaction: Option<Standstill>,
    last: Option<Position>,
    suspected: Option<StepBack>,
    /// The last time that its index or revision went back without a restart.
    pub went_back: Option<StepBack>,
}

/// How far a member was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// When it said so.
    pub at: Timestamp,
    /// Its committed raft index.
    pub index: u64,
    /// Its revision.
    pub revision: i64,
}

/// A member was further before than after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepBack {
    /// Where it was.
    pub from: Position,
    /// Where it was next.
    pub to: Position,
    /// When that was certain.
    pub known_at: Timestamp,
}

impl Chronicle {
    /// Since when it remembers.
    pub fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// Who leads, and since when it was seen to, without a break.
    pub fn leader(&self) -> Option<(MemberId, Timestamp)> {
        self.leader
    }

    /// What is remembered of a member.
    pub fn member(&self, id: MemberId) -> Option<&Track> {
        self.members.get(&id)
    }

    /// When a member was seen last to have been started again.
    pub fn last_restart(&self) -> Option<Timestamp> {
        self.members.values().filter_map(|track| track.restarts.back().copied()).max()
    }

    /// Takes one more picture; members that it does not show are forgotten.
    pub fn observe(&mut self, picture: &Picture) {
        self.since.get_or_insert(picture.at());
        match &picture.leader {
            LeaderSighting::Leader(member, _) => {
                let before = self.leader.filter(|(id, _)| Some(*id) == member.id);
                self.leader = before.or_else(|| Some((member.id?, picture.at())));
            }
            LeaderSighting::Nobody => self.leader = None,
            LeaderSighting::Unknown => {}
        }
        self.members.retain(|id, _| picture.member(*id).is_some());
        for member in &picture.members {
            let (Some(id), Some(said)) = (member.id, picture.sweep_of(member)) else { continue };
            let track = self.members.entry(id).or_default();
            match member.is_reachable {
                Some(true) => drop(track.answers_since.get_or_insert(picture.at())),
                Some(false) => track.answers_since = None,
                None => {}
            }
            if let Some(scrape) = &said.scrape {
                track.skew.saw(&scrape.clock);
            }
            let page = said.scrape.as_ref().and_then(|scrape| scrape.page.as_ref().ok());
            if let Some(page) = page {
                if let Some(started_at) = page.process_start_time() {
                    track.saw_start(started_at, page.at());
                }
                track.saw_links(page, said.figures.as_deref());
                Backlog::follow(&mut track.slow_watchers, page.gauge(SLOW_WATCHERS), page.at());
                let revision = said.status.answer().map(|status| status.header.revision);
                if let (Some(compacted), Some(revision)) = (page.gauge(COMPACT_REVISION), revision)
                {
                    Standstill::follow(&mut track.compaction, compacted, revision, page.at());
                }
            }
            if let Some(call) = said.status.since(picture.sweep.started_at)
                && let Ok(status) = &call.result
                && status.header.member_id == id
            {
                let (index, revision) = (status.raft_index, status.header.revision);
                track.saw_position(Position { at: call.sent_at, index, revision });
                let (size, in_use) = (status.db_size_bytes, status.db_size_in_use_bytes);
                track.space.saw(call.sent_at, size, in_use, Quota::of(said).bytes());
            }
            track.settle(page.map(|page| page.at()), picture.at());
        }
    }
}

impl Track {
    fn saw_start(&mut self, started_at: f64, page_at: Timestamp) {
        let before = self.started_at.replace(started_at);
        if before.is_some_and(|before| started_at > before + START_JITTER_SECONDS) {
            self.restarts.push_back(page_at);
            if self.restarts.len() > RESTARTS {
                self.restarts.pop_front();
            }
        }
    }

    /// A link that was never up has no series; then messages that fail tell that it is down.
    fn saw_links(&mut self, page: &Page, figures: Option<&Figures>) {
        let of_page = figures.filter(|figures| figures.at == page.at());
        let failing = of_page.into_iter().flat_map(|figures| &figures.peers).filter(|peer| {
            peer.is_active.is_none() && peer.send_failures_per_second.is_some_and(|rate| rate > 0.0)
        });
        let links = page.active_peers().chain(failing.map(|peer| (peer.remote, false)));
        for (remote, is_up) in links {
            self.links
                .entry(remote)
                .and_modify(|link| link.saw(is_up, page.at()))
                .or_insert_with(|| LinkTrack::new(is_up, page.at()));
        }
        for (remote, bytes) in page.received_bytes() {
            self.received
                .entry(remote)
                .and_modify(|received| received.saw(bytes, page.at()))
                .or_insert_with(|| Received::new(bytes, page.at()));
        }
        // What the page no longer speaks of is forgotten: a member that makes up peers fills nothing.
        self.links.retain(|_, link| link.read_at == page.at());
        self.received.retain(|_, received| received.read_at == page.at());
    }

    fn saw_position(&mut self, now: Position) {
        let before = self.last.replace(now);
        if let Some(from) = before
            && from.at < now.at
            && (now.index < from.index || now.revision < from.revision)
            && self.suspected.is_none()
        {
            self.suspected = Some(StepBack { from, to: now, known_at: now.at });
        }
    }

    /// A member that was started again may answer before it has caught up with its own log. A page
    /// from after the step tells whether it was.
    fn settle(&mut self, page_at: Option<Timestamp>, now: Timestamp) {
        let Some(step) = self.suspected else { return };
        if page_at.is_none_or(|page_at| page_at <= step.to.at) {
            return;
        }
        self.suspected = None;
        let stepped = step.from.at.as_duration().as_secs_f64();
        if self.started_at.is_some_and(|started_at| started_at < stepped - START_JITTER_SECONDS) {
            self.went_back = Some(StepBack { known_at: now, ..step });
        }
    }
}
