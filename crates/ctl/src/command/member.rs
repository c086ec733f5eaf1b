//! `member`: who belongs to the cluster.

use std::time::Duration;

use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;
use tokio::time::{Instant, sleep};

use super::Command;
use super::member_id;
use super::member_replace::{REPLACE, WAIT_TIME, add_and_wait};
use crate::answer::{MemberAdded, MemberChanged, Members};
use crate::call::Call;
use crate::compat::Compat;
use crate::confirm::{DRY_RUN, FORCE, Silence, YES, confirm, is_wanted};
use crate::failure::Failure;
use crate::operate::Census;
use crate::operate::joining::removal;
use crate::parse::Flag;
use crate::session::Session;

/// Rest between two looks at a list that does not have the new member yet.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// `member`.
pub(super) const MEMBER: Command = Command::group(
    "member",
    "member <subcommand>",
    "Membership related commands",
    &[&ADD, &LIST, &PROMOTE, &REMOVE, &REPLACE, &UPDATE],
);

const ADD: Command =
    Command::new("add", "add <memberName> [options]", "Adds a member into the cluster", |call| {
        Box::pin(add(call))
    })
    .long(
        "\
With --wait it is added as a learner, which has no vote and so cannot cost the cluster its quorum, and
gets its vote once it has been started and has caught up.",
    )
    .flags(&[
        DRY_RUN,
        FORCE,
        Flag::bool("learner", "add it without a vote, which `member promote` gives it later"),
        Flag::text("peer-urls", "", "where other members reach it, with commas between"),
        Flag::bool("wait", "add it as a learner, wait for it, and give it its vote").ours(),
        WAIT_TIME,
        YES,
    ]);

const LIST: Command =
    Command::new("list", "list", "Lists all members in the cluster", |call| Box::pin(list(call)))
        .long(
            "\
In the format simple each line has ID, status, name, peer addresses, client addresses and whether it
is a learner.",
        )
        .flags(&[Flag::text(
            "consistency",
            "l",
            "l asks a quorum, s is what the member that answers knows",
        )
        .since(Compat::V3_6)]);

const PROMOTE: Command = Command::new(
    "promote",
    "promote <memberID or name>",
    "Promotes a non-voting member in the cluster",
    |call| Box::pin(promote(call)),
)
.long("Makes a learner a voting member; the cluster refuses that until it has caught up.")
.flags(&[DRY_RUN, YES]);

const REMOVE: Command = Command::new(
    "remove",
    "remove <memberID or name>",
    "Removes a member from the cluster",
    |call| Box::pin(remove(call)),
)
.flags(&[DRY_RUN, YES]);

const UPDATE: Command = Command::new(
    "update",
    "update <memberID or name> [options]",
    "Updates a member in the cluster",
    |call| Box::pin(update(call)),
)
.flags(&[
    DRY_RUN,
    Flag::text("peer-urls", "", "where other members reach it, with commas between"),
    YES,
]);

async fn add(call: &mut Call<'_>) -> Result<(), Failure> {
    match call.args.len() {
        0 => return Err(Failure::bad_args("member name not provided")),
        1 => {}
        _ => return Err(Failure::bad_args("too many arguments")),
    }
    let (name, peer_urls) = (call.arg(0), urls(call)?);
    if call.flags.bool("wait") {
        return add_and_wait(call, name, peer_urls).await;
    }
    let is_learner = call.flags.bool("learner");
    let session = call.session().await?;
    peer_urls.iter().try_for_each(|url| check_url(url))?;
    let arithmetic = |census: &Census| {
        let now = census.quorum();
        let then = if is_learner { now } else { now.with(false) };
        Ok(format!("now {now}; until {name} runs {then}"))
    };
    if !may(call, &session, "Add it?", arithmetic).await? {
        return Ok(());
    }
    let request = pb::MemberAddRequest { peer_urls, is_learner };
    let answer = session.change(&rpc::MEMBER_ADD, request).await?;
    let added = answer.member.as_ref().map_or(0, |member| member.id);
    let members = all_with(&session, added, &answer).await?;
    let peer_urls = call.flags.text("peer-urls").into_owned();
    let (answer, name, peer_urls) = (&answer, &*name, &*peer_urls);
    call.print(&MemberAdded { answer, name, peer_urls, members: &members })
}

/// All members with the new one.
///
/// The member that answered may not have heard of the new one yet; one that has is asked.
pub(super) async fn all_with(
    session: &Session,
    added: u64,
    answer: &pb::MemberAddResponse,
) -> Result<Vec<pb::Member>, Failure> {
    let mut members = answer.members.clone();
    let end = Instant::now() + session.timeout;
    while !members.iter().any(|member| member.id == added) && Instant::now() < end {
        sleep(LOOK_EVERY).await;
        let request = pb::MemberListRequest { linearizable: true };
        members = session.read(&rpc::MEMBER_LIST, request).await?.members;
    }
    Ok(members)
}

async fn list(call: &mut Call<'_>) -> Result<(), Failure> {
    let linearizable = match &*call.flags.text("consistency") {
        "l" | "" => true,
        "s" => false,
        other => return Err(Failure::bad_feature(format!("unknown consistency flag {other:?}"))),
    };
    let session = call.session().await?;
    let answer = session.read(&rpc::MEMBER_LIST, pb::MemberListRequest { linearizable }).await?;
    call.print(&Members(&answer))
}

async fn promote(call: &mut Call<'_>) -> Result<(), Failure> {
    let named = named(call)?;
    let session = call.session().await?;
    let id = member_id::find(&session, &named).await?;
    let arithmetic = |census: &Census| {
        let seat = census.find(&format!("{id:x}"))?;
        let (now, then) = (census.quorum(), census.quorum().with(seat.status.is_ok()));
        Ok(format!("now {now}; with the vote of {} {then}", seat.shown()))
    };
    if !may(call, &session, "Give it its vote?", arithmetic).await? {
        return Ok(());
    }
    let request = pb::MemberPromoteRequest { id };
    let answer = session.change(&rpc::MEMBER_PROMOTE, request).await?;
    call.print(&MemberChanged {
        id,
        what: "promoted in",
        message: &answer,
        header: answer.header.as_ref(),
        members: &answer.members,
        has_hex: false,
    })
}

async fn remove(call: &mut Call<'_>) -> Result<(), Failure> {
    let named = named(call)?;
    let session = call.session().await?;
    let id = member_id::find(&session, &named).await?;
    let arithmetic = |census: &Census| {
        let seat = census.find(&format!("{id:x}"))?;
        let (now, then) = (census.quorum(), removal(census, seat));
        Ok(format!("now {now}; without {} {then}", seat.shown()))
    };
    if !may(call, &session, "Remove it?", arithmetic).await? {
        return Ok(());
    }
    let answer = session.change(&rpc::MEMBER_REMOVE, pb::MemberRemoveRequest { id }).await?;
    call.print(&MemberChanged {
        id,
        what: "removed from",
        message: &answer,
        header: answer.header.as_ref(),
        members: &answer.members,
        has_hex: true,
    })
}

async fn update(call: &mut Call<'_>) -> Result<(), Failure> {
    let (named, peer_urls) = (named(call)?, urls(call)?);
    let session = call.session().await?;
    peer_urls.iter().try_for_each(|url| check_url(url))?;
    let id = member_id::find(&session, &named).await?;
    let change = |census: &Census| {
        let seat = census.find(&format!("{id:x}"))?;
        let (old, new) = (seat.listed.peer_urls.join(","), peer_urls.join(","));
        Ok(format!("{} is reached by other members at {new}, no more at {old}", seat.shown()))
    };
    if !may(call, &session, "Update it?", change).await? {
        return Ok(());
    }
    let request = pb::MemberUpdateRequest { id, peer_urls };
    let answer = session.change(&rpc::MEMBER_UPDATE, request).await?;
    call.print(&MemberChanged {
        id,
        what: "updated in",
        message: &answer,
        header: answer.header.as_ref(),
        members: &answer.members,
        has_hex: true,
    })
}

/// Whether to go on with a change of members: scripts are not asked, as etcdctl does not.
async fn may(
    call: &mut Call<'_>,
    session: &Session,
    question: &str,
    arithmetic: impl FnOnce(&Census) -> Result<String, Failure>,
) -> Result<bool, Failure> {
    if !is_wanted(call) {
        return Ok(true);
    }
    let census = Census::take(session).await?;
    let line = arithmetic(&census)?;
    confirm(call, &[line], question, Silence::MeansYes)
}

/// Where the new member is reached.
pub(super) fn urls(call: &Call<'_>) -> Result<Vec<String>, Failure> {
    let urls = call.flags.text("peer-urls");
    if urls.is_empty() {
        return Err(Failure::bad_args("member peer urls not provided"));
    }
    Ok(urls.split(',').map(str::to_owned).collect())
}

/// Refuses what Go's client refuses before it asks the server, which would crash on it.
pub(super) fn check_url(url: &str) -> Result<(), Failure> {
    let Some((scheme, rest)) = url.split_once("://") else {
        let text = format!("URL scheme must be http, https, unix, or unixs: {url}");
        return Err(Failure::error(text));
    };
    if !["http", "https", "unix", "unixs"].contains(&scheme) {
        let text = format!("URL scheme must be http, https, unix, or unixs: {url}");
        return Err(Failure::error(text));
    }
    if scheme.starts_with("unix") {
        return Ok(());
    }
    let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
    if address.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
        let text = format!("URL address does not have the form \"host:port\": {url}");
        return Err(Failure::error(text));
    }
    if !path.is_empty() {
        return Err(Failure::error(format!("URL must not contain a path: {url}")));
    }
    Ok(())
}

/// The argument that names a member.
fn named(call: &Call<'_>) -> Result<String, Failure> {
    if call.args.len() != 1 {
        return Err(Failure::bad_args("member ID is not provided"));
    }
    Ok(call.arg(0))
}
