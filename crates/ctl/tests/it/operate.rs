//! What operators do to a cluster: safely, or not at all.

use std::io::Cursor;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ctl::{Environment, Io};
use etcd::{ErrorClass, GetRequest, prefix_end};
use testbed::{Cluster, EtcdVersion, wait_until};

use crate::side::Kept;

/// Longest time for one request of a test.
pub(crate) const AMPLE: Duration = Duration::from_secs(10);

/// What a command did.
pub(crate) struct Done {
    pub(crate) code: u8,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs ours on all members.
pub(crate) async fn ctl(cluster: &Cluster, words: &str) -> Done {
    ctl_at(&cluster.endpoints().join(","), words).await
}

/// Runs ours on some endpoints.
pub(crate) async fn ctl_at(endpoints: &str, words: &str) -> Done {
    ctl_reading(endpoints, words, "").await
}

/// Runs ours with something on standard input.
pub(crate) async fn ctl_reading(endpoints: &str, words: &str, stdin: &str) -> Done {
    let stdin = Cursor::new(stdin.to_owned());
    let environment = Environment::new([("ETCDCTL_ENDPOINTS".into(), endpoints.into())]);
    let words: Vec<std::ffi::OsString> = words.split(' ').map(Into::into).collect();
    let work = tokio::task::spawn_blocking(move || {
        let (stdout, stderr) = (Kept::default(), Kept::default());
        let mut io = Io::new(stdin, stdout.clone(), stderr.clone());
        let code = ctl::run(words, &environment, &mut io);
        let text = |kept: Kept| String::from_utf8_lossy(&kept.taken()).into_owned();
        Done { code, stdout: text(stdout), stderr: text(stderr) }
    });
    let hangs = |_| panic!("hangs for minutes");
    tokio::time::timeout(Duration::from_mins(3), work).await.unwrap_or_else(hangs).unwrap()
}

/// Writes much and deletes it, so that a file has free pages.
async fn leave_holes(cluster: &Cluster) {
    let client = cluster.client();
    for index in 0..24 {
        client.put(format!("big/{index}"), vec![b'x'; 1 << 18], None, AMPLE).await.unwrap();
    }
    client.delete("big/", prefix_end(b"big/"), AMPLE).await.unwrap();
    let now = client.get(GetRequest::key("big/"), AMPLE).await.unwrap().header.revision;
    client.compact(now, true, AMPLE).await.unwrap();
}

/// How often a member's own log tells that it was defragmented.
fn defragmented(member: &testbed::Member) -> usize {
    let log = std::fs::read_to_string(member.log_file()).unwrap();
    log.lines().filter(|line| line.contains("finished defragmenting directory")).count()
}

async fn defragmentation_is_safe(version: EtcdVersion) {
    let cluster = Cluster::builder(version).start().await.unwrap();
    leave_holes(&cluster).await;
    let old = cluster.leader().await.unwrap().client_url();
    wait_until("free pages", AMPLE, async || {
        // Pages that were given back are counted with a later commit.
        cluster.client().put("tick", "", None, AMPLE).await.unwrap();
        let mut sizes = Vec::new();
        for member in cluster.client().each() {
            let status = member.status(AMPLE).await.unwrap();
            sizes.push(status.db_size_in_use_bytes < Some(status.db_size_bytes / 2));
        }
        sizes.into_iter().all(|is_small| is_small)
    })
    .await
    .unwrap();

    let shown = ctl(&cluster, "defrag --cluster --dry-run --if dbSizeInUse<0.5*dbSize").await;
    assert_eq!((shown.code, shown.stdout.lines().count()), (0, 3), "{}", shown.stdout);
    let last = shown.stdout.lines().last().unwrap();
    assert!(last.starts_with("3. move leadership, then defragment"), "{last}");
    let spared = ctl(&cluster, "defrag --cluster --if dbSize>1GB").await;
    assert_eq!((spared.code, &*spared.stdout), (0, ""), "{}", spared.stderr);
    assert!(spared.stderr.contains("dbSize>1GB does not hold"), "{}", spared.stderr);
    let wrong = ctl(&cluster, "defrag --cluster --if size>1GB").await;
    assert_eq!(wrong.code, 128, "{}", wrong.stderr);
    assert_eq!(cluster.members().iter().map(defragmented).sum::<usize>(), 0);

    let writes = async {
        let mut failed = 0;
        for count in 0_u32.. {
            let write = cluster.client().put("during", count.to_string(), None, AMPLE).await;
            failed += usize::from(write.is_err());
            tokio::time::sleep(Duration::from_millis(5)).await;
            if failed > 100 {
                break;
            }
        }
        failed
    };
    let done = tokio::select! {
        done = ctl(&cluster, "defrag --cluster") => done,
        failed = writes => panic!("{failed} writes failed"),
    };
    assert_eq!(done.code, 0, "{}", done.stderr);
    let finished: Vec<&str> = done.stdout.lines().collect();
    assert_eq!(finished.len(), 3, "{finished:?}");
    let is_old = |line: &&str| line.contains(&format!("member[{old}]. took "));
    assert!(is_old(&finished[2]), "the leader {old} comes last: {finished:?}");
    assert!(done.stderr.contains("moving leadership to"), "{}", done.stderr);
    assert_ne!(cluster.leader().await.unwrap().client_url(), old);
    for member in cluster.members() {
        assert_eq!(defragmented(member), 1, "{}", member.name());
        let status = cluster.client_of(member).status(AMPLE).await.unwrap();
        assert!(status.db_size_bytes < 2 << 20, "{status:?}");
    }

    let down = cluster.follower().await.unwrap();
    down.stop().await.unwrap();
    let refused = ctl(&cluster, "defrag --cluster --command-timeout=2s").await;
    assert_eq!((refused.code, &*refused.stdout), (1, ""), "{}", refused.stderr);
    assert!(refused.stderr.contains("Error: not defragmenting: "), "{}", refused.stderr);
    assert!(refused.stderr.contains(down.name()), "{}", refused.stderr);

    let members = ctl(&cluster, "members --command-timeout=2s").await;
    assert_eq!(members.code, 1, "{}", members.stderr);
    assert_eq!(members.stdout.lines().count(), 4, "{}", members.stdout);
    for part in ["leader", "follower", "voter", "connection refused", " ok "] {
        assert!(members.stdout.contains(part), "{part}: {}", members.stdout);
    }
    let leader = ctl(&cluster, "leader -w json --command-timeout=2s").await;
    assert!(leader.stdout.contains("\"role\":\"leader\""), "{}", leader.stdout);
}

/// Writes keys until the cluster refuses them.
async fn fill(cluster: &Cluster, keys: &mut impl Iterator<Item = u32>) {
    for key in keys {
        let value = vec![b'x'; 1 << 20];
        match cluster.client().put(format!("fill/{key}"), value, None, AMPLE).await {
            Err(error) if error.class() == ErrorClass::Nospace => return,
            outcome => drop(outcome.unwrap()),
        }
        // The file grows with each commit, every 100 ms.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn a_full_cluster_takes_writes_again(version: EtcdVersion) {
    let cluster = Cluster::builder(version).quota_bytes(12 << 20).start().await.unwrap();
    let nothing = ctl(&cluster, "nospace-recover").await;
    assert_eq!(nothing.code, 0, "{}", nothing.stderr);
    let mut keys = 0_u32..;
    fill(&cluster, &mut keys).await;

    let unasked = ctl(&cluster, "nospace-recover").await;
    assert_eq!(unasked.code, 128, "{}", unasked.stderr);
    assert!(unasked.stderr.contains("give --yes"), "{}", unasked.stderr);
    let shown = ctl(&cluster, "nospace-recover --dry-run").await;
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    for part in ["quota 13 MB", "NOSPACE", "1. compact", "2. defragment", "4. end the alarm"] {
        assert!(shown.stdout.contains(part), "{part}: {}", shown.stdout);
    }
    let refused = ctl(&cluster, "nospace-recover --keep-revisions=1000000 --yes").await;
    assert_eq!(refused.code, 128, "{}", refused.stderr);
    assert!(refused.stderr.contains("there are only "), "{}", refused.stderr);
    // Where it is live data, no defragmentation makes room.
    let mut in_vain = ctl(&cluster, "nospace-recover --yes").await;
    while in_vain.code == 0 {
        fill(&cluster, &mut keys).await;
        in_vain = ctl(&cluster, "nospace-recover --yes").await;
    }
    assert_eq!(in_vain.code, 1, "{}", in_vain.stderr);
    assert!(in_vain.stderr.contains("of its quota"), "{}", in_vain.stderr);
    assert!(in_vain.stderr.contains("the alarm stands still; delete keys"), "{}", in_vain.stderr);
    assert!(!cluster.client().alarms(AMPLE).await.unwrap().is_empty());

    let deleted = ctl(&cluster, "del fill/ --prefix").await;
    assert_eq!(deleted.code, 0, "{}", deleted.stderr);
    let recovered = ctl(&cluster, "nospace-recover --yes").await;
    assert_eq!(recovered.code, 0, "{}", recovered.stderr);
    assert!(recovered.stdout.ends_with("the cluster takes writes again\n"), "{}", recovered.stdout);
    assert_eq!(cluster.client().alarms(AMPLE).await.unwrap(), []);
    cluster.client().put("k", "v", None, AMPLE).await.unwrap();
}

/// An etcd that was started by hand.
pub(crate) struct Started(pub(crate) Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What a person does meanwhile: starts the new member, as soon as it is on the list, with the settings
/// that were printed.
async fn start_announced(cluster: &Cluster, version: EtcdVersion, peer: &str) -> Option<Started> {
    wait_until("the new member", AMPLE * 3, async || {
        let list = cluster.client().members(AMPLE).await;
        list.is_ok_and(|list| list.members.iter().any(|member| member.is_learner))
    })
    .await
    .ok()?;
    let list = cluster.client().members(AMPLE).await.unwrap();
    let pairs = list.members.iter().map(|member| {
        let name = if member.name.is_empty() { "new" } else { &member.name };
        format!("{name}={}", member.peer_urls[0])
    });
    let client = format!("http://127.0.0.1:{}", free_port());
    let child = Command::new(version.binary().unwrap())
        .env("ETCD_NAME", "new")
        .env("ETCD_INITIAL_CLUSTER", pairs.collect::<Vec<_>>().join(","))
        .env("ETCD_INITIAL_ADVERTISE_PEER_URLS", peer)
        .env("ETCD_INITIAL_CLUSTER_STATE", "existing")
        .args(["--listen-peer-urls", peer, "--listen-client-urls", &client])
        .args(["--advertise-client-urls", &client, "--data-dir"])
        .arg(cluster.dir().join("new"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Some(Started(child.unwrap()))
}

async fn a_new_member_gets_its_vote_when_it_has_caught_up(version: EtcdVersion) {
    let cluster = Cluster::builder(version).start().await.unwrap();
    cluster.client().put("kept", "v", None, AMPLE).await.unwrap();
    let peer = format!("http://127.0.0.1:{}", free_port());
    let add = format!("member add new --peer-urls={peer} --wait");
    let shown = ctl(&cluster, &format!("{add} --dry-run")).await;
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    for part in ["now 3 voting members, 3 healthy", "1. add new at ", "3. give it its vote"] {
        assert!(shown.stdout.contains(part), "{part}: {}", shown.stdout);
    }
    assert_eq!(cluster.client().members(AMPLE).await.unwrap().members.len(), 3);

    // One that nobody starts stays a learner, and costs nobody the quorum.
    let unasked = ctl(&cluster, &add).await;
    assert_eq!(unasked.code, 128, "{}", unasked.stdout);
    assert!(unasked.stderr.contains("give --yes"), "{}", unasked.stderr);
    assert_eq!(cluster.client().members(AMPLE).await.unwrap().members.len(), 3);
    let idle = ctl(&cluster, &format!("{add} --yes --wait-time=1s")).await;
    assert_eq!(idle.code, 1, "{}", idle.stderr);
    assert!(idle.stdout.contains("ETCD_NAME=\"new\""), "{}", idle.stdout);
    let list = cluster.client().members(AMPLE).await.unwrap().members;
    let learner = list.iter().find(|member| member.is_learner).unwrap();
    // The same command goes on with it, and says so first.
    let again = ctl(&cluster, &format!("{add} --dry-run")).await;
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stdout.contains(" has been added already, as a learner"), "{}", again.stdout);
    let again = ctl(&cluster, &format!("{add} --yes --wait-time=1s")).await;
    assert!(again.stderr.contains("is still waiting to be started"), "{}", again.stderr);
    assert_eq!(cluster.client().members(AMPLE).await.unwrap().members.len(), 4);
    let early = ctl(&cluster, &format!("member promote {}", learner.id)).await;
    assert_eq!(early.code, 1, "{}", early.stdout);
    let named = ctl(&cluster, "member remove nobody").await;
    assert_eq!(named.code, 128, "{}", named.stdout);
    assert!(named.stderr.contains("expecting ID in Hex"), "{}", named.stderr);
    assert!(named.stderr.contains("no member has the ID or name"), "{}", named.stderr);
    let removed = ctl(&cluster, &format!("member remove {}", learner.id)).await;
    assert_eq!(removed.code, 0, "{}", removed.stderr);

    let words = format!("{add} --yes --wait-time=60s");
    let start = start_announced(&cluster, version, &peer);
    let (done, _started) = tokio::join!(ctl(&cluster, &words), start);
    assert_eq!(done.code, 0, "{}\n{}", done.stdout, done.stderr);
    for part in [" added as learner to cluster ", "ETCD_NAME=\"new\"", " promoted in "] {
        assert!(done.stdout.contains(part), "{part}: {}", done.stdout);
    }
    let members = cluster.client().members(AMPLE).await.unwrap().members;
    assert_eq!(members.iter().filter(|member| !member.is_learner).count(), 4);
    assert!(members.iter().any(|member| member.name == "new"), "{members:?}");
}

async fn a_dead_member_is_replaced(version: EtcdVersion) {
    let cluster = Cluster::builder(version).start().await.unwrap();
    cluster.client().put("kept", "v", None, AMPLE).await.unwrap();
    let peer = format!("http://127.0.0.1:{}", free_port());
    let command = |old: &str, more: &str| {
        format!("member replace {old} new --peer-urls={peer} --command-timeout=2s {more}")
    };
    let alive = cluster.member(0).name().to_owned();
    let refused = ctl(&cluster, &command(&alive, "--yes")).await;
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(refused.stderr.contains("answers: only one that does not"), "{}", refused.stderr);

    let dead = cluster.follower().await.unwrap();
    dead.kill().await.unwrap();
    let shown = ctl(&cluster, &command(dead.name(), "--dry-run")).await;
    let first = shown.stdout.lines().next().unwrap_or_default();
    let arithmetic = "now 3 voting members, 2 healthy, 2 needed; without ";
    assert!(first.starts_with(arithmetic), "{} {}", shown.stdout, shown.stderr);
    assert!(first.ends_with("2 voting members, 2 healthy, 2 needed"), "{first}");
    assert_eq!(cluster.client().members(AMPLE).await.unwrap().members.len(), 3);

    // What etcd would refuse only when the old member is gone is refused before.
    let dead_name = dead.name();
    let list = cluster.client().members(AMPLE).await.unwrap().members;
    let stays = list.iter().find(|member| member.name != dead_name).unwrap();
    for (name, url, told) in [
        ("new", &stays.peer_urls[0], "has the peer URL"),
        (stays.name.as_str(), &peer, "has the name"),
    ] {
        let words = format!(
            "member replace {dead_name} {name} --peer-urls={url} --command-timeout=2s --yes"
        );
        let refused = ctl(&cluster, &words).await;
        assert_eq!(refused.code, 128, "{}", refused.stderr);
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
    }
    assert_eq!(cluster.client().members(AMPLE).await.unwrap().members.len(), 3);

    let words = command(dead.name(), "--yes --wait-time=60s");
    let work = ctl(&cluster, &words);
    let start = start_announced(&cluster, version, &peer);
    let (done, _started) = tokio::join!(work, start);
    assert_eq!(done.code, 0, "{}\n{}", done.stdout, done.stderr);
    for part in [" removed from cluster ", "ETCD_NAME=\"new\"", "=\"existing\"", " promoted in "] {
        assert!(done.stdout.contains(part), "{part}: {}", done.stdout);
    }
    let members = cluster.client().members(AMPLE).await.unwrap().members;
    assert_eq!(members.len(), 3);
    assert!(members.iter().all(|member| !member.is_learner && member.name != dead.name()));

    // One of three is down now; to add or remove another would be too much.
    let down = cluster.follower().await.unwrap();
    let up: Vec<_> = cluster.members().iter().filter(|member| member.is_running()).collect();
    let other = up.iter().find(|member| member.name() != down.name()).unwrap();
    down.kill().await.unwrap();
    let refused = ctl(&cluster, &command(other.name(), "--yes")).await;
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(refused.stderr.contains("that would cost the quorum"), "{}", refused.stderr);
}

mod on {
    use testbed::{EtcdVersion, on};

    macro_rules! on_two_versions {
        ($($scenario:ident)+) => {
            $(mod $scenario {
                use super::*;

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_etcd_3_5() {
                    on(EtcdVersion::V3_5, super::super::$scenario).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_etcd_3_7() {
                    on(EtcdVersion::V3_7, super::super::$scenario).await;
                }
            })+
        };
    }

    on_two_versions!(
        defragmentation_is_safe a_full_cluster_takes_writes_again a_dead_member_is_replaced
        a_new_member_gets_its_vote_when_it_has_caught_up
    );
}
