//! `defrag`: gives free pages back to the disk.

use std::time::Duration;

use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;
use tokio::time::Instant;

use super::Command;
use super::endpoint::{CLUSTER, Target, targets};
use crate::call::Call;
use crate::compat::Compat;
use crate::confirm::{DRY_RUN, Silence, YES, confirm, is_wanted};
use crate::failure::{Failure, error_text, exit};
use crate::go;
use crate::operate::defrag::{self, Options, Plan, Told};
use crate::operate::{Census, Rule};
use crate::parse::Flag;
use crate::session::{Session, persist};

/// `defrag`.
pub(super) const DEFRAG: Command = Command::new(
    "defrag",
    "defrag",
    "Defragments the storage of the etcd members with given endpoints",
    |call| Box::pin(run(call)),
)
.long(
    "\
A member answers nothing while it is defragmented. With --cluster, or with --safe, all members are
taken one at a time: only if the cluster is well, learners and followers first, the leader last and
after leadership has moved, each back in step before the next; the first failure ends it. A rule such
as --if 'dbSizeInUse < 0.5*dbSize && dbSize > 100MB' spares members that have little to give back; it
knows dbSize, dbSizeInUse, dbSizeFree, dbQuota, numbers with units (kB, MB, GB, KiB, MiB, GiB, %),
+ - * /, comparisons, &&, ||, ! and parentheses.",
)
.flags(&[
    CLUSTER,
    DRY_RUN,
    Flag::text("if", "", "only members of which this rule holds").ours(),
    Flag::duration("interval", "0s", "shortest time between two members").ours(),
    Flag::bool("safe", "all members, in the safe order; the default with --cluster").ours(),
    WAIT,
    YES,
]);

/// How long to wait for a member that must catch up.
pub(super) const WAIT: Flag =
    Flag::duration("wait", "2m", "longest time for a member to catch up, or leadership to move")
        .ours();

const QUESTION: &str = "Defragment them?";
/// Longest time for one member unless `--command-timeout` is given: a file of 8 GB takes minutes.
const LIMIT: Duration = Duration::from_mins(30);

async fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    let is_safe = if call.flags.is_given("safe") {
        call.flags.bool("safe")
    } else {
        call.flags.bool("cluster") || !call.flags.text("if").is_empty()
    };
    let rule = call.flags.text("if").into_owned();
    if !is_safe && !rule.is_empty() {
        return Err(Failure::bad_args("--if needs --safe, which is off"));
    }
    let rule = if rule.is_empty() { None } else { Some(parse(&rule)?) };
    let session = call.session().await?;
    if !is_safe {
        let targets = targets(call, &session).await?;
        let line = |target: &Target| {
            format!("defragment {}, which answers nothing meanwhile", target.text)
        };
        let plan: Vec<String> = targets.iter().map(line).collect();
        if is_wanted(call) && !confirm(call, &plan, QUESTION, Silence::MeansYes)? {
            return Ok(());
        }
        return one_after_the_other(call, &session, &targets).await;
    }
    let options = options(call, &session, rule, false);
    let census = Census::take(&session).await?;
    let plan = Plan::new(&census, &options)?;
    let mut lines = plan.lines(&census);
    if plan.steps.is_empty() {
        lines.push("no member is to be defragmented".to_owned());
    }
    if !confirm(call, &lines, QUESTION, Silence::MeansYes)? {
        return Ok(());
    }
    defrag::run(&session, &plan, &options, &mut Teller(call)).await
}

/// Reads a rule.
fn parse(rule: &str) -> Result<Rule, Failure> {
    Rule::parse(rule).map_err(|why| Failure::bad_args(format!("--if is not understood: {why}")))
}

/// The options that the flags give.
pub(super) fn options(
    call: &Call<'_>,
    session: &Session,
    rule: Option<Rule>,
    is_full: bool,
) -> Options {
    Options {
        rule,
        interval: call.flags.duration("interval"),
        limit: if session.timeout_is_given { session.timeout } else { LIMIT },
        wait: call.flags.duration("wait"),
        is_full,
    }
}

/// Tells a person what goes on, and scripts what etcdctl would.
pub(super) struct Teller<'a, 'b>(pub(super) &'a mut Call<'b>);

impl Told for Teller<'_, '_> {
    fn progress(&mut self, text: &str) {
        self.0.io.complain(text);
    }

    fn finished(&mut self, endpoint: &str, took: Duration) {
        let took = shown(took, self.0.compat);
        self.0.say(&format!("Finished defragmenting etcd member[{endpoint}]{took}"));
        // What cannot be written now fails at the end.
        let _ = self.0.flush();
    }
}

fn shown(took: Duration, compat: Compat) -> String {
    if compat >= Compat::V3_6 {
        format!(". took {}", go::show_duration(took))
    } else {
        String::new()
    }
}

/// As etcdctl does it: in the order given, whatever becomes of each.
async fn one_after_the_other(
    call: &mut Call<'_>,
    session: &Session,
    targets: &[Target],
) -> Result<(), Failure> {
    let mut has_failed = false;
    for target in targets {
        let start = Instant::now();
        let outcome = persist(session.timeout, async |left| {
            target.member.call(&rpc::DEFRAGMENT, pb::DefragmentRequest {}, left).await
        })
        .await;
        let (endpoint, compat) = (&target.text, call.compat);
        let took = shown(start.elapsed(), compat);
        match outcome {
            Ok(_) => call.say(&format!("Finished defragmenting etcd member[{endpoint}]{took}")),
            Err(error) => {
                let why = error_text(&error);
                let dot = if took.is_empty() { "" } else { "." };
                let text =
                    format!("Failed to defragment etcd member[{endpoint}]{took}{dot} ({why})");
                call.io.complain(&text);
                has_failed = true;
            }
        }
        call.flush()?;
    }
    if has_failed { Err(Failure::silent(exit::ERROR)) } else { Ok(()) }
}
