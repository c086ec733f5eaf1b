//! `endpoint`: each endpoint by itself, all at once.

use std::time::Duration;

use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;
use etcd::{Error, ErrorClass, Member};
use futures::future::join_all;
use tokio::time::Instant;

use super::Command;
use crate::answer::{Answer as _, HashRow, Hashes, HealthRow, Healths, StatusRow, Statuses};
use crate::call::Call;
use crate::compat::Compat;
use crate::failure::{Failure, error_text, exit};
use crate::parse::Flag;
use crate::print::Format;
use crate::session::{Session, persist};

/// `endpoint`.
pub(super) const ENDPOINT: Command = Command::group(
    "endpoint",
    "endpoint <subcommand>",
    "Endpoint related commands",
    &[&HASH_KV, &HEALTH, &STATUS],
)
.persistent(&[CLUSTER]);

/// The flag that takes the endpoints from the cluster.
pub(super) const CLUSTER: Flag = Flag::bool(
    "cluster",
    "ask all members that the cluster lists, where they say that they answer",
);

const HASH_KV: Command = Command::new(
    "hashkv",
    "hashkv",
    "Prints the KV history hash for each endpoint in --endpoints",
    |call| Box::pin(hash_kv(call)),
)
.flags(&[Flag::int("rev", "0", "newest revision to hash; 0 for the newest there is")]);

const HEALTH: Command = Command::new(
    "health",
    "health",
    "Checks the healthiness of endpoints specified in `--endpoints` flag",
    |call| Box::pin(health(call)),
);

const STATUS: Command = Command::new(
    "status",
    "status",
    "Prints out the status of endpoints specified in `--endpoints` flag",
    |call| Box::pin(status(call)),
)
.long(
    "\
In the format simple each line has endpoint, ID, version, storage version, size of the database, part
in use, percentage not in use, quota, is leader, is learner, raft term, raft index, raft applied
index, errors, downgrade target version, downgrade enabled. Before 3.6 there were fewer.",
);

/// An endpoint as it was given, and its own connection.
pub(super) struct Target {
    pub(super) text: String,
    pub(super) member: Member,
}

/// The endpoints to ask: those that were given, or with `--cluster` all of the cluster's.
pub(super) async fn targets(call: &Call<'_>, session: &Session) -> Result<Vec<Target>, Failure> {
    if !call.flags.bool("cluster") {
        let texts = session.endpoint_texts().iter().cloned();
        let members = session.members().iter().cloned();
        return Ok(texts.zip(members).map(|(text, member)| Target { text, member }).collect());
    }
    let request = pb::MemberListRequest { linearizable: true };
    let list = session.read(&rpc::MEMBER_LIST, request).await.map_err(|mut failure| {
        failure.message =
            format!("failed to fetch endpoints from etcd cluster member list: {}", failure.message);
        failure
    })?;
    let urls = list.members.into_iter().flat_map(|member| member.client_urls);
    urls.map(|text| {
        let endpoint = session
            .reached_at(&text)
            .map_err(|error| Failure::new(exit::BAD_CONNECTION, error.to_string()))?;
        Ok(Target { text, member: session.connector().member(endpoint) })
    })
    .collect()
}

async fn health(call: &mut Call<'_>) -> Result<(), Failure> {
    let session = call.session().await?;
    let targets = targets(call, &session).await?;
    let asks_alarms = call.compat >= Compat::V3_5;
    let rows = join_all(targets.iter().map(|target| examine(target, asks_alarms, session.timeout)));
    let rows = rows.await;
    if call.format() == Format::Simple {
        for complaint in rows.iter().filter_map(HealthRow::complaint) {
            call.io.complain(&complaint);
        }
    }
    if call.format() == Format::Simple && call.compat == Compat::V3_4 {
        // There all of it was for standard error.
        let mut lines = Vec::new();
        Healths(&rows).simple(*call.style(), &mut lines);
        for line in String::from_utf8_lossy(&lines).lines() {
            call.io.complain(line);
        }
    } else {
        call.print(&Healths(&rows))?;
    }
    if rows.iter().any(|row| !row.error.is_empty()) {
        return Err(Failure::error("unhealthy cluster"));
    }
    Ok(())
}

async fn examine(target: &Target, asks_alarms: bool, limit: Duration) -> HealthRow {
    let start = Instant::now();
    let request = pb::RangeRequest { key: "health".into(), ..pb::RangeRequest::default() };
    let read =
        persist(limit, async |left| target.member.call(&rpc::RANGE, request.clone(), left).await);
    let mut error = match read.await {
        Ok(_) => String::new(),
        // The member asked a quorum before it refused.
        Err(error) if error.class() == ErrorClass::PermissionDenied => String::new(),
        Err(error) => error_text(&error),
    };
    let took = start.elapsed();
    if error.is_empty() && asks_alarms {
        let answer = target.member.call(&rpc::ALARM, pb::AlarmRequest::default(), limit).await;
        error = alarm_text(answer);
    }
    HealthRow { endpoint: target.text.clone(), took, error }
}

fn alarm_text(answer: Result<pb::AlarmResponse, Error>) -> String {
    match answer {
        Ok(answer) if answer.alarms.is_empty() => String::new(),
        Ok(answer) => {
            let names: Vec<&str> =
                answer.alarms.iter().map(|alarm| alarm.alarm().as_str_name()).collect();
            format!("Active Alarm(s): {} ", names.join(" "))
        }
        Err(_) => "Unable to fetch the alarm list".to_owned(),
    }
}

async fn status(call: &mut Call<'_>) -> Result<(), Failure> {
    let session = call.session().await?;
    let targets = targets(call, &session).await?;
    let answers = statuses(&targets, session.timeout).await;
    let mut rows = Vec::new();
    let mut has_failed = false;
    for (target, answer) in targets.iter().zip(answers) {
        match answer {
            Ok(status) => rows.push(StatusRow { endpoint: target.text.clone(), status }),
            Err(error) => {
                has_failed = true;
                let (endpoint, why) = (&target.text, error_text(&error));
                let text = format!("Failed to get the status of endpoint {endpoint} ({why})");
                call.io.complain(&text);
            }
        }
    }
    call.print(&Statuses(&rows))?;
    if has_failed { Err(Failure::silent(exit::ERROR)) } else { Ok(()) }
}

/// The state of each target, asked at once, in their order.
pub(super) async fn statuses(
    targets: &[Target],
    limit: Duration,
) -> Vec<Result<pb::StatusResponse, Error>> {
    join_all(targets.iter().map(|target| {
        persist(limit, async |left| {
            target.member.call(&rpc::STATUS, pb::StatusRequest {}, left).await
        })
    }))
    .await
}

async fn hash_kv(call: &mut Call<'_>) -> Result<(), Failure> {
    let revision = call.flags.int("rev");
    let session = call.session().await?;
    let targets = targets(call, &session).await?;
    let answers = join_all(targets.iter().map(|target| {
        persist(session.timeout, async |left| {
            let request = pb::HashKvRequest { revision };
            target.member.call(&rpc::HASH_KV, request, left).await
        })
    }))
    .await;
    let mut rows = Vec::new();
    let mut last = None;
    for (target, answer) in targets.iter().zip(answers) {
        match answer {
            Ok(hash) => rows.push(HashRow { endpoint: target.text.clone(), hash }),
            Err(error) => {
                let (endpoint, why) = (&target.text, error_text(&error));
                call.io.complain(&format!("Failed to get the hash of endpoint {endpoint} ({why})"));
                last = Some(error);
            }
        }
    }
    call.print(&Hashes(&rows))?;
    last.map_or(Ok(()), |error| Err(error.into()))
}
