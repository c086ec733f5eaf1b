//! Recommendations: what to change, from measured facts, each with the figure that led to it, what
//! to expect of it and where the advice comes from.

use model::finding::MemberRef;

use crate::metrics::figures::Figures;
use crate::record::MemberMetrics;
use crate::view::{ClusterView, MemberView};

/// One recommendation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// A short name for what it is about, such as `quota`.
    pub topic: &'static str,
    /// The member, or `None` where all of the cluster is meant.
    pub member: Option<MemberRef>,
    /// The figure that led to it.
    pub fact: String,
    /// What to do.
    pub action: String,
    /// What to expect of it.
    pub effect: &'static str,
    /// Where the advice comes from.
    pub source: &'static str,
}

const MIB: f64 = (1 << 20) as f64;
const GIB: f64 = (1 << 30) as f64;

/// etcd's default quota, and the largest that its documentation suggests, bytes.
const DEFAULT_QUOTA: f64 = 2.0 * GIB;
const LARGEST_QUOTA: f64 = 8.0 * GIB;

/// The round trip time up to which etcd's default timers do: half of the default heartbeat interval.
const DEFAULT_TIMERS_UP_TO_SECONDS: f64 = 0.05;

/// Below this, a busy member runs out of descriptors before it runs out of anything else.
const FEWEST_DESCRIPTORS: f64 = 10_000.0;

const HARDWARE: &str = "etcd documentation, op-guide/hardware";
const TUNING: &str = "etcd documentation, tuning";
const MAINTENANCE: &str = "etcd documentation, op-guide/maintenance";

/// All recommendations for a cluster.
pub fn advice(view: &ClusterView, metrics: &[MemberMetrics]) -> Vec<Advice> {
    let mut all: Vec<Advice> =
        [timers(metrics), size(view), versions(view)].into_iter().flatten().collect();
    for member in view.members.iter().filter(|member| member.is_reachable == Some(true)) {
        let figures = metrics.iter().find(|metrics| metrics.member.id == member.id);
        let figures = figures.and_then(|metrics| metrics.figures.as_deref());
        all.extend(quota(member));
        all.extend(defragmentation(member));
        if let Some(figures) = figures {
            all.extend(disk(member, figures));
            all.extend(descriptors(member, figures));
            all.extend(snapshots(member, figures));
        }
    }
    all
}

/// Heartbeat and election timeouts from the slowest link.
fn timers(metrics: &[MemberMetrics]) -> Option<Advice> {
    let figures = metrics.iter().filter_map(|metrics| Some((metrics, metrics.figures.as_ref()?)));
    let links = figures.flat_map(|(metrics, figures)| {
        figures
            .peers
            .iter()
            .filter_map(|peer| Some((&metrics.member, peer.round_trip_p99_seconds?)))
    });
    let (member, slowest) = links.max_by(|a, b| a.1.total_cmp(&b.1))?;
    if slowest <= DEFAULT_TIMERS_UP_TO_SECONDS {
        return None;
    }
    let heartbeat = (slowest * 1_000.0 / 50.0).ceil() * 50.0;
    Some(Advice {
        topic: "timers",
        member: None,
        fact: format!(
            "the slowest link, from {}, has a round trip time of up to {:.0} ms (p99)",
            member.name,
            slowest * 1_000.0
        ),
        action: format!(
            "set --heartbeat-interval={heartbeat:.0} and --election-timeout={:.0} on every member, \
             the same everywhere, if they are lower now",
            (heartbeat * 10.0).min(50_000.0)
        ),
        effect: "fewer elections that nothing but the network's latency causes; a leader that is \
                 truly lost is replaced later",
        source: TUNING,
    })
}

/// The number of voters.
fn size(view: &ClusterView) -> Option<Advice> {
    let voters = view.quorum.voters;
    let (action, effect) = match voters {
        0 | 3 | 5 | 7 => return None,
        1 => ("add two members", "one member may fail without an outage or a loss of data"),
        n if n > 7 => (
            "remove members until seven or five are left",
            "writes need fewer acknowledgements, and three or two may still fail",
        ),
        _ => (
            "add or remove one member, so that the number is odd",
            "the same number may fail with one member less, or one more with one member more",
        ),
    };
    Some(Advice {
        topic: "cluster size",
        member: None,
        fact: match voters {
            1 => "there is one voter".to_owned(),
            n => format!("there are {n} voters"),
        },
        action: action.to_owned(),
        effect,
        source: "etcd documentation, faq: why an odd number of members",
    })
}

/// One version everywhere.
fn versions(view: &ClusterView) -> Option<Advice> {
    let [first, .., last] = view.versions.as_slice() else { return None };
    Some(Advice {
        topic: "version",
        member: None,
        fact: format!("members run {first} to {last}"),
        action: format!("finish the upgrade: bring every member to {last}, one after the other"),
        effect: "the cluster version rises, and with it come the features and checks of the new one",
        source: "etcd documentation, upgrades",
    })
}

fn quota(member: &MemberView) -> Option<Advice> {
    let status = member.status.as_ref()?;
    let quota = status.db_size_quota_bytes? as f64;
    let used = status.db_size_in_use_bytes.unwrap_or(status.db_size_bytes) as f64;
    if quota > DEFAULT_QUOTA || used < quota / 2.0 {
        return None;
    }
    Some(Advice {
        topic: "quota",
        member: Some(member.reference()),
        fact: format!("{:.0} MiB of a quota of {:.0} MiB hold data", used / MIB, quota / MIB),
        action: format!(
            "raise --quota-backend-bytes on every member, up to {LARGEST_QUOTA:.0} (8 GiB), if the \
             host has memory and disk for it; else find out what grew"
        ),
        effect: "time before writes are refused (NOSPACE)",
        source: MAINTENANCE,
    })
}

fn defragmentation(member: &MemberView) -> Option<Advice> {
    let status = member.status.as_ref()?;
    let (size, used) = (status.db_size_bytes as f64, status.db_size_in_use_bytes? as f64);
    if used >= size / 2.0 || size - used < 100.0 * MIB {
        return None;
    }
    let endpoint = member.endpoint.as_deref().unwrap_or_default();
    Some(Advice {
        topic: "defragmentation",
        member: Some(member.reference()),
        fact: format!("{:.0} MiB of {:.0} MiB are free", (size - used) / MIB, size / MIB),
        action: format!(
            "etcdctl --endpoints={endpoint} defrag, one member after the other and the leader last: \
             the member answers nothing meanwhile"
        ),
        effect: "the file shrinks to what is in use; snapshots and restarts are faster",
        source: MAINTENANCE,
    })
}

fn disk(member: &MemberView, figures: &Figures) -> Option<Advice> {
    let p99 = figures.get("wal_fsync_p99_seconds").filter(|p99| *p99 > 0.010)?;
    Some(Advice {
        topic: "disk",
        member: Some(member.reference()),
        fact: format!("99 % of the fsyncs of its log take up to {:.0} ms", p99 * 1_000.0),
        action: "give its data directory an SSD of its own, and measure it first: fio --rw=write \
                 --ioengine=sync --fdatasync=1 --bs=2300 --size=22m --name=etcd --directory=DIR"
            .to_owned(),
        effect: "writes wait for two of these per entry: their latency falls with it, and elections \
                 that a slow disk causes end",
        source: HARDWARE,
    })
}

fn descriptors(member: &MemberView, figures: &Figures) -> Option<Advice> {
    let max = figures.get("max_file_descriptors").filter(|max| *max < FEWEST_DESCRIPTORS)?;
    Some(Advice {
        topic: "file descriptors",
        member: Some(member.reference()),
        fact: format!("the process may open {max:.0} files and sockets"),
        action: "set LimitNOFILE=65536 in its systemd unit, or ulimit -n".to_owned(),
        effect: "each client connection takes one: without them etcd refuses clients, and peers",
        source: "etcd repository, contrib/systemd/etcd.service: LimitNOFILE=40000",
    })
}

/// From 3.6 on the default is 10,000.
fn snapshots(member: &MemberView, figures: &Figures) -> Option<Advice> {
    let version = &member.status.as_ref()?.version;
    let is_older = version.starts_with("3.4.") || version.starts_with("3.5.");
    let resident = figures.get("resident_memory_bytes").filter(|bytes| *bytes > GIB)?;
    let size = member.status.as_ref()?.db_size_bytes as f64;
    if !is_older || resident < 2.0 * size {
        return None;
    }
    Some(Advice {
        topic: "snapshot count",
        member: Some(member.reference()),
        fact: format!(
            "it takes {:.1} GiB of memory for a database of {:.1} GiB, and {version} keeps up to \
             100,000 entries of its log in memory",
            resident / GIB,
            size / GIB
        ),
        action: "set --snapshot-count=10000 on every member".to_owned(),
        effect: "less memory; a member that was away longer gets a snapshot in place of the log",
        source: "etcd 3.6 changelog: the default was lowered to 10,000",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Scene;

    fn topics(scene: &mut Scene) -> Vec<String> {
        let view = scene.sweep().view;
        advice(&view, &[]).iter().map(|advice| advice.topic.to_owned()).collect()
    }

    #[test]
    fn a_cluster_that_needs_nothing_is_told_nothing() {
        assert_eq!(topics(&mut Scene::new(3)), [""; 0]);
    }

    #[test]
    fn each_advice_comes_with_its_fact() {
        let mut scene = Scene::new(4);
        let full = &mut scene.member(2).status;
        full.db_size_bytes = 1_800 << 20;
        full.db_size_in_use_bytes = Some(1_200 << 20);
        full.db_size_quota_bytes = Some(2 << 30);
        let sparse = &mut scene.member(3).status;
        sparse.db_size_bytes = 900 << 20;
        sparse.db_size_in_use_bytes = Some(100 << 20);
        sparse.version = "3.5.9".to_owned();
        let all = ["cluster size", "version", "quota", "defragmentation"];
        assert_eq!(topics(&mut scene), all);
        let view = scene.sweep().view;
        let quota = advice(&view, &[]).into_iter().find(|one| one.topic == "quota").unwrap();
        assert_eq!(quota.fact, "1200 MiB of a quota of 2048 MiB hold data");
        assert_eq!(quota.member.unwrap().name, "m2");
    }
}
