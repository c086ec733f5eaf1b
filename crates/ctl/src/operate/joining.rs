//! Members that join: added as learners, given their vote when they have caught up.

use std::time::Duration;

use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;
use tokio::time::{Instant, sleep};

use super::census::{Census, Seat};
use super::quorum::Quorum;
use crate::failure::Failure;
use crate::go;
use crate::session::Session;

/// Rest between two looks at a learner.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long a change of members is tried that comes too early.
const PATIENCE: Duration = Duration::from_secs(20);

/// Refuses to give a vote to one more member where the cluster could then lose its quorum.
///
/// While it is a learner it has no vote; as long as it does not run, that is what keeps writes going.
pub fn refuse_addition(census: &Census, force: bool) -> Result<String, Failure> {
    let now = census.quorum();
    let then = now.with(true);
    let arithmetic = format!("now {now}; with the new one {then}");
    if force || (now.is_kept() && then.is_kept()) {
        return Ok(arithmetic);
    }
    Err(Failure::error(format!("not adding a member: {arithmetic}"))
        .with_detail("bring the other members back first, or give --force"))
}

/// Refuses a new member whose name or URL is that of another one, which etcd would do only after the
/// old one was removed, or not at all. `but` is the member that goes.
pub fn refuse_doubles(
    census: &Census,
    but: u64,
    name: &str,
    peer_urls: &[String],
) -> Result<(), Failure> {
    for seat in census.seats.iter().filter(|seat| seat.listed.id != but) {
        if seat.listed.name == name {
            let text = format!("{} has the name {name:?} already", seat.shown());
            return Err(Failure::bad_args(text).with_detail("give the new member another name"));
        }
        if let Some(url) = peer_urls.iter().find(|url| seat.listed.peer_urls.contains(url)) {
            let text = format!("{} has the peer URL {url} already", seat.shown());
            return Err(Failure::bad_args(text)
                .with_detail("--peer-urls is where other members reach the new one"));
        }
    }
    Ok(())
}

/// A learner at these URLs that was added before and has no vote yet.
pub fn learner_at<'a>(census: &'a Census, peer_urls: &[String]) -> Option<&'a Seat> {
    let is_it = |seat: &&Seat| seat.listed.is_learner && seat.listed.peer_urls == peer_urls;
    census.seats.iter().find(is_it)
}

/// Refuses to remove a member where the cluster would lose its quorum, or where it is well.
pub fn refuse_removal(census: &Census, seat: &Seat, force: bool) -> Result<String, Failure> {
    let now = census.quorum();
    let then = removal(census, seat);
    let arithmetic = format!("now {now}; without {} {then}", seat.shown());
    if force {
        return Ok(arithmetic);
    }
    let hint = "give --force to do it all the same";
    if !now.is_kept() {
        return Err(Failure::error(format!("the cluster has no quorum: {arithmetic}"))
            .with_detail(
                "nobody can be removed without one; restore the cluster from a snapshot, or start \
             enough of its members",
            ));
    }
    if then.voters == 0 || !then.is_kept() {
        return Err(
            Failure::error(format!("that would cost the quorum: {arithmetic}")).with_detail(hint)
        );
    }
    Ok(arithmetic)
}

/// The votes without a member.
pub fn removal(census: &Census, seat: &Seat) -> Quorum {
    let quorum = census.quorum();
    if seat.listed.is_learner { quorum } else { quorum.without(census.has_vote(seat)) }
}

/// Waits until the learner `id` has started and caught up, and gives it its vote.
pub async fn promote(
    session: &Session,
    id: u64,
    wait: Duration,
    mut progress: impl FnMut(&str),
) -> Result<pb::MemberPromoteResponse, Failure> {
    let end = Instant::now() + wait;
    let mut told = String::new();
    loop {
        let state = match state(session, id).await? {
            State::Ready => match attempt(session, id).await {
                Ok(answer) => return Ok(answer),
                Err(failure) if is_too_early(&failure) => "catching up".to_owned(),
                Err(failure) => return Err(failure),
            },
            State::Waiting(text) => text,
        };
        if state != told {
            progress(&format!("the new member {id:x} is {state}"));
            told = state;
        }
        if Instant::now() >= end {
            let wait = go::show_duration(wait);
            let text = format!("the new member {id:x} is still {told} after {wait}");
            return Err(Failure::error(text).with_detail(format!(
                "it stays a learner, without a vote; start it if it does not run, then give it its \
                 vote with: member promote {id:x}"
            )));
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Makes a change of members again while etcd holds that it comes too early: it wants all members to
/// have been connected for 5 s.
pub async fn patiently<T>(
    mut change: impl AsyncFnMut() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let end = Instant::now() + PATIENCE;
    loop {
        match change().await {
            Err(failure) if is_too_early(&failure) && Instant::now() < end => {
                sleep(LOOK_EVERY).await;
            }
            outcome => return outcome,
        }
    }
}

enum State {
    Ready,
    Waiting(String),
}

async fn state(session: &Session, id: u64) -> Result<State, Failure> {
    let request = pb::MemberListRequest { linearizable: true };
    let list = session.read(&rpc::MEMBER_LIST, request).await?;
    let member = list.members.into_iter().find(|member| member.id == id);
    let member = member.ok_or_else(|| Failure::error(format!("{id:x} is no member any more")))?;
    if member.name.is_empty() {
        return Ok(State::Waiting("waiting to be started".to_owned()));
    }
    Ok(State::Ready)
}

async fn attempt(session: &Session, id: u64) -> Result<pb::MemberPromoteResponse, Failure> {
    session.change(&rpc::MEMBER_PROMOTE, pb::MemberPromoteRequest { id }).await
}

fn is_too_early(failure: &Failure) -> bool {
    ["in sync with leader", "unhealthy cluster", "re-configuration failed"]
        .iter()
        .any(|reason| failure.message.contains(reason))
}
