//! Which members a cluster has, and what happened to the list.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use etcd::{MemberInfo, MemberList};
use jiff::Timestamp;
use model::finding::MemberRef;
use model::id::MemberId;
use model::membership::{MembershipChange, MembershipChangeKind};

use crate::picture::{self, QuorumRead};
use crate::sweep::Sweep;

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
/// that the member has, and one that was removed may have an old one), then the one asked for last.
fn agreed_list(sweep: &Sweep) -> Option<&MemberList> {
    let cluster = picture::cluster_id(sweep);
    let lists = sweep.members.iter().filter_map(|member| {
        let call = member.members.since(sweep.started_at)?;
        let list = call.result.as_ref().ok()?;
        let is_of_ours = cluster.is_none_or(|cluster| list.header.cluster_id == cluster);
        let reads = picture::quorum_read(sweep, member) == QuorumRead::Succeeded;
        is_of_ours.then_some(((reads, call.sent_at), list))
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
    use super::*;

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

    #[test]
    fn the_same_list_is_no_change() {
        let list = [member(1, "a", false), member(2, "b", false)];
        assert!(words(&list, &list).is_empty());
    }
}
