//! Defragmenting a cluster without stopping it: one member at a time, the leader last and not while
//! it leads, each back in step before the next.

use std::time::Duration;

use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;
use tokio::time::{Instant, sleep};

use super::census::{Census, Seat};
use super::rule::Rule;
use crate::failure::{Failure, error_text};
use crate::go;
use crate::print::human;
use crate::session::Session;

/// Rest between two looks at a member that is to catch up.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How to do it.
#[derive(Debug, Clone)]
pub struct Options {
    /// Only members of which this holds.
    pub rule: Option<Rule>,
    /// Shortest time between two members.
    pub interval: Duration,
    /// Longest time for the defragmentation of one member.
    pub limit: Duration,
    /// Longest time for a member to catch up, and for leadership to move.
    pub wait: Duration,
    /// Whether alarms for lack of space are no reason to refuse.
    pub is_full: bool,
}

/// What is about to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The members, in order.
    pub steps: Vec<Step>,
    /// Members that the rule spares, and why.
    pub spared: Vec<String>,
}

/// One member of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its ID.
    pub id: u64,
    /// How it is named to people.
    pub shown: String,
    /// Whether it leads, so that leadership moves first.
    pub leads: bool,
    /// Size of its file.
    pub db_size_bytes: u64,
    /// Part of it that holds data.
    pub in_use_bytes: u64,
}

/// Hears what is going on.
pub trait Told {
    /// Something that people may want to know.
    fn progress(&mut self, text: &str);
    /// A member at this endpoint is done.
    fn finished(&mut self, endpoint: &str, took: Duration);
}

impl Plan {
    /// Who would be defragmented, in which order. Fails when the cluster is not well.
    pub fn new(census: &Census, options: &Options) -> Result<Self, Failure> {
        refuse_unless_well(census, options)?;
        let mut plan = Self { steps: Vec::new(), spared: Vec::new() };
        let mut seats: Vec<&Seat> = census.seats.iter().collect();
        // Learners cost no vote, so they come first, and the leader last; otherwise as listed.
        seats.sort_by_key(|seat| (seat.is_leader(), !seat.listed.is_learner));
        for seat in seats {
            let Some(sizes) = seat.sizes() else { continue };
            if let Some(rule) = &options.rule {
                match rule.holds(sizes) {
                    Some(true) => {}
                    Some(false) => {
                        plan.spared.push(format!("{}: {rule} does not hold", seat.shown()));
                        continue;
                    }
                    None => {
                        let text =
                            "the rule asks for dbQuota, which servers before 3.6 do not tell";
                        return Err(Failure::bad_args(text));
                    }
                }
            }
            plan.steps.push(Step {
                id: seat.listed.id,
                shown: seat.shown(),
                leads: seat.is_leader(),
                db_size_bytes: sizes.db_size as u64,
                in_use_bytes: sizes.db_size_in_use as u64,
            });
        }
        Ok(plan)
    }

    /// Lines that say it to people.
    pub fn lines(&self, census: &Census) -> Vec<String> {
        let mut lines = Vec::new();
        for (index, step) in self.steps.iter().enumerate() {
            let (size, used) = (human::bytes(step.db_size_bytes), human::bytes(step.in_use_bytes));
            let many = census.quorum().voters > 1;
            let first = match (step.leads, many) {
                (true, true) => "move leadership, then ",
                _ => "",
            };
            let text = format!("{size}, {used} in use");
            lines.push(format!("{}. {first}defragment {}: {text}", index + 1, step.shown));
        }
        lines.extend(self.spared.iter().map(|spared| format!("-  leave {spared}")));
        let quorum = census.quorum();
        if !self.steps.is_empty() && !quorum.while_one_rests().is_kept() {
            let text = "writes stop while a member is defragmented";
            lines.push(format!("{quorum}: {text}"));
        }
        lines
    }
}

fn refuse_unless_well(census: &Census, options: &Options) -> Result<(), Failure> {
    let refused = |text: String| {
        Failure::error(format!("not defragmenting: {text}"))
            .with_detail("start or replace that member, or heal what ails it, and begin again")
    };
    if census.leader().is_none() {
        return Err(refused(format!("the cluster has no leader ({})", census.quorum())));
    }
    for seat in &census.seats {
        // A learner that was never started takes no part in anything.
        if seat.listed.is_learner && seat.listed.name.is_empty() {
            continue;
        }
        let is_only_full = options.is_full && seat.status.is_ok() && only_nospace(census, seat);
        if let Some(trouble) = census.trouble(seat).filter(|_| !is_only_full) {
            return Err(refused(format!("{} {trouble}", seat.shown())));
        }
    }
    Ok(())
}

/// Whether alarms for lack of space are all that is wrong with a member.
fn only_nospace(census: &Census, seat: &Seat) -> bool {
    let mut others = census.alarms.iter().filter(|alarm| alarm.member_id == seat.listed.id);
    others.all(|alarm| alarm.alarm() == pb::AlarmType::Nospace)
        && census.lag(seat).is_some_and(|lag| lag <= super::census::MAX_LAG)
}

/// Does it; stops at the first failure, which says how far it came.
pub async fn run(
    session: &Session,
    plan: &Plan,
    options: &Options,
    told: &mut impl Told,
) -> Result<(), Failure> {
    for (index, step) in plan.steps.iter().enumerate() {
        if index > 0 && !options.interval.is_zero() {
            told.progress(&format!("resting for {}", go::show_duration(options.interval)));
            sleep(options.interval).await;
        }
        one(session, step, options, told).await.map_err(|failure| {
            let rest: Vec<_> = plan.steps[index..].iter().map(|step| &*step.shown).collect();
            failure.with_detail(format!(
                "stopped: {index} of {} members are done, these are not: {}",
                plan.steps.len(),
                rest.join(", ")
            ))
        })?;
    }
    Ok(())
}

async fn one(
    session: &Session,
    step: &Step,
    options: &Options,
    told: &mut impl Told,
) -> Result<(), Failure> {
    // As it is now, not as it was when the plan was made.
    let mut census = Census::take(session).await?;
    refuse_unless_well(&census, options)?;
    let is_alone = census.quorum().voters <= 1;
    if !is_alone && census.leader().is_some_and(|leader| leader.listed.id == step.id) {
        move_leadership(session, &census, step.id, options, told).await?;
        census = Census::take(session).await?;
    }
    let seat = census.seats.iter().find(|seat| seat.listed.id == step.id);
    let Some((seat, member)) = seat.and_then(|seat| Some((seat, seat.member.as_ref()?))) else {
        return Err(Failure::error(format!("{} is no member any more", step.shown)));
    };
    if !is_alone && seat.is_leader() {
        return Err(Failure::error(format!("{} leads again", step.shown)));
    }
    told.progress(&format!("defragmenting {} at {}", step.shown, seat.endpoint));
    let start = Instant::now();
    let request = pb::DefragmentRequest {};
    member.call(&rpc::DEFRAGMENT, request, options.limit).await.map_err(|error| {
        let text = format!("Failed to defragment etcd member[{}]", seat.endpoint);
        let why = error_text(&error);
        Failure::error(format!("{text} ({why})")).with_detail(error.to_string())
    })?;
    let took = start.elapsed();
    let after = caught_up(session, step, options).await?;
    told.progress(&format!(
        "{}: {} before, {} now",
        step.shown,
        human::bytes(step.db_size_bytes),
        human::bytes(after.db_size.max(0) as u64)
    ));
    told.finished(&seat.endpoint, took);
    Ok(())
}

/// Hands leadership to the voting member that is closest to the leader.
pub async fn move_leadership(
    session: &Session,
    census: &Census,
    from: u64,
    options: &Options,
    told: &mut impl Told,
) -> Result<(), Failure> {
    let others = census.seats.iter().filter(|seat| seat.listed.id != from);
    let ready = others.filter(|seat| census.has_vote(seat));
    let Some(to) = ready.min_by_key(|seat| census.lag(seat).unwrap_or(u64::MAX)) else {
        return Err(Failure::error("no other member can take leadership"));
    };
    let leader = census.leader().and_then(|leader| leader.member.as_ref());
    let leader = leader.ok_or_else(|| Failure::error("the leader cannot be reached"))?;
    told.progress(&format!("moving leadership to {}", to.shown()));
    let request = pb::MoveLeaderRequest { target_id: to.listed.id };
    leader.call(&rpc::MOVE_LEADER, request, session.timeout).await?;
    let end = Instant::now() + options.wait;
    loop {
        let now = Census::take(session).await?;
        let is_new = now.leader().is_some_and(|leader| leader.listed.id != from);
        if is_new && now.seats.iter().all(|seat| now.has_vote(seat) || seat.listed.is_learner) {
            return Ok(());
        }
        if Instant::now() >= end {
            return Err(Failure::error("leadership did not move in time"));
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Waits until a member has applied all that the cluster had committed when the wait began.
async fn caught_up(
    session: &Session,
    step: &Step,
    options: &Options,
) -> Result<pb::StatusResponse, Failure> {
    let end = Instant::now() + options.wait;
    let mut goal = None;
    let mut why;
    loop {
        let census = Census::take(session).await?;
        let committed = census.leader().and_then(|leader| leader.status.as_ref().ok());
        goal = goal.or(committed.map(|status| status.raft_index));
        let seat = census.seats.into_iter().find(|seat| seat.listed.id == step.id);
        match (seat.map(|seat| seat.status), goal) {
            (Some(Ok(status)), Some(goal)) if status.raft_applied_index >= goal => {
                return Ok(status);
            }
            (Some(Ok(status)), Some(goal)) => {
                why = format!("{} entries to go", goal - status.raft_applied_index);
            }
            (Some(Err(error)), _) => why = error,
            (None, _) => why = "it is no member any more".to_owned(),
            (_, None) => why = "the cluster has no leader".to_owned(),
        }
        if Instant::now() >= end {
            let wait = go::show_duration(options.wait);
            let text = format!("{} has not caught up within {wait} ({why})", step.shown);
            return Err(Failure::error(text));
        }
        sleep(LOOK_EVERY).await;
    }
}
