//! Long commands whose leader, or whose member, is lost in the middle.

use std::io::{self, Cursor, Write};
use std::sync::mpsc;

use ctl::{Environment, Io};
use futures::future::join_all;
use testbed::{Cluster, EtcdVersion, wait_until};

use crate::operate::{AMPLE, ctl};
use crate::side::Kept;
use crate::transfer::{LONG, child, count};

/// A reader of the output that stops in the middle until it is told to go on.
struct Stopping {
    kept: Kept,
    /// Tells that it has stopped, once.
    stopped: Option<mpsc::Sender<()>>,
    go_on: mpsc::Receiver<()>,
}

impl Write for Stopping {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(stopped) = self.stopped.take() {
            stopped.send(()).unwrap();
            self.go_on.recv().unwrap();
        }
        self.kept.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs a command, and `meanwhile` when its first output comes; answers its exit code and output.
async fn interrupted(
    cluster: &Cluster,
    words: &str,
    meanwhile: impl AsyncFnOnce(),
) -> (u8, Vec<u8>) {
    let (stopped, has_stopped) = mpsc::channel();
    let (tell, go_on) = mpsc::channel();
    let (kept, errors) = (Kept::default(), Kept::default());
    let stdout = Stopping { kept: kept.clone(), stopped: Some(stopped), go_on };
    let mut io = Io::new(Cursor::new(Vec::new()), stdout, errors.clone());
    let endpoints = cluster.endpoints().join(",");
    let environment = Environment::new([("ETCDCTL_ENDPOINTS".into(), endpoints.into())]);
    let words: Vec<std::ffi::OsString> = words.split(' ').map(Into::into).collect();
    let work = tokio::task::spawn_blocking(move || ctl::run(words, &environment, &mut io));
    tokio::task::spawn_blocking(move || has_stopped.recv()).await.unwrap().unwrap();
    meanwhile().await;
    tell.send(()).unwrap();
    let code = tokio::time::timeout(LONG * 2, work).await.unwrap().unwrap();
    let errors = errors.taken();
    assert_eq!(code, 0, "{}", String::from_utf8_lossy(&errors));
    (code, kept.taken())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_snapshots_and_mirrors_outlive_the_leader() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).start().await.unwrap();
    let dest = Cluster::builder(version).members(1).start().await.unwrap();
    let lose_leader = async || {
        let leader = cluster.leader().await.unwrap();
        leader.kill().await.unwrap();
        leader
    };
    let client = cluster.client();
    // Many pages: the first has 1000 keys, the others 8 MiB.
    let put = async |index| {
        client.put(format!("m/{index:04}"), vec![b'v'; 12_000], None, LONG).await.unwrap();
    };
    join_all((0..1500).map(put)).await;
    for words in ["get m/ --prefix -w simple", "get m/ --prefix --stream --compat=3.7"] {
        let whole = ctl(&cluster, "get m/ --prefix --limit 5000").await.stdout;
        let mut lost = None;
        let (_, text) =
            interrupted(&cluster, words, async || lost = Some(lose_leader().await)).await;
        assert!(text == whole.as_bytes(), "{words}: {} and {} bytes", text.len(), whole.len());
        lost.unwrap().restart().await.unwrap();
        cluster.wait_ready().await.unwrap();
    }

    // A mirror goes on copying, and then following.
    let endpoints = cluster.endpoints().join(",");
    let to = dest.endpoints().join(",");
    let mut mirror = child(&endpoints, &format!("make-mirror {to} --max-txn-ops=1"));
    wait_until("the first keys", LONG, async || count(&dest, "m/").await > 0).await.unwrap();
    let lost = lose_leader().await;
    wait_until("all keys", LONG * 2, async || count(&dest, "m/").await == 1500).await.unwrap();
    // The watch, too, is on a member that may go away.
    lost.restart().await.unwrap();
    cluster.wait_ready().await.unwrap();
    client.put("n/1", "", None, LONG).await.unwrap();
    wait_until("a change", LONG * 2, async || count(&dest, "n/").await == 1).await.unwrap();
    let lost = lose_leader().await;
    // A write that meets no leader waits for seconds.
    let write = async || client.put("n/2", "", None, AMPLE / 10).await.is_ok();
    wait_until("a new leader", LONG, write).await.unwrap();
    wait_until("another change", LONG * 2, async || count(&dest, "n/").await == 2).await.unwrap();
    mirror.kill().unwrap();
    mirror.wait().unwrap();
    lost.restart().await.unwrap();
    cluster.wait_ready().await.unwrap();

    // A snapshot begins anew at another member.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let part = directory.path().join("s.db.part");
    let words = format!("snapshot save {}", path.display());
    let work = ctl(&cluster, &words);
    let lose = async {
        wait_until("the file begun", LONG, async || part.exists() || path.exists()).await.unwrap();
        let follower = cluster.follower().await.unwrap();
        follower.kill().await.unwrap();
    };
    let (done, ()) = tokio::join!(work, lose);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let found = backup::verify(&path, false).unwrap();
    assert!(found.is_sound() && found.keys == 1502, "{found:?}");
}
