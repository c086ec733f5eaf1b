//! What is true of a simulated cluster at a moment: leader, term, revision, alarms.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard};

use etcd_proto::etcdserverpb::{AlarmMember, AlarmType};
use tokio::time::Instant;

/// Revision at the start: a cluster that has been in use for a while.
const FIRST_REVISION: u64 = 1_000_000;
/// Raft's index is ahead of the revision by the entries that write no key.
const INDEX_LEAD: u64 = 52_000;
const FIRST_TERM: u64 = 7;

/// Who a member is.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) address: SocketAddr,
}

impl Identity {
    pub(super) fn new(cluster: &str, position: usize, address: SocketAddr) -> Self {
        let name = format!("{cluster}-{position}");
        Self { id: identifier(&name), name, address }
    }
}

/// An ID that looks like etcd's and is the same in every run (FNV-1a, then stirred).
fn identifier(name: &str) -> u64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let stirred = (hash ^ (hash >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    stirred ^ (stirred >> 29)
}

/// One cluster; shared by its members.
#[derive(Debug)]
pub(super) struct ClusterState {
    name: String,
    id: u64,
    members: Vec<Identity>,
    writes_per_second: f64,
    raft: Mutex<Raft>,
}

#[derive(Debug)]
struct Raft {
    leader: Option<usize>,
    term: u64,
    elections: u64,
    /// Members that are killed or paused.
    absent: Vec<bool>,
    /// Member by position, alarm by its number in the protocol.
    alarms: BTreeSet<(usize, i32)>,
    /// Writes until `writing_since`.
    written: f64,
    /// Since when the clients' writes go through; none do without a leader.
    writing_since: Option<Instant>,
}

/// What a member knows of its cluster at a moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    /// 0 for none.
    pub(super) leader_id: u64,
    pub(super) is_leader: bool,
    pub(super) term: u64,
    pub(super) elections: u64,
    pub(super) revision: u64,
    pub(super) index: u64,
}

impl ClusterState {
    pub(super) fn new(name: String, members: Vec<Identity>, writes_per_second: f64) -> Self {
        let raft = Raft {
            leader: None,
            term: FIRST_TERM,
            elections: 0,
            absent: vec![false; members.len()],
            alarms: BTreeSet::new(),
            written: 0.0,
            writing_since: None,
        };
        let state = Self {
            id: identifier(&name),
            name,
            members,
            writes_per_second,
            raft: Mutex::new(raft),
        };
        state.settle(&mut state.raft());
        state
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn members(&self) -> &[Identity] {
        &self.members
    }

    pub(super) fn leader(&self) -> Option<usize> {
        self.raft().leader
    }

    pub(super) fn view(&self, index: usize) -> View {
        let raft = self.raft();
        let revision = FIRST_REVISION + raft.writes(self.writes_per_second) as u64;
        View {
            leader_id: raft.leader.map_or(0, |leader| self.members[leader].id),
            is_leader: raft.leader == Some(index),
            term: raft.term,
            elections: raft.elections,
            revision,
            index: revision + INDEX_LEAD + raft.term,
        }
    }

    /// Counts a write of a client that is real.
    pub(super) fn write(&self) {
        self.raft().written += 1.0;
    }

    pub(super) fn set_absent(&self, index: usize, absent: bool) {
        let mut raft = self.raft();
        raft.absent[index] = absent;
        self.settle(&mut raft);
    }

    pub(super) fn set_leader(&self, index: usize) {
        let mut raft = self.raft();
        if raft.leader.is_some_and(|leader| leader != index)
            && raft.absent.get(index) == Some(&false)
        {
            raft.elect(index);
        }
    }

    pub(super) fn raise_alarm(&self, index: usize, alarm: i32) {
        self.raft().alarms.insert((index, alarm));
    }

    /// Disarms the alarms of one member or all, of one type or all; returns what was disarmed.
    pub(super) fn disarm_alarms(
        &self,
        member_id: Option<u64>,
        alarm: Option<AlarmType>,
    ) -> Vec<AlarmMember> {
        let mut disarmed = Vec::new();
        self.raft().alarms.retain(|&(index, raised)| {
            let id = self.members[index].id;
            let matches = member_id.is_none_or(|wanted| wanted == id)
                && alarm.is_none_or(|wanted| i32::from(wanted) == raised);
            if matches {
                disarmed.push(AlarmMember { member_id: id, alarm: raised });
            }
            !matches
        });
        disarmed
    }

    pub(super) fn alarms(&self) -> Vec<AlarmMember> {
        let id = |index: usize| self.members[index].id;
        let alarms = &self.raft().alarms;
        alarms.iter().map(|&(index, alarm)| AlarmMember { member_id: id(index), alarm }).collect()
    }

    pub(super) fn has_alarm(&self, alarm: AlarmType) -> bool {
        self.raft().alarms.iter().any(|&(_, raised)| raised == i32::from(alarm))
    }

    fn raft(&self) -> MutexGuard<'_, Raft> {
        self.raft.lock().expect("invariant: no holder of this lock panics")
    }

    /// Draws the consequences of members coming and going.
    fn settle(&self, raft: &mut Raft) {
        let present = raft.absent.iter().filter(|absent| !**absent).count();
        let has_quorum = present > self.members.len() / 2;
        let lost_leader = raft.leader.is_some_and(|leader| raft.absent[leader]);
        if lost_leader || !has_quorum {
            raft.leader = None;
        }
        if has_quorum && raft.leader.is_none() {
            let first = raft.absent.iter().position(|absent| !absent);
            raft.elect(first.expect("invariant: a quorum has a member"));
        }
        if raft.leader.is_none() {
            raft.written = raft.writes(self.writes_per_second);
            raft.writing_since = None;
        } else {
            raft.writing_since.get_or_insert_with(Instant::now);
        }
    }
}

impl Raft {
    fn writes(&self, per_second: f64) -> f64 {
        let since = self.writing_since.map_or(0.0, |since| since.elapsed().as_secs_f64());
        self.written + since * per_second
    }

    fn elect(&mut self, index: usize) {
        self.leader = Some(index);
        self.term += 1;
        self.elections += 1;
    }
}
