//! Every member asked by itself, at once: who leads, who lags, who does not answer.

use std::time::Duration;

use etcd::wire::etcdserverpb as pb;
use etcd::wire::rpc;
use etcd::{Endpoint, Member};
use futures::future::join_all;

use super::quorum::Quorum;
use super::rule::Sizes;
use crate::failure::{Failure, error_text};
use crate::session::{Session, persist};

/// Longest time for one member's answer, unless the command's time is shorter: the others have long
/// answered then.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// Entries behind the leader from which on a member is no longer counted as following: etcd itself
/// takes that for a member that is ready.
pub const MAX_LAG: u64 = 5000;

/// A cluster at one moment.
#[derive(Debug)]
pub struct Census {
    /// The members, in the order of the list.
    pub seats: Vec<Seat>,
    /// The alarms that stand.
    pub alarms: Vec<pb::AlarmMember>,
}

/// One member and what it says of itself.
#[derive(Debug)]
pub struct Seat {
    /// As the cluster lists it.
    pub listed: pb::Member,
    /// Where it was asked; empty until it has started.
    pub endpoint: String,
    /// Its own connection.
    pub member: Option<Member>,
    /// What it says, or why it says nothing.
    pub status: Result<pb::StatusResponse, String>,
}

impl Census {
    /// Asks every member that the cluster lists.
    pub async fn take(session: &Session) -> Result<Self, Failure> {
        let request = pb::MemberListRequest { linearizable: true };
        let list = match session.read(&rpc::MEMBER_LIST, request).await {
            Ok(list) => list,
            // Without a quorum, what one member knows is better than nothing.
            Err(failure) => {
                let request = pb::MemberListRequest { linearizable: false };
                session.read(&rpc::MEMBER_LIST, request).await.map_err(|_| failure)?
            }
        };
        let limit = session.timeout.min(ANSWER_LIMIT);
        let seats = join_all(list.members.into_iter().map(|listed| ask(session, listed, limit)));
        let given = join_all(session.members().iter().map(|member| async move {
            (member, member.call(&rpc::STATUS, pb::StatusRequest {}, limit).await.ok())
        }));
        let alarms = session.read(&rpc::ALARM, pb::AlarmRequest::default());
        let (mut seats, given, alarms) = tokio::join!(seats, given, alarms);
        // What members advertise may not be reachable from here, while what was given is.
        for ((member, status), text) in given.into_iter().zip(session.endpoint_texts()) {
            let Some(status) = status else { continue };
            let id = status.header.map_or(0, |header| header.member_id);
            let missing =
                seats.iter_mut().find(|seat| seat.listed.id == id && seat.status.is_err());
            if let Some(seat) = missing {
                (seat.endpoint, seat.member) = (text.clone(), Some(member.clone()));
                seat.status = Ok(status);
            }
        }
        Ok(Self { seats, alarms: alarms.map(|answer| answer.alarms).unwrap_or_default() })
    }

    /// The member that leads, by its own word and that of most.
    pub fn leader(&self) -> Option<&Seat> {
        let leaders = self.seats.iter().filter(|seat| seat.is_leader());
        leaders.max_by_key(|seat| seat.status.as_ref().map_or(0, |status| status.raft_term))
    }

    /// Entries that a member has not applied of those that the leader has committed; `None` when
    /// either is not known.
    pub fn lag(&self, seat: &Seat) -> Option<u64> {
        let committed = self.leader()?.status.as_ref().ok()?.raft_index;
        let applied = seat.status.as_ref().ok()?.raft_applied_index;
        Some(committed.saturating_sub(applied))
    }

    /// Why a member is not well; `None` when it is.
    pub fn trouble(&self, seat: &Seat) -> Option<String> {
        let status = match &seat.status {
            Ok(status) => status,
            Err(why) => return Some(why.clone()),
        };
        if status.leader == 0 {
            return Some("has no leader".to_owned());
        }
        if let Some(leader) = self.leader()
            && leader.listed.id != status.leader
        {
            return Some(format!("follows {:x}, not the leader", status.leader));
        }
        if let Some(lag) = self.lag(seat).filter(|lag| *lag > MAX_LAG) {
            return Some(format!("is {lag} entries behind"));
        }
        let alarms = self.alarms.iter().filter(|alarm| alarm.member_id == seat.listed.id);
        let names: Vec<_> = alarms.map(|alarm| alarm.alarm().as_str_name()).collect();
        (!names.is_empty()).then(|| format!("has the alarm {}", names.join(" and ")))
    }

    /// The arithmetic of its votes; alarms do not cost a vote.
    pub fn quorum(&self) -> Quorum {
        let voters: Vec<_> = self.seats.iter().filter(|seat| !seat.listed.is_learner).collect();
        let healthy = voters.iter().filter(|seat| self.has_vote(seat)).count();
        Quorum { voters: voters.len(), healthy }
    }

    /// Whether a voting member answers and follows.
    pub fn has_vote(&self, seat: &Seat) -> bool {
        let leader = self.leader().map(|leader| leader.listed.id);
        let follows = |status: &pb::StatusResponse| Some(status.leader) == leader;
        !seat.listed.is_learner && seat.status.as_ref().is_ok_and(follows)
    }

    /// The member that `text` names, by ID in hexadecimal or by name.
    pub fn find(&self, text: &str) -> Result<&Seat, Failure> {
        let by_id = |seat: &&Seat| format!("{:x}", seat.listed.id) == text.to_lowercase();
        let by_name = |seat: &&Seat| !text.is_empty() && seat.listed.name == text;
        let found = self.seats.iter().find(by_id).or_else(|| self.seats.iter().find(by_name));
        found.ok_or_else(|| {
            let known: Vec<_> = self.seats.iter().map(Seat::shown).collect();
            Failure::bad_args(format!("no member has the ID or name {text:?}"))
                .with_detail(format!("the members are {}", known.join(", ")))
        })
    }
}

impl Seat {
    /// Whether it leads, by its own word.
    pub fn is_leader(&self) -> bool {
        let id = self.listed.id;
        self.status.as_ref().is_ok_and(|status| status.leader == id && id != 0)
    }

    /// How it is named to people, such as `m1 (b5aa2546e8364707)`.
    pub fn shown(&self) -> String {
        let name = if self.listed.name.is_empty() { "unstarted" } else { &self.listed.name };
        format!("{name} ({:x})", self.listed.id)
    }

    /// `leader`, `follower`, `learner`, or what it is when it does not say.
    pub fn role(&self) -> &'static str {
        if self.listed.is_learner {
            "learner"
        } else if self.listed.name.is_empty() {
            "unstarted"
        } else if self.is_leader() {
            "leader"
        } else if self.status.is_ok() {
            "follower"
        } else {
            "voter"
        }
    }

    /// Its sizes, if it says.
    pub fn sizes(&self) -> Option<Sizes> {
        let status = self.status.as_ref().ok()?;
        Some(Sizes {
            db_size: status.db_size as f64,
            db_size_in_use: status.db_size_in_use as f64,
            db_quota: (status.db_size_quota > 0).then_some(status.db_size_quota as f64),
        })
    }
}

/// Asks one member at each of its addresses until one answers.
async fn ask(session: &Session, listed: pb::Member, limit: Duration) -> Seat {
    let mut seat = Seat {
        endpoint: String::new(),
        member: None,
        status: Err("has not started yet".to_owned()),
        listed,
    };
    for url in seat.listed.client_urls.clone() {
        let endpoint = match session.reached_at(&url) {
            Ok(endpoint) => endpoint,
            Err(error) => {
                seat.status = Err(error.to_string());
                continue;
            }
        };
        let member = known(session, &endpoint);
        let answer = persist(limit, async |left| {
            member.call(&rpc::STATUS, pb::StatusRequest {}, left).await
        });
        seat.status = answer.await.map_err(|error| {
            let text = error_text(&error);
            if error.server_said().is_some() { text } else { error.message().to_owned() }
        });
        seat.endpoint = url;
        seat.member = Some(member);
        if seat.status.is_ok() {
            break;
        }
    }
    seat
}

/// A connection to the endpoint: the session's own if it has one, which may be open already.
fn known(session: &Session, endpoint: &Endpoint) -> Member {
    let members = session.members().iter();
    let own = members.clone().find(|member| member.endpoint() == endpoint);
    own.cloned().unwrap_or_else(|| session.connector().member(endpoint.clone()))
}
