//! `nospace-recover`: makes a cluster that ran out of space take writes again.

use super::Command;
use super::defrag::{Teller, WAIT, options};
use crate::call::Call;
use crate::confirm::{DRY_RUN, Silence, YES, confirm};
use crate::failure::Failure;
use crate::operate::nospace::Recovery;
use crate::parse::Flag;

/// `nospace-recover`.
pub(super) const NOSPACE_RECOVER: Command = Command::new(
    "nospace-recover",
    "nospace-recover [options]",
    "Recovers a cluster that refuses writes with 'database space exceeded'",
    |call| Box::pin(run(call)),
)
.long(
    "\
Shows a plan, asks, and then: compacts the history of keys, defragments every member one at a time and
the leader last, verifies that each file is smaller than 90 % of its quota, ends the alarm, and writes
and deletes a key. It stops before the alarm is ended if that would only raise it again, and says what
then helps. Keys as they are now are not touched.",
)
.flags(&[
    DRY_RUN,
    Flag::duration("interval", "0s", "shortest time between two members").ours(),
    Flag::int("keep-revisions", "0", "so many of the newest revisions stay readable").ours(),
    WAIT,
    YES,
])
.ours();

async fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    if !call.args.is_empty() {
        return Err(Failure::bad_args("nospace-recover accepts no arguments"));
    }
    let session = call.session().await?;
    let options = options(call, &session, None, true);
    let keep = call.flags.int("keep-revisions");
    let Some(recovery) = Recovery::plan(&session, keep, &options).await? else {
        call.say("no member has the alarm NOSPACE: there is nothing to recover");
        return Ok(());
    };
    if !confirm(call, &recovery.lines(), "Do this?", Silence::MeansNo)? {
        return Ok(());
    }
    recovery.run(&session, &options, &mut Teller(call)).await?;
    call.say("the cluster takes writes again");
    Ok(())
}
