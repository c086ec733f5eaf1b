//! `members` and `leader`: who is there, in one table.

use super::Command;
use crate::answer::Census as Shown;
use crate::call::Call;
use crate::failure::{Failure, exit};
use crate::operate::Census;

/// `members`.
pub(super) const MEMBERS: Command = Command::new(
    "members",
    "members",
    "Shows all members with role, version, size, lag and health",
    |call| Box::pin(members(call)),
)
.long(
    "\
Every member is asked by itself, at once. The lag is how many entries of the log a member has not
applied of those that the leader has committed. Ends with 1 when a member is not well.",
)
.ours();

/// `leader`.
pub(super) const LEADER: Command = Command::new(
    "leader",
    "leader",
    "Shows the member that leads, in the columns of `members`",
    |call| Box::pin(leader(call)),
)
.long("Ends with 1 when nobody leads.")
.ours();

async fn members(call: &mut Call<'_>) -> Result<(), Failure> {
    if !call.args.is_empty() {
        return Err(Failure::bad_args("members accepts no arguments"));
    }
    let session = call.session().await?;
    let census = Census::take(&session).await?;
    call.print(&Shown { census: &census, only_leader: false })?;
    let quorum = census.quorum();
    if !quorum.is_kept() {
        call.io.complain(&format!("no quorum, writes are refused: {quorum}"));
    }
    let is_well = census.seats.iter().all(|seat| census.trouble(seat).is_none());
    if is_well { Ok(()) } else { Err(Failure::silent(exit::ERROR)) }
}

async fn leader(call: &mut Call<'_>) -> Result<(), Failure> {
    if !call.args.is_empty() {
        return Err(Failure::bad_args("leader accepts no arguments"));
    }
    let session = call.session().await?;
    let census = Census::take(&session).await?;
    if census.leader().is_none() {
        return Err(Failure::error(format!("nobody leads: {}", census.quorum())));
    }
    call.print(&Shown { census: &census, only_leader: true })
}
