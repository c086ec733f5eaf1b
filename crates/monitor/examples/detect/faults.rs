//! The faults: how each is made on a real cluster, what tells it, and how it is repaired.

use std::time::Duration;

use etcd::{Alarm, AlarmKind};
use model::finding::{Finding, FindingKind};
use model::id::MemberId;
use model::severity::Severity;
use testbed::faults::{CutOff, Fault as Guard, Part, lab};
use testbed::{Cluster, ClusterBuilder, EtcdVersion};
use tokio::time::Instant;

use crate::rig::Rig;

const CALL: Duration = Duration::from_secs(10);

/// A small quota, so that it is reached soon.
const QUOTA: u64 = 32 << 20;

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    KillLeader,
    KillFollower,
    LoseQuorum,
    PauseMember,
    Nospace,
    Corrupt,
    TwoClusters,
    IsolateMember,
    LoseLeadership,
    OneWayLink,
    AlteredValue,
    AppliedTwice,
    Fsync50Ms,
    Fsync200Ms,
    Fsync1200Ms,
    FsyncOfLeader1200Ms,
}

/// A value that is found in a database file, and what it is replaced by.
const TRUE_VALUE: &[u8] = b"the value that all three members agreed to hold, once upon a time";
const FALSE_VALUE: &[u8] = b"the value that one of the members holds in its stead, by mistake.";

/// A fault that was made.
pub(crate) struct Made {
    pub(crate) at: Instant,
    /// The member that must be named; none for the cluster.
    pub(crate) subject: Option<MemberId>,
    /// The members that it was made on, by their place.
    places: Vec<usize>,
    /// What ends it when it is dropped.
    guard: Option<Guard>,
}

impl Fault {
    pub(crate) const ALL: [Self; 16] = [
        Self::KillLeader,
        Self::KillFollower,
        Self::LoseQuorum,
        Self::PauseMember,
        Self::Nospace,
        Self::Corrupt,
        Self::TwoClusters,
        Self::IsolateMember,
        Self::LoseLeadership,
        Self::OneWayLink,
        Self::AlteredValue,
        Self::AppliedTwice,
        Self::Fsync50Ms,
        Self::Fsync200Ms,
        Self::Fsync1200Ms,
        Self::FsyncOfLeader1200Ms,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::KillLeader => "kill-leader",
            Self::KillFollower => "kill-follower",
            Self::LoseQuorum => "lose-quorum",
            Self::PauseMember => "pause-member",
            Self::Nospace => "nospace",
            Self::Corrupt => "corrupt-alarm",
            Self::TwoClusters => "two-clusters",
            Self::IsolateMember => "isolate-member",
            Self::LoseLeadership => "lose-leadership",
            Self::OneWayLink => "one-way-link",
            Self::AlteredValue => "altered-value",
            Self::AppliedTwice => "applied-twice",
            Self::Fsync50Ms => "fsync-50ms",
            Self::Fsync200Ms => "fsync-200ms",
            Self::Fsync1200Ms => "fsync-1200ms",
            Self::FsyncOfLeader1200Ms => "fsync-leader-1200ms",
        }
    }

    /// Within which time it must be told.
    pub(crate) fn limit(self) -> Duration {
        Duration::from_secs(match self {
            Self::KillLeader
            | Self::KillFollower
            | Self::Nospace
            | Self::Corrupt
            | Self::TwoClusters => 3,
            Self::LoseQuorum | Self::LoseLeadership => 4,
            Self::PauseMember | Self::AlteredValue => 5,
            Self::AppliedTwice => 12,
            Self::IsolateMember | Self::OneWayLink => 20,
            Self::Fsync50Ms | Self::Fsync200Ms | Self::Fsync1200Ms | Self::FsyncOfLeader1200Ms => {
                75
            }
        })
    }

    /// How much longer each sync takes, where that is the fault.
    fn delay(self) -> Option<Duration> {
        match self {
            Self::Fsync50Ms => Some(Duration::from_millis(50)),
            Self::Fsync200Ms => Some(Duration::from_millis(200)),
            Self::Fsync1200Ms | Self::FsyncOfLeader1200Ms => Some(Duration::from_millis(1_200)),
            _ => None,
        }
    }

    fn is_of_the_network(self) -> bool {
        matches!(self, Self::IsolateMember | Self::LoseLeadership | Self::OneWayLink)
    }

    /// Why it can't be made here, if so.
    pub(crate) fn impossible(self) -> Option<String> {
        let parts: &[Part] = if self.is_of_the_network() {
            &[Part::Network]
        } else if self.delay().is_some() {
            &[Part::Tracing]
        } else {
            &[]
        };
        lab(parts).err().map(|missing| missing.to_string())
    }

    /// Whether clients write meanwhile.
    pub(crate) fn needs_load(self) -> bool {
        self.delay().is_some()
    }

    pub(crate) fn cluster(self, version: EtcdVersion) -> ClusterBuilder {
        let builder = Cluster::builder(version).members(3);
        match self {
            Self::Nospace => builder.quota_bytes(QUOTA),
            // So that the member can be replaced.
            Self::AppliedTwice => builder.flag("--strict-reconfig-check=false"),
            _ if self.is_of_the_network() => builder.in_namespaces(true),
            _ if self.delay().is_some() => builder.durable(true),
            _ => builder,
        }
    }

    pub(crate) fn needs_other(self) -> bool {
        self == Self::TwoClusters
    }

    /// Whether `finding` tells of it.
    pub(crate) fn tells(self, finding: &Finding) -> bool {
        let kinds: &[FindingKind] = match self {
            Self::KillLeader | Self::KillFollower | Self::PauseMember => {
                &[FindingKind::MemberDown, FindingKind::MemberUnreachable]
            }
            Self::LoseQuorum => &[FindingKind::QuorumLost],
            Self::Nospace => &[FindingKind::Nospace],
            Self::Corrupt => &[FindingKind::CorruptAlarm],
            Self::TwoClusters => &[FindingKind::DividedCluster],
            Self::IsolateMember => &[FindingKind::MemberIsolated],
            Self::LoseLeadership => &[FindingKind::NoLeader],
            Self::OneWayLink => &[FindingKind::LinkDown, FindingKind::MemberIsolated],
            Self::AlteredValue => &[FindingKind::HashMismatch],
            Self::AppliedTwice => &[FindingKind::RevisionDiverged],
            Self::Fsync50Ms | Self::Fsync200Ms | Self::Fsync1200Ms | Self::FsyncOfLeader1200Ms => {
                &[FindingKind::SlowFsync]
            }
        };
        let severity = match self {
            Self::Fsync50Ms => Severity::Info,
            Self::Fsync200Ms => Severity::Warning,
            Self::Fsync1200Ms | Self::FsyncOfLeader1200Ms => Severity::Critical,
            _ => finding.severity,
        };
        kinds.contains(&finding.kind) && finding.severity == severity
    }

    pub(crate) async fn make(self, rig: &mut Rig) -> Made {
        let leader = rig.etcd.leader().await.expect("somebody leads").id();
        let place = |id| rig.etcd.members().iter().position(|member| member.id() == id);
        let leader = place(leader).expect("it is one of them");
        let follower = (leader + 1) % rig.etcd.members().len();
        let one = match self {
            Self::KillLeader
            | Self::IsolateMember
            | Self::LoseLeadership
            | Self::FsyncOfLeader1200Ms => leader,
            _ => follower,
        };
        let id = rig.etcd.member(one).id();
        let mut guard = None;
        let (at, places, subject) = match self {
            Self::KillLeader | Self::KillFollower => {
                let at = Instant::now();
                rig.etcd.member(one).kill().await.expect("it ends");
                (at, vec![one], Some(id))
            }
            Self::LoseQuorum => {
                let other = (follower + 1) % rig.etcd.members().len();
                let at = Instant::now();
                let (first, second) = (rig.etcd.member(follower), rig.etcd.member(other));
                let (first, second) = tokio::join!(first.kill(), second.kill());
                first.and(second).expect("they end");
                (at, vec![follower, other], None)
            }
            Self::PauseMember => {
                let at = Instant::now();
                rig.etcd.member(one).pause().await.expect("it freezes");
                (at, vec![one], Some(id))
            }
            Self::Nospace => {
                // Returns when etcd refuses the next write, which is when its alarm is raised.
                rig.etcd.fill(QUOTA * 4).await.expect("it fills up");
                (Instant::now(), Vec::new(), None)
            }
            Self::Corrupt => {
                let alarm = Alarm { member: id, kind: AlarmKind::Corrupt };
                let client = rig.etcd.client_of(rig.etcd.member(leader));
                client.alarm_activate(alarm, CALL).await.expect("it is raised");
                (Instant::now(), vec![one], Some(id))
            }
            Self::TwoClusters => {
                let mut endpoints = rig.etcd.endpoints();
                endpoints.extend(rig.other.iter().flat_map(Cluster::endpoints));
                let at = Instant::now();
                rig.watch(endpoints);
                (at, Vec::new(), None)
            }
            Self::IsolateMember | Self::LoseLeadership => {
                let at = Instant::now();
                guard = Some(rig.etcd.member(one).cut_off(CutOff::Peers).expect("it is cut off"));
                (at, vec![one], Some(id))
            }
            Self::OneWayLink => {
                let at = Instant::now();
                let heard = rig.etcd.member(leader);
                guard = Some(rig.etcd.member(one).deafen_to(heard).expect("it is deaf"));
                (at, vec![one], None)
            }
            Self::AlteredValue => {
                let client = rig.etcd.client();
                client.put("altered", TRUE_VALUE, None, CALL).await.expect("it is written");
                replace(rig, one, TRUE_VALUE, FALSE_VALUE).await;
                (rig.ask_for_comparison(), vec![one], Some(id))
            }
            Self::AppliedTwice => {
                apply_twice(rig, one).await;
                (Instant::now(), vec![one], Some(id))
            }
            Self::Fsync50Ms | Self::Fsync200Ms | Self::Fsync1200Ms | Self::FsyncOfLeader1200Ms => {
                let delay = self.delay().expect("invariant: it has one");
                let slow = rig.etcd.member(one).slow_syncs(delay).await;
                guard = Some(slow.expect("it is traced"));
                (Instant::now(), vec![one], Some(id))
            }
        };
        Made { at, subject, places, guard }
    }

    /// Repairs it; returns when that was done.
    pub(crate) async fn repair(self, rig: &mut Rig, made: Made) -> Instant {
        match self {
            Self::KillLeader | Self::KillFollower | Self::LoseQuorum => {
                for place in made.places {
                    rig.etcd.member(place).restart().await.expect("it starts");
                }
            }
            Self::PauseMember => {
                for place in made.places {
                    rig.etcd.member(place).resume().expect("it goes on");
                }
            }
            Self::Nospace => rig.etcd.disarm().await.expect("there is room again"),
            Self::Corrupt => {
                let member = made.subject.expect("a member was named");
                let alarm = Alarm { member, kind: AlarmKind::Corrupt };
                rig.etcd.client().alarm_disarm(alarm, CALL).await.expect("it is disarmed");
            }
            Self::TwoClusters => rig.watch(rig.etcd.endpoints()),
            Self::AppliedTwice => {
                let member = made.subject.expect("a member was named");
                rig.etcd.readd(member).await.expect("it is replaced");
            }
            Self::AlteredValue => {
                for place in made.places {
                    replace(rig, place, FALSE_VALUE, TRUE_VALUE).await;
                }
                return rig.ask_for_comparison();
            }
            Self::IsolateMember
            | Self::LoseLeadership
            | Self::OneWayLink
            | Self::Fsync50Ms
            | Self::Fsync200Ms
            | Self::Fsync1200Ms
            | Self::FsyncOfLeader1200Ms => {
                if let Some(guard) = made.guard {
                    guard.heal().expect("it heals");
                }
            }
        }
        Instant::now()
    }
}

/// Has one member apply its last entries a second time, as a crash at the wrong moment did to some
/// versions; returns when it serves again.
async fn apply_twice(rig: &Rig, place: usize) {
    let client = rig.etcd.client();
    for number in 0..20 {
        client.put(format!("twice/{number}"), "value", None, CALL).await.expect("it is written");
    }
    let member = rig.etcd.member(place);
    let leader = rig.etcd.client_of(rig.etcd.leader().await.expect("somebody leads"));
    let follower = rig.etcd.client_of(member);
    let has_applied = async || {
        let (all, here) = (leader.status(CALL).await, follower.status(CALL).await);
        all.is_ok_and(|all| {
            here.is_ok_and(|here| here.raft_applied_index >= all.raft_applied_index)
        })
    };
    rig.etcd.wait_until("all is applied", CALL, has_applied).await.expect("it follows");
    member.stop().await.expect("it ends");
    member.forget_applied(5).expect("its database can be altered");
    member.restart().await.expect("it starts");
}

/// Replaces a value in the file of one member, which is stopped meanwhile.
async fn replace(rig: &Rig, place: usize, old: &[u8], new: &[u8]) {
    let member = rig.etcd.member(place);
    member.stop().await.expect("it ends");
    member.alter_value(old, new).expect("the value is in its file");
    member.restart().await.expect("it starts");
    rig.well_but_for_data(CALL * 3).await;
}
