//! `move-leader`: hands leadership to another member.

use etcd::ErrorClass;
use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;
use model::id::MemberId;

use super::Command;
use super::endpoint::{statuses, targets};
use super::member_id::parse;
use crate::answer::LeaderMoved;
use crate::call::Call;
use crate::failure::Failure;

/// `move-leader`.
pub(super) const MOVE_LEADER: Command = Command::new(
    "move-leader",
    "move-leader <transferee-member-id>",
    "Transfers leadership to another etcd cluster member",
    |call| Box::pin(run(call)),
);

async fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    if call.args.len() != 1 {
        return Err(Failure::bad_args("move-leader command needs 1 argument"));
    }
    let target = parse(&call.arg(0)).map_err(Failure::bad_args)?;
    let session = call.session().await?;
    let targets = targets(call, &session).await?;
    // All at once: a member that is down does not hide the leader behind it.
    let answers = statuses(&targets, session.timeout).await;
    let mut error = None;
    let mut leader = None;
    for (one, answer) in targets.iter().zip(answers) {
        match answer {
            Ok(status) => {
                let member = status.header.map_or(0, |header| header.member_id);
                if status.leader != 0 && status.leader == member {
                    leader = Some((one, member));
                }
            }
            Err(failed) => error = error.or(Some(failed)),
        }
    }
    let Some((leader, from)) = leader else {
        if let Some(error) = error.filter(|error| error.class() != ErrorClass::NoLeader) {
            return Err(error.into());
        }
        let endpoints = session.endpoint_texts().join(" ");
        return Err(Failure::bad_args(format!("no leader endpoint given at [{endpoints}]"))
            .with_detail("only the leader takes this; give its endpoint too"));
    };
    let request = pb::MoveLeaderRequest { target_id: target };
    let answer = leader.member.call(&rpc::MOVE_LEADER, request, session.timeout).await?;
    call.print(&LeaderMoved(MemberId(from), MemberId(target), &answer))
}
