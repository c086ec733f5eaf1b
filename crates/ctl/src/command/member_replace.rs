//! `member replace` and `member add --wait`: changes of members with guard rails.

use std::time::Duration;

use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;

use super::Command;
use super::defrag::Teller;
use super::member::{check_url, urls};
use crate::answer::{MemberAdded, MemberChanged};
use crate::call::Call;
use crate::confirm::{DRY_RUN, FORCE, Silence, YES, confirm};
use crate::failure::Failure;
use crate::operate::defrag::{Options, move_leadership};
use crate::operate::joining::{
    learner_at, patiently, promote, refuse_addition, refuse_doubles, refuse_removal, removal,
};
use crate::operate::{Census, Seat};
use crate::parse::Flag;
use crate::session::Session;

/// `member replace`.
pub(super) const REPLACE: Command = Command::new(
    "replace",
    "replace <memberID or name> <new name> --peer-urls=<urls> [options]",
    "Replaces a member by a new one without losing quorum on the way",
    |call| Box::pin(replace(call)),
)
.long(
    "\
Removes the member, adds the new one as a learner, prints the settings for its start, waits until it
runs and has caught up, and gives it its vote. Refuses what would cost the cluster its quorum, and to
replace a member that is well, unless --force is given; the arithmetic is shown before anything is
done.",
)
.flags(&[
    DRY_RUN,
    FORCE,
    Flag::text("peer-urls", "", "where other members reach the new one, with commas between"),
    WAIT_TIME,
    YES,
])
.ours();

/// How long to wait for the start of a new member.
pub(super) const WAIT_TIME: Flag = Flag::duration(
    "wait-time",
    "10m",
    "longest time for the new member to be started and to catch up; 0s waits not at all",
)
.ours();

async fn replace(call: &mut Call<'_>) -> Result<(), Failure> {
    if call.args.len() != 2 {
        let text = "member replace needs the ID or name of a member and the name of the new one";
        return Err(Failure::bad_args(text));
    }
    let (old, name, peer_urls) = (call.arg(0), call.arg(1), urls(call)?);
    if name.is_empty() {
        return Err(Failure::bad_args("the name of the new member is empty"));
    }
    let (force, wait) = (call.flags.bool("force"), call.flags.duration("wait-time"));
    let session = call.session().await?;
    peer_urls.iter().try_for_each(|url| check_url(url))?;
    call.io.complain("asking every member how it is");
    let census = Census::take(&session).await?;
    let then = format!("member add {name} --peer-urls={} --wait", peer_urls.join(","));
    let seat = census.find(&old).map_err(|failure| {
        failure.with_detail(format!("if it has been removed already, go on with: {then}"))
    })?;
    let arithmetic = refuse_removal(&census, seat, force)?;
    refuse_doubles(&census, seat.listed.id, &name, &peer_urls)?;
    if seat.status.is_ok() && !force {
        let text = format!("{} answers: only one that does not is replaced", seat.shown());
        return Err(Failure::error(text).with_detail(
            "give --force to replace it all the same; stop its process first if its data are bad",
        ));
    }
    let votes = removal(&census, seat).with(true);
    let lines = vec![
        arithmetic,
        format!("1. remove {}", seat.shown()),
        format!("2. add {name} at {} as a learner, without a vote", peer_urls.join(",")),
        "3. wait until it has been started and has caught up".to_owned(),
        format!("4. give it its vote: {votes}"),
    ];
    if !confirm(call, &lines, "Do this?", Silence::MeansNo)? {
        return Ok(());
    }
    if seat.is_leader() {
        let options = Options {
            rule: None,
            interval: Duration::ZERO,
            limit: session.timeout,
            wait: session.timeout * 4,
            is_full: true,
        };
        let teller = &mut Teller(call);
        move_leadership(&session, &census, seat.listed.id, &options, teller).await?;
    }
    remove(call, &session, seat).await?;
    join(call, &session, &name, peer_urls, wait).await.map_err(|failure| {
        let text = format!("{} has been removed already; go on with: {then}", seat.shown());
        failure.with_detail(text)
    })
}

async fn remove(call: &mut Call<'_>, session: &Session, seat: &Seat) -> Result<(), Failure> {
    let id = seat.listed.id;
    let request = pb::MemberRemoveRequest { id };
    let answer = patiently(async || session.change(&rpc::MEMBER_REMOVE, request).await).await?;
    call.print(&MemberChanged {
        id,
        what: "removed from",
        message: &answer,
        header: answer.header.as_ref(),
        members: &answer.members,
        has_hex: true,
    })?;
    call.flush()
}

/// `member add --wait`: with the arithmetic first.
pub(super) async fn add_and_wait(
    call: &mut Call<'_>,
    name: String,
    peer_urls: Vec<String>,
) -> Result<(), Failure> {
    let (force, wait) = (call.flags.bool("force"), call.flags.duration("wait-time"));
    let session = call.session().await?;
    peer_urls.iter().try_for_each(|url| check_url(url))?;
    let census = Census::take(&session).await?;
    let arithmetic = refuse_addition(&census, force)?;
    let learner = learner_at(&census, &peer_urls);
    let first = if let Some(learner) = learner {
        format!("1. {} has been added already, as a learner", learner.shown())
    } else {
        refuse_doubles(&census, 0, &name, &peer_urls)?;
        format!("1. add {name} at {} as a learner, without a vote", peer_urls.join(","))
    };
    let lines = vec![
        arithmetic,
        first,
        "2. wait until it has been started and has caught up".to_owned(),
        "3. give it its vote".to_owned(),
    ];
    if !confirm(call, &lines, "Do this?", Silence::MeansNo)? {
        return Ok(());
    }
    match learner {
        Some(learner) => await_promotion(call, &session, learner.listed.id, wait).await,
        None => join(call, &session, &name, peer_urls, wait).await,
    }
}

/// Adds a learner, and gives it its vote when it has caught up.
async fn join(
    call: &mut Call<'_>,
    session: &Session,
    name: &str,
    peer_urls: Vec<String>,
    wait: Duration,
) -> Result<(), Failure> {
    let shown = peer_urls.join(",");
    let request = pb::MemberAddRequest { peer_urls, is_learner: true };
    let answer =
        patiently(async || session.change(&rpc::MEMBER_ADD, request.clone()).await).await?;
    let id = answer.member.as_ref().map_or(0, |member| member.id);
    let members = super::member::all_with(session, id, &answer).await?;
    call.print(&MemberAdded { answer: &answer, name, peer_urls: &shown, members: &members })?;
    call.flush()?;
    if wait.is_zero() {
        return Ok(());
    }
    call.io.complain("start the new member now, with an empty data directory and these settings");
    await_promotion(call, session, id, wait).await
}

async fn await_promotion(
    call: &mut Call<'_>,
    session: &Session,
    id: u64,
    wait: Duration,
) -> Result<(), Failure> {
    let promoted = promote(session, id, wait, |text| call.io.complain(text)).await?;
    call.print(&MemberChanged {
        id,
        what: "promoted in",
        message: &promoted,
        header: promoted.header.as_ref(),
        members: &promoted.members,
        has_hex: false,
    })
}
