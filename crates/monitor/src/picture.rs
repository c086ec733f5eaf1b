//! A sweep with its answers put to the members that gave them: what detectors look at.

use std::collections::BTreeMap;
use std::sync::Arc;

use etcd::{Alarm, Endpoint};
use jiff::Timestamp;
use model::health::{Health, Role};
use model::id::{ClusterId, MemberId};

use crate::leader::LeaderSighting;
use crate::probe::proves_the_path;
use crate::sweep::{MemberSweep, Outcome, Sweep};
use crate::view::{MemberView, Quorum};

/// A judged sweep.
#[derive(Debug)]
pub struct Picture {
    /// What was said.
    pub sweep: Arc<Sweep>,
    /// The members that said it, and those that said nothing.
    pub members: Vec<MemberView>,
    /// The ID of the cluster, as most members tell it.
    pub cluster_id: Option<ClusterId>,
    /// The alarms that members report, each once; the last known ones while none reports any.
    pub alarms: Vec<Alarm>,
    /// The votes.
    pub quorum: Quorum,
    /// Who leads.
    pub leader: LeaderSighting,
}

impl Picture {
    /// When the sweep was closed.
    pub fn at(&self) -> Timestamp {
        self.sweep.closed_at
    }

    /// What the endpoint of `member` said.
    pub fn sweep_of(&self, member: &MemberView) -> Option<&MemberSweep> {
        let endpoint = member.endpoint.as_deref()?;
        self.sweep.members.iter().find(|sweep| sweep.endpoint.to_string() == endpoint)
    }

    /// The member with this ID.
    pub fn member(&self, id: MemberId) -> Option<&MemberView> {
        self.members.iter().find(|member| member.id == Some(id))
    }

    /// The voters.
    pub fn voters(&self) -> impl Iterator<Item = &MemberView> {
        self.members.iter().filter(|member| member.is_voter())
    }
}

/// How a linearizable read of one member went, in this sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuorumRead {
    /// It succeeded: this member has a leader and a quorum.
    Succeeded,
    /// It failed or is late.
    Failed,
    /// It is under way, was not asked, or says nothing about the quorum (a learner serves none).
    Unknown,
}

/// How the linearizable read of `member` went, counting only what was asked in `sweep` itself.
pub fn quorum_read(sweep: &Sweep, member: &MemberSweep) -> QuorumRead {
    if let Some(call) = member.linearizable_read.since(sweep.started_at) {
        return match &call.result {
            Ok(_) => QuorumRead::Succeeded,
            Err(error) if proves_the_path(error) => QuorumRead::Succeeded,
            Err(error) if error.class() == etcd::ErrorClass::Learner => QuorumRead::Unknown,
            Err(_) => QuorumRead::Failed,
        };
    }
    match member.linearizable_read.outcome() {
        Outcome::Late(_) => QuorumRead::Failed,
        // Asked in an earlier sweep and not under way now: it failed meanwhile.
        Outcome::Failed(error)
            if error.class() != etcd::ErrorClass::Learner && !proves_the_path(error) =>
        {
            QuorumRead::Failed
        }
        _ => QuorumRead::Unknown,
    }
}

/// Whether the cluster has a quorum, as the linearizable reads of this sweep tell; `None` when they
/// don't.
pub fn has_quorum(sweep: &Sweep) -> Option<bool> {
    let mut failed = false;
    let cluster = cluster_id(sweep);
    // What another cluster's members do says nothing of this one.
    for member in sweep.members.iter().filter(|member| is_of(member, cluster)) {
        match quorum_read(sweep, member) {
            QuorumRead::Succeeded => return Some(true),
            // A failure of a member that does not even tell its Status says nothing of the quorum.
            QuorumRead::Failed => failed |= member.status.answer().is_some(),
            QuorumRead::Unknown
                if member.status.answer().is_some()
                    && member.linearizable_read.waiting.is_some() =>
            {
                // Under way: it may yet succeed.
                return None;
            }
            QuorumRead::Unknown => {}
        }
    }
    failed.then_some(false)
}

/// The votes among `members`.
pub fn quorum(members: &[MemberView], has_quorum: Option<bool>) -> Quorum {
    let voters = members.iter().filter(|member| member.is_voter()).count();
    let healthy_voters = members
        .iter()
        .filter(|member| member.is_voter() && member.health == Health::Healthy)
        .count();
    let needed = voters / 2 + 1;
    Quorum {
        voters,
        healthy_voters,
        needed,
        margin: healthy_voters as i64 - needed as i64,
        has_quorum,
    }
}

/// Who leads, by what members say of themselves and of each other.
///
/// A member that says that it leads is believed. Of two such, the one that serves linearizable reads
/// wins, then the one with the higher term: a deposed leader goes on claiming for up to one election
/// timeout. If no member claims, followers
/// still name a leader for a second or so after it died; their word counts only together with a
/// linearizable read that was served in this very sweep, which takes a living leader.
pub fn leader(sweep: &Sweep, members: &[MemberView]) -> LeaderSighting {
    let by_id: BTreeMap<MemberId, &MemberView> =
        members.iter().filter_map(|member| Some((member.id?, member))).collect();
    let cluster = cluster_id(sweep);
    let statuses = || {
        let members = sweep.members.iter().filter(|member| is_of(member, cluster));
        members.filter_map(|member| Some((member, member.status.answer()?)))
    };
    let claimant = statuses()
        .filter(|(_, status)| status.leader == Some(status.header.member_id))
        .max_by_key(|(member, status)| {
            let serves = quorum_read(sweep, member) == QuorumRead::Succeeded;
            (serves, status.header.raft_term, status.raft_index)
        });
    if let Some((_, status)) = claimant
        && let Some(member) = by_id.get(&status.header.member_id)
    {
        return LeaderSighting::Leader(member.reference(), status.header.raft_term);
    }
    let named = statuses()
        .filter(|(member, _)| quorum_read(sweep, member) == QuorumRead::Succeeded)
        .filter_map(|(_, status)| Some((status.leader?, status.header.raft_term)))
        .max_by_key(|(_, term)| *term);
    if let Some((id, term)) = named
        && let Some(member) = by_id.get(&id)
    {
        return LeaderSighting::Leader(member.reference(), term);
    }
    let is_pending = sweep.members.iter().any(|member| {
        matches!(member.status.outcome(), Outcome::NotYet) && member.status.waiting.is_some()
    });
    if statuses().next().is_none() || is_pending {
        return LeaderSighting::Unknown;
    }
    LeaderSighting::Nobody
}

/// The ID that most members tell; of a tie, the lower.
pub fn cluster_id(sweep: &Sweep) -> Option<ClusterId> {
    let mut votes: BTreeMap<ClusterId, usize> = BTreeMap::new();
    for status in sweep.members.iter().filter_map(|member| member.status.answer()) {
        *votes.entry(status.header.cluster_id).or_default() += 1;
    }
    votes.into_iter().max_by_key(|(id, count)| (*count, std::cmp::Reverse(*id))).map(|(id, _)| id)
}

/// Whether a member belongs to this cluster, or does not tell.
fn is_of(member: &MemberSweep, cluster: Option<ClusterId>) -> bool {
    let told = member.status.answer().map(|status| status.header.cluster_id);
    told.is_none() || told == cluster
}

/// The part that a member plays.
pub fn role(
    listed: Option<&etcd::MemberInfo>,
    id: Option<MemberId>,
    leader: Option<MemberId>,
    is_reachable: bool,
) -> Role {
    match listed {
        Some(member) if member.name.is_empty() => Role::Unstarted,
        Some(member) if member.is_learner => Role::Learner,
        Some(_) if id.is_some() && id == leader => Role::Leader,
        Some(_) if is_reachable => Role::Follower,
        _ => Role::Unknown,
    }
}

/// The endpoint of a sweep that speaks for the member `id`: one that answered as it, else one that
/// did so before, else one that the list names.
pub fn endpoint_of<'a>(
    sweep: &'a Sweep,
    id: MemberId,
    identities: &BTreeMap<Endpoint, MemberId>,
    advertised: &[Endpoint],
) -> Option<&'a MemberSweep> {
    let answers_as = |member: &&MemberSweep| {
        member.status.answer().is_some_and(|status| status.header.member_id == id)
    };
    sweep
        .members
        .iter()
        .find(answers_as)
        .or_else(|| sweep.members.iter().find(|m| identities.get(&m.endpoint) == Some(&id)))
        .or_else(|| {
            sweep
                .members
                .iter()
                .find(|m| !identities.contains_key(&m.endpoint) && advertised.contains(&m.endpoint))
        })
}
