//! The faults: how each is made on a real cluster, what tells it, and how it is repaired.

use std::time::Duration;

use etcd::{Alarm, AlarmKind};
use model::finding::{Finding, FindingKind};
use model::id::MemberId;
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
}

/// A fault that was made.
pub(crate) struct Made {
    pub(crate) at: Instant,
    /// The member that must be named; none for the cluster.
    pub(crate) subject: Option<MemberId>,
    /// The members that it was made on, by their place.
    places: Vec<usize>,
}

impl Fault {
    pub(crate) const ALL: [Self; 7] = [
        Self::KillLeader,
        Self::KillFollower,
        Self::LoseQuorum,
        Self::PauseMember,
        Self::Nospace,
        Self::Corrupt,
        Self::TwoClusters,
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
            Self::LoseQuorum => 4,
            Self::PauseMember => 5,
        })
    }

    pub(crate) fn cluster(self, version: EtcdVersion) -> ClusterBuilder {
        let builder = Cluster::builder(version).members(3);
        match self {
            Self::Nospace => builder.quota_bytes(QUOTA),
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
        };
        kinds.contains(&finding.kind)
    }

    pub(crate) async fn make(self, rig: &mut Rig) -> Made {
        let leader = rig.etcd.leader().await.expect("somebody leads").id();
        let place = |id| rig.etcd.members().iter().position(|member| member.id() == id);
        let leader = place(leader).expect("it is one of them");
        let follower = (leader + 1) % rig.etcd.members().len();
        let one = match self {
            Self::KillLeader => leader,
            _ => follower,
        };
        let id = rig.etcd.member(one).id();
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
        };
        Made { at, subject, places }
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
        }
        Instant::now()
    }
}
