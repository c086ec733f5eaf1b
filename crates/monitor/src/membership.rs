//! Which members a cluster has, and what happened to the list.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use etcd::{MemberInfo, MemberList};
use jiff::Timestamp;
use model::finding::MemberRef;
use model::id::MemberId;
use model::membership::{MembershipChange, MembershipChangeKind};

use crate::picture::{self, QuorumRead};
use crate::sweep::{MemberSweep, Sweep};

/// Entries kept.
pub(crate) const HISTORY: usize = 500;

/// Follows the member list from sweep to sweep.
#[derive(Debug, Default)]
pub struct MembershipTracker {
    members: BTreeMap<MemberId, MemberInfo>,
    /// The list that the quorum agreed on was seen at least once. Until then a local list, which
    /// may be old, is all there is, and differences to it are no changes.
    is_agreed: bool,
    history: Arc<VecDeque<MembershipChange>>,
}

impl MembershipTracker {
    /// A tracker that knows the changes that were recorded before, newest first.
    pub fn with_past(history: Vec<MembershipChange>) -> Self {
        Self { history: Arc::new(history.into()), ..Self::default() }
    }

    /// Takes the member list of a sweep and returns what changed.
    pub fn observe(&mut self, sweep: &Sweep, now: Timestamp) -> Vec<MembershipChange> {
        let (list, is_agreed) = match (agreed_list(sweep), local_list(sweep)) {
            (Some(list), _) => (list, true),
            // A local list may lag behind what was agreed: it only serves until there is better.
            (None, Some(list)) if !self.is_agreed => (list, false),
            _ => return Vec::new(),
        };
        let new: BTreeMap<MemberId, MemberInfo> =
            list.members.iter().map(|member| (member.id, member.clone())).collect();
        let changes =
            if self.is_agreed { differences(&self.members, &new, now) } else { Vec::new() };
        self.members = new;
        self.is_agreed |= is_agreed;
        if !changes.is_empty() {
            let history = Arc::make_mut(&mut self.history);
            for change in &changes {
                history.truncate(HISTORY - 1);
                history.push_front(change.clone());
            }
        }
        changes
    }

    /// The members as last known.
    pub fn members(&self) -> &BTreeMap<MemberId, MemberInfo> {
        &self.members
    }

    /// The changes, newest first.
    pub fn history(&self) -> Arc<VecDeque<MembershipChange>> {
        Arc::clone(&self.history)
    }
}

/// The list that the quorum agreed on, in the cluster to which most endpoints belong. Of several in
/// one sweep, the one of a member that also reads with the quorum (etcd 3.4 answers with the list
/// that the member has, and one that was removed may have an old one), then of those whose leader
/// most follow (a process with a copy of the data may lead a cluster of itself alone), then the one
/// asked for last.
fn agreed_list(sweep: &Sweep) -> Option<&MemberList> {
    let cluster = picture::cluster_id(sweep);
    let leader = |member: &MemberSweep| member.status.answer().and_then(|status| status.leader);
    let lists = sweep.members.iter().filter_map(|member| {
        let call = member.members.since(sweep.started_at)?;
        let list = call.result.as_ref().ok()?;
        let is_of_ours = cluster.is_none_or(|cluster| list.header.cluster_id == cluster);
        let reads = picture::quorum_read(sweep, member) == QuorumRead::Succeeded;
        let followers =
            sweep.members.iter().filter(|other| leader(other) == leader(member)).count();
        is_of_ours.then_some(((reads, followers, call.sent_at), list))
    });
    lists.max_by_key(|(rank, _)| *rank).map(|(_, list)| list)
}

/// The list as the member with the highest applied index has it.
fn local_list(sweep: &Sweep) -> Option<&MemberList> {
    let cluster = picture::cluster_id(sweep);
    let with_index = sweep.members.iter().filter_map(|member| {
        let list = member.local_members.answer()?;
        let index = member.status.answer().map_or(0, |status| status.raft_applied_index);
        let is_of_ours = cluster.is_none_or(|cluster| list.header.cluster_id == cluster);
        is_of_ours.then_some((index, list))
    });
    with_index.max_by_key(|(index, _)| *index).map(|(_, list)| list)
}

/// The name of a listed member; an unstarted one has none but its peer URL.
pub fn display_name(member: &MemberInfo) -> String {
    if !member.name.is_empty() {
        return member.name.clone();
    }
    member.peer_urls.first().cloned().unwrap_or_else(|| member.id.to_string())
}

fn reference(member: &MemberInfo) -> MemberRef {
    let url = member.client_urls.first().map_or("", String::as_str);
    let endpoint = url.split_once("://").map_or(url, |(_, rest)| rest).to_owned();
    MemberRef { id: Some(member.id), name: display_name(member), endpoint }
}

fn differences(
    old: &BTreeMap<MemberId, MemberInfo>,
    new: &BTreeMap<MemberId, MemberInfo>,
    at: Timestamp,
) -> Vec<MembershipChange> {
    use MembershipChangeKind as Kind;
    let change = |kind, member: &MemberInfo, detail: String| MembershipChange {
        at,
        kind,
        member: reference(member),
        detail,
    };
    let mut changes = Vec::new();
    for (id, member) in new {
        let Some(before) = old.get(id) else {
            let role = if member.is_learner { "as learner" } else { "as voter" };
            changes.push(change(Kind::Added, member, role.to_owned()));
            continue;
        };
        if before.is_learner && !member.is_learner {
            changes.push(change(Kind::Promoted, member, "from learner to voter".to_owned()));
        }
        let updates = updates(before, member);
        if !updates.is_empty() {
            changes.push(change(Kind::Updated, member, updates.join(", ")));
        }
    }
    for (_, member) in old.iter().filter(|(id, _)| !new.contains_key(id)) {
        changes.push(change(Kind::Removed, member, String::new()));
    }
    changes
}

fn updates(before: &MemberInfo, after: &MemberInfo) -> Vec<String> {
    let mut updates = Vec::new();
    if before.name != after.name {
        updates.push(match before.name.as_str() {
            "" => format!("started as {}", after.name),
            name => format!("name {name} is now {}", after.name),
        });
    }
    if before.peer_urls != after.peer_urls {
        updates.push(format!(
            "peer URLs {} are now {}",
            before.peer_urls.join(" "),
            after.peer_urls.join(" ")
        ));
    }
    // Client URLs appear when a member starts: that is told already.
    if before.client_urls != after.client_urls && !before.name.is_empty() {
        updates.push(format!(
            "client URLs {} are now {}",
            before.client_urls.join(" "),
            after.client_urls.join(" ")
        ));
    }
    updates
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use etcd::{Endpoint, Header, Scheme, Status};
    use model::id::ClusterId;

    use super::*;
    use crate::sweep::{Call, Observed};

    fn member(id: u64, name: &str, is_learner: bool) -> MemberInfo {
        MemberInfo {
            id: MemberId(id),
            name: name.to_owned(),
            peer_urls: vec![format!("http://10.0.0.{id}:2380")],
            client_urls: vec![format!("http://10.0.0.{id}:2379")],
            is_learner,
        }
    }

    fn words(old: &[MemberInfo], new: &[MemberInfo]) -> Vec<String> {
        let map = |members: &[MemberInfo]| members.iter().map(|m| (m.id, m.clone())).collect();
        differences(&map(old), &map(new), Timestamp::UNIX_EPOCH)
            .iter()
            .map(|c| format!("{} {} {}", c.kind.as_str(), c.member.name, c.detail))
            .collect()
    }

    #[test]
    fn a_learner_comes_starts_is_promoted_and_goes() {
        let base = [member(1, "a", false)];
        let unstarted = [member(1, "a", false), member(2, "", true)];
        let learner = [member(1, "a", false), member(2, "b", true)];
        let voter = [member(1, "a", false), member(2, "b", false)];
        assert_eq!(words(&base, &unstarted), ["added http://10.0.0.2:2380 as learner"]);
        assert_eq!(words(&unstarted, &learner), ["updated b started as b"]);
        assert_eq!(words(&learner, &voter), ["promoted b from learner to voter"]);
        assert_eq!(words(&voter, &base), ["removed b "]);
    }

    /// A sweep in which each member names this leader and has a list of these members; the last was
    /// asked last.
    fn sweep(says: &[(u64, &[u64])]) -> Sweep {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let of = |(index, (leader, ids)): (usize, &(u64, &[u64]))| {
            let id = index as u64 + 1;
            let (cluster_id, member_id) = (ClusterId(1), MemberId(id));
            let header = Header { cluster_id, member_id, revision: 1, raft_term: 3 };
            let status = Status {
                header,
                version: "3.7.0".into(),
                db_size_bytes: 1,
                db_size_in_use_bytes: None,
                leader: Some(MemberId(*leader)),
                raft_index: 1,
                raft_term: 3,
                raft_applied_index: 1,
                errors: Vec::new(),
                is_learner: false,
                storage_version: None,
                db_size_quota_bytes: None,
                downgrade: None,
            };
            let members = ids.iter().map(|id| member(*id, "m", false)).collect();
            fn said<T>(sent_at: Timestamp, answer: T) -> Observed<T> {
                let call = Call { sent_at, took: Duration::ZERO, result: Ok(answer) };
                Observed { last: Some(Arc::new(call)), waiting: None }
            }
            let sent_at = at(10 + id as i64);
            MemberSweep {
                status: said(sent_at, status),
                members: said(sent_at, MemberList { header, members }),
                linearizable_read: said(sent_at, header),
                ..MemberSweep::of(Endpoint::parse(&format!("m{id}:2379"), Scheme::Http).unwrap())
            }
        };
        let members = says.iter().enumerate().map(of).collect();
        Sweep {
            number: 1,
            started_at: at(10),
            closed_at: at(20),
            members,
            consistency: None,
            benchmark: None,
        }
    }

    #[test]
    fn a_copy_that_leads_itself_alone_does_not_change_the_list() {
        let mut tracker = MembershipTracker::default();
        let whole: &[u64] = &[1, 2, 3];
        tracker.observe(&sweep(&[(1, whole), (1, whole), (1, whole)]), Timestamp::UNIX_EPOCH);
        for says in [[(1, whole), (1, whole), (3, &[3])], [(3, &[3]), (1, whole), (1, whole)]] {
            assert_eq!(tracker.observe(&sweep(&says), Timestamp::UNIX_EPOCH), []);
            assert_eq!(tracker.members().len(), 3);
        }
    }

    #[test]
    fn the_same_list_is_no_change() {
        let list = [member(1, "a", false), member(2, "b", false)];
        assert!(words(&list, &list).is_empty());
    }
}
