//! `alarm`: what the cluster raises when it is full or its members differ.

use etcd::wire::etcdserverpb as pb;
use etcd::wire::etcdserverpb::alarm_request::AlarmAction;
use etcd::wire::rpc;

use super::Command;
use crate::answer::Alarms;
use crate::call::Call;
use crate::failure::Failure;
use crate::session::Session;

/// `alarm`.
pub(super) const ALARM: Command =
    Command::group("alarm", "alarm <subcommand>", "Alarm related commands", &[&DISARM, &LIST]);

const DISARM: Command =
    Command::new("disarm", "disarm", "Disarms all alarms", |call| Box::pin(disarm(call)));

const LIST: Command = Command::new("list", "list", "Lists all alarms", |call| Box::pin(list(call)));

async fn list(call: &mut Call<'_>) -> Result<(), Failure> {
    if !call.args.is_empty() {
        return Err(Failure::bad_args("alarm list command accepts no arguments"));
    }
    let session = call.session().await?;
    let answer = session.read(&rpc::ALARM, pb::AlarmRequest::default()).await?;
    call.print(&Alarms(&answer))
}

async fn disarm(call: &mut Call<'_>) -> Result<(), Failure> {
    if !call.args.is_empty() {
        return Err(Failure::bad_args("alarm disarm command accepts no arguments"));
    }
    let session = call.session().await?;
    let ended = disarm_all(&session).await?;
    call.print(&Alarms(&ended))
}

/// Ends all alarms; answers those that it ended.
pub(super) async fn disarm_all(session: &Session) -> Result<pb::AlarmResponse, Failure> {
    let standing = session.read(&rpc::ALARM, pb::AlarmRequest::default()).await?;
    // As Go's client, which answers without a header here.
    let mut ended = pb::AlarmResponse::default();
    for alarm in standing.alarms {
        let request = pb::AlarmRequest {
            action: AlarmAction::Deactivate as i32,
            member_id: alarm.member_id,
            alarm: alarm.alarm,
        };
        let answer = session.change(&rpc::ALARM, request).await?;
        ended.alarms.extend(answer.alarms);
    }
    Ok(ended)
}
