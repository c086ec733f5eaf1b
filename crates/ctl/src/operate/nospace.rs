//! Bringing a cluster back that ran out of space: compact, defragment, verify, disarm, write.

use std::time::Duration;

use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;
use etcd::{HttpTarget, Member};
use pb::alarm_request::AlarmAction;

use super::census::Census;
use super::defrag::{self, Options, Plan, Told};
use crate::failure::Failure;
use crate::print::human;
use crate::session::Session;

/// Part of the quota that a file may fill for the alarm to be ended: with less room it is soon
/// raised again.
const MAX_FILLED: f64 = 0.9;
/// Longest time for the compaction, which ends when the entries are gone from the file.
const COMPACT_LIMIT: Duration = Duration::from_mins(10);
/// What is written and deleted again to see that writes are taken.
const TEST_KEY: &str = "etcd-monitor/nospace-recover";

/// What is known before anything is done.
#[derive(Debug)]
pub struct Recovery {
    /// The cluster.
    pub census: Census,
    /// Members that raised the alarm.
    pub alarmed: Vec<u64>,
    /// Up to where to compact.
    pub revision: i64,
    /// How the members are defragmented.
    pub plan: Plan,
    /// Size at which writes are refused, of each member of the census that tells.
    pub quotas: Vec<(u64, Option<u64>)>,
}

impl Recovery {
    /// Looks at the cluster; `None` when no alarm stands. `keep` revisions stay readable.
    pub async fn plan(
        session: &Session,
        keep: i64,
        options: &Options,
    ) -> Result<Option<Self>, Failure> {
        let census = Census::take(session).await?;
        let nospace = census.alarms.iter().filter(|alarm| alarm.alarm() == pb::AlarmType::Nospace);
        let alarmed: Vec<u64> = nospace.map(|alarm| alarm.member_id).collect();
        if alarmed.is_empty() {
            return Ok(None);
        }
        let plan = Plan::new(&census, options)?;
        let revisions = census.seats.iter().filter_map(|seat| seat.status.as_ref().ok());
        let newest =
            revisions.filter_map(|status| status.header).map(|header| header.revision).max();
        let mut quotas = Vec::new();
        for seat in &census.seats {
            quotas.push((seat.listed.id, quota(session, seat).await));
        }
        let newest = newest.unwrap_or(0);
        if keep > 0 && keep >= newest {
            let text = format!("--keep-revisions {keep}: there are only {newest} revisions");
            return Err(Failure::bad_args(text)
                .with_detail("compaction is what makes room: keep fewer, or none"));
        }
        let revision = newest - keep.max(0);
        Ok(Some(Self { census, alarmed, revision, plan, quotas }))
    }

    /// Lines that say it to people.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for seat in &self.census.seats {
            let sizes = seat.sizes();
            let size = |part: f64| human::bytes(part as u64);
            let sizes = sizes.map_or("unknown".to_owned(), |sizes| {
                format!("{}, {} in use", size(sizes.db_size), size(sizes.db_size_in_use))
            });
            let quota = self.quota(seat.listed.id);
            let quota = quota.map_or("unknown".to_owned(), human::bytes);
            let alarm = if self.alarmed.contains(&seat.listed.id) { ", NOSPACE" } else { "" };
            lines.push(format!("{}: {sizes}, quota {quota}{alarm}", seat.shown()));
        }
        lines.push(format!(
            "1. compact up to revision {}: older versions of keys are gone then",
            self.revision
        ));
        lines.push("2. defragment each member, one at a time:".to_owned());
        lines.extend(self.plan.lines(&self.census).into_iter().map(|line| format!("   {line}")));
        lines.push("3. verify that each file is smaller than 90 % of its quota".to_owned());
        lines.push("4. end the alarm".to_owned());
        lines.push(format!("5. write and delete the key {TEST_KEY}"));
        lines
    }

    fn quota(&self, id: u64) -> Option<u64> {
        self.quotas.iter().find(|(one, _)| *one == id).and_then(|(_, quota)| *quota)
    }

    /// Does it; stops before the alarm is ended if that would only raise it again.
    pub async fn run(
        &self,
        session: &Session,
        options: &Options,
        told: &mut impl Told,
    ) -> Result<(), Failure> {
        told.progress(&format!("compacting up to revision {}", self.revision));
        let request = pb::CompactionRequest { revision: self.revision, physical: true };
        match session.change_within(&rpc::COMPACT, request, COMPACT_LIMIT).await {
            Err(failure) if !failure.message.ends_with("has been compacted") => {
                return Err(failure);
            }
            _ => {}
        }
        defrag::run(session, &self.plan, options, told).await?;
        let census = Census::take(session).await?;
        self.verify(&census, told)?;
        told.progress("ending the alarm");
        for alarm in &census.alarms {
            if alarm.alarm() != pb::AlarmType::Nospace {
                continue;
            }
            let request = pb::AlarmRequest {
                action: AlarmAction::Deactivate as i32,
                member_id: alarm.member_id,
                alarm: alarm.alarm,
            };
            session.change(&rpc::ALARM, request).await?;
        }
        told.progress("writing a key");
        let put = pb::PutRequest { key: TEST_KEY.into(), ..pb::PutRequest::default() };
        session.change(&rpc::PUT, put).await.map_err(|failure| {
            failure.with_detail("the alarm was ended, but the cluster does not take a write")
        })?;
        let delete =
            pb::DeleteRangeRequest { key: TEST_KEY.into(), ..pb::DeleteRangeRequest::default() };
        session.change(&rpc::DELETE_RANGE, delete).await?;
        Ok(())
    }

    fn verify(&self, census: &Census, told: &mut impl Told) -> Result<(), Failure> {
        for seat in &census.seats {
            let (Some(sizes), Some(quota)) = (seat.sizes(), self.quota(seat.listed.id)) else {
                told.progress(&format!("{}: its quota is not known", seat.shown()));
                continue;
            };
            let share = sizes.db_size / quota as f64;
            told.progress(&format!("{}: {:.0} % of its quota", seat.shown(), share * 100.0));
            if share >= MAX_FILLED {
                let size = human::bytes(sizes.db_size as u64);
                return Err(Failure::error(format!(
                    "{} still fills {:.0} % of its quota ({size} of {})",
                    seat.shown(),
                    share * 100.0,
                    human::bytes(quota)
                ))
                .with_detail(
                    "the alarm stands still; delete keys, which it allows, and do this again, or \
                     restart the members with a larger --quota-backend-bytes",
                ));
            }
        }
        Ok(())
    }
}

/// The quota of a member: from its status, or before 3.6 from its metrics.
async fn quota(session: &Session, seat: &super::Seat) -> Option<u64> {
    if let Some(quota) = seat.sizes().and_then(|sizes| sizes.db_quota) {
        return Some(quota as u64);
    }
    metric(session, seat.member.as_ref()?, "etcd_server_quota_backend_bytes").await
}

async fn metric(session: &Session, member: &Member, name: &str) -> Option<u64> {
    let page = HttpTarget::of_member("/metrics");
    let reply = member.http_get(&page, session.timeout, 16 << 20).await.ok()?;
    let text = String::from_utf8_lossy(&reply.body);
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    value.trim().parse::<f64>().ok().map(|value| value as u64)
}
