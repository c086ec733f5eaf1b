//! The faults, and what each is called by those who tell of it.

use std::time::Duration;

use testbed::{Cluster, Member};
use tokio::time::Instant;

#[derive(Clone, Copy)]
pub(crate) enum Fault {
    KillLeader,
    KillMajority,
    CorruptAlarm,
}

impl Fault {
    pub(crate) const ALL: [Self; 3] = [Self::KillLeader, Self::KillMajority, Self::CorruptAlarm];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::KillLeader => "kill-leader",
            Self::KillMajority => "kill-majority",
            Self::CorruptAlarm => "corrupt-alarm",
        }
    }

    pub(crate) fn alert(self) -> &'static str {
        match self {
            Self::KillLeader => "EtcdMemberDown",
            Self::KillMajority => "EtcdQuorumLost",
            Self::CorruptAlarm => "EtcdCorruptAlarm",
        }
    }

    /// The rules of the etcd mixin that tell of it; the first to fire counts.
    pub(crate) fn mixin_alerts(self) -> &'static [&'static str] {
        match self {
            Self::KillLeader => &["etcdMembersDown"],
            Self::KillMajority => &["etcdInsufficientMembers", "etcdNoLeader", "etcdMembersDown"],
            Self::CorruptAlarm => &[],
        }
    }

    /// How long it may take at the 99th percentile.
    pub(crate) fn limit(self) -> Duration {
        match self {
            Self::KillLeader | Self::KillMajority => Duration::from_secs(5),
            Self::CorruptAlarm => Duration::from_secs(4),
        }
    }

    /// Makes it; gives back when, and who is to be started again.
    pub(crate) async fn make(self, cluster: &Cluster) -> (Instant, Vec<&Member>) {
        let leader = cluster.leader().await.expect("a leader");
        let follower = cluster.follower().await.expect("a follower");
        let now = Instant::now();
        match self {
            Self::KillLeader => {
                leader.kill().await.expect("killed");
                (now, vec![leader])
            }
            Self::KillMajority => {
                leader.kill().await.expect("killed");
                follower.kill().await.expect("killed");
                (now, vec![leader, follower])
            }
            Self::CorruptAlarm => {
                cluster.raise_corrupt(follower).await.expect("raised");
                (now, Vec::new())
            }
        }
    }

    /// Undoes it.
    pub(crate) async fn mend(self, cluster: &Cluster, victims: Vec<&Member>) {
        for victim in victims {
            victim.restart().await.expect("started again");
        }
        if matches!(self, Self::CorruptAlarm) {
            cluster.disarm_alarms().await.expect("disarmed");
        }
        cluster.wait_ready().await.expect("ready");
    }
}
