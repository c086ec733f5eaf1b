//! Keys go from cluster to cluster by a file, whole or not at all, whatever is killed on the way.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use etcd::GetRequest;
use testbed::{Cluster, EtcdVersion, wait_until};

use crate::operate::{AMPLE, ctl, ctl_at, ctl_reading};

/// Long enough for an election on a busy machine.
pub(crate) const LONG: Duration = Duration::from_mins(1);

/// Keys, values and whether there is a lease.
type Contents = Vec<(Vec<u8>, Vec<u8>, bool)>;

async fn contents(cluster: &Cluster, prefix: &str) -> Contents {
    let reply = cluster.client().get(GetRequest::prefix(prefix.to_owned()), LONG).await.unwrap();
    let one = |kv: &etcd::KeyValue| (kv.key.to_vec(), kv.value.to_vec(), kv.lease != 0);
    reply.kvs.iter().map(one).collect()
}

/// Keys and values of all kinds under `x/`, and others.
async fn fill(cluster: &Cluster) {
    let client = cluster.client();
    for index in 0..300 {
        client
            .put(format!("x/{index:04}"), format!("{index}\n\"\u{e9}"), None, AMPLE)
            .await
            .unwrap();
    }
    client.put(&b"x/\xff\x00"[..], &b"\xfe\x00"[..], None, AMPLE).await.unwrap();
    client.put("x/empty", "", None, AMPLE).await.unwrap();
    client.put("x/large", vec![0xAA; 1_300_000], None, AMPLE).await.unwrap();
    let lease = client.lease_grant(3600, AMPLE).await.unwrap().id;
    client.put("x/leased", "v", Some(lease), AMPLE).await.unwrap();
    client.put("other", "v", None, AMPLE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_imported_elsewhere_and_a_part_of_one_is_refused() {
    let available = EtcdVersion::available();
    let (Some(old), Some(new)) = (available.first(), available.last()) else { return };
    let source = Cluster::builder(*new).members(1).start().await.unwrap();
    let dest = Cluster::builder(*old).members(1).start().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let within = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    fill(&source).await;
    let expected = contents(&source, "x/").await;
    assert_eq!(expected.len(), 304);

    let (plain, packed) = (within("keys.jsonl"), within("keys.jsonl.zst"));
    let done = ctl(&source, &format!("export {packed} --prefix x/")).await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stdout.starts_with("304 keys of revision 306 from 127.0.0.1:"), "{}", done.stdout);
    // A change after the revision is not in it.
    source.client().put("x/later", "v", None, AMPLE).await.unwrap();
    let done = ctl(&source, &format!("export {plain} --prefix x/ --rev 306 --page-keys 50")).await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    let text = std::fs::read_to_string(&plain).unwrap();
    let streamed = ctl(&source, "export - --prefix x/ --rev 306").await;
    assert!(streamed.stdout == text, "{}", streamed.stderr);
    assert!(
        text.contains("\n{\"key\":\"x/0001\",\"value\":\"1\\n\\\"\u{e9}\",\"create_revision\":3,")
    );
    assert!(text.contains("\n{\"key_base64\":\"eC//AA==\",\"value_base64\":\"/gA=\","));
    assert!(text.contains("\",\"lease_ttl_seconds\":3600}\n"));
    assert!(std::fs::metadata(&packed).unwrap().len() * 10 < text.len() as u64);

    // Whatever is cut off, changed or no such file writes nothing.
    let bytes = std::fs::read(&packed).unwrap();
    for (name, content) in [
        ("cut.zst", bytes[..bytes.len() - 20].to_vec()),
        ("cut", text.as_bytes()[..text.len() / 2].to_vec()),
        ("line", text.split_inclusive('\n').take(9).collect::<String>().into()),
        ("changed", text.replacen("\"value\":\"1\\n", "\"value\":\"7\\n", 1).into()),
        (
            "fewer",
            text.lines()
                .filter(|line| !line.contains("x/0007"))
                .collect::<Vec<_>>()
                .join("\n")
                .into(),
        ),
        ("more", format!("{text}{text}").into()),
        ("none", b"no export\n".to_vec()),
        ("empty", Vec::new()),
    ] {
        std::fs::write(within(name), content).unwrap();
        let refused = ctl(&dest, &format!("import {} --yes", within(name))).await;
        assert_eq!(refused.code, 1, "{name}: {}", refused.stdout);
        assert!(refused.stderr.contains("nothing was written"), "{name}: {}", refused.stderr);
    }
    assert_eq!(contents(&dest, "").await, []);

    let shown = ctl(&dest, &format!("import {packed} --dry-run")).await;
    assert_eq!(
        shown.stdout,
        "304 keys would be created, 0 would be overwritten, 0 the same already\n"
    );
    assert!(shown.stderr.contains("keys under \"x/\" of cluster "), "{}", shown.stderr);
    let unasked = ctl(&dest, &format!("import {packed}")).await;
    assert_eq!(unasked.code, 128, "{}", unasked.stderr);
    let done = ctl(&dest, &format!("import {packed} --yes")).await;
    assert_eq!(
        (done.code, &*done.stdout),
        (0, "304 keys created, 0 overwritten, 0 the same already\n"),
        "{}",
        done.stderr
    );
    assert!(contents(&dest, "x/").await == expected);
    let done = ctl_reading(&dest.endpoints().join(","), "import - --yes -w json", &text).await;
    assert!(
        done.stdout.contains("\"created\":0,\"overwritten\":0,\"same\":304,"),
        "{}",
        done.stderr
    );

    // Keys that are there with another value: refused, left, or overwritten.
    dest.client().put("x/0005", "mine", None, AMPLE).await.unwrap();
    dest.client().delete("x/0006", "", AMPLE).await.unwrap();
    let shown = ctl(&dest, &format!("import {plain} --dry-run")).await;
    assert_eq!(shown.code, 1, "{}", shown.stdout);
    let expected_tally = "302 the same already, 1 in the way";
    assert!(shown.stdout.contains(expected_tally), "{}", shown.stdout);
    let refused = ctl(&dest, &format!("import {plain} --yes")).await;
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    assert!(
        refused.stderr.contains("\"x/0005\" is there with another value"),
        "{}",
        refused.stderr
    );
    let done = ctl(&dest, &format!("import {plain} --yes --if-absent")).await;
    assert!(
        done.stdout.contains("1 keys created, 0 overwritten, 302 the same already, 1 left"),
        "{}",
        done.stdout
    );
    let done = ctl(&dest, &format!("import {plain} --yes --overwrite --max-txn-ops 7")).await;
    assert!(done.stdout.contains("0 keys created, 1 overwritten, 303 the same"), "{}", done.stdout);
    assert!(contents(&dest, "x/").await == expected);

    // Under another name, without leases.
    let done = ctl(
        &dest,
        &format!("import {plain} --yes --prefix-from x/ --prefix-to y/z/ --leases drop"),
    )
    .await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    let renamed: Contents = expected
        .iter()
        .map(|(key, value, _)| ([b"y/z/", &key[2..]].concat(), value.clone(), false))
        .collect();
    assert!(contents(&dest, "y/").await == renamed);
    let wrong = ctl(&dest, &format!("import {plain} --yes --prefix-from q/")).await;
    assert!(
        wrong.stderr.contains("does not begin with \"q/\" of --prefix-from"),
        "{}",
        wrong.stderr
    );

    // Lines that somebody wrote or changed, on request.
    let edited = "{\"key\":\"e/1\",\"value\":\"v\"}\n{\"key\":\"e/2\",\"value_base64\":\"/w==\"}\n";
    let endpoints = dest.endpoints().join(",");
    assert_eq!(ctl_reading(&endpoints, "import - --yes", edited).await.code, 1);
    let done = ctl_reading(&endpoints, "import - --yes --skip-hash-check", edited).await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(contents(&dest, "e/").await.len(), 2);
    for wrong in [
        "import",
        "import a --if-absent --overwrite",
        "import a --max-txn-ops 0",
        "export",
        "export a --rev -1",
    ] {
        assert_eq!(ctl(&dest, wrong).await.code, 128, "{wrong}");
    }
    assert_eq!(ctl(&dest, "import a --leases x").await.code, 4);
    let nowhere =
        ctl_at("127.0.0.1:1", &format!("export {} --command-timeout 1s", within("no"))).await;
    assert_eq!(nowhere.code, 1, "{}", nowhere.stderr);
    assert!(!Path::new(&within("no")).exists() && !Path::new(&within("no.part")).exists());
}

/// Tells this program, when it runs itself, what to do and where.
const WORDS: &str = "CTL_TEST_WORDS";
const ENDPOINTS: &str = "CTL_TEST_ENDPOINTS";

/// Runs [`does_what_it_is_told`] in a process of its own.
pub(crate) fn child(endpoints: &str, words: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "transfer::does_what_it_is_told", "--nocapture"])
        .envs([(WORDS, words), (ENDPOINTS, endpoints)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Does nothing when it is run as a test like others.
#[tokio::test]
async fn does_what_it_is_told() {
    let (Ok(words), Ok(endpoints)) = (std::env::var(WORDS), std::env::var(ENDPOINTS)) else {
        return;
    };
    assert_eq!(ctl_at(&endpoints, &words).await.code, 0);
}

/// Kills a child when `condition` holds; whether it still ran.
async fn kill_when(mut child: Child, condition: impl AsyncFn() -> bool) -> bool {
    let mut has_ended = false;
    wait_until("the child's work", LONG, async || {
        condition().await || {
            has_ended = child.try_wait().unwrap().is_some();
            has_ended
        }
    })
    .await
    .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    !has_ended
}

/// How many keys there are.
pub(crate) async fn count(cluster: &Cluster, prefix: &str) -> i64 {
    let request = GetRequest { count_only: true, ..GetRequest::prefix(prefix.to_owned()) };
    cluster.client().get(request, LONG).await.unwrap().count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_an_export_an_import_or_the_leader_is_killed() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).start().await.unwrap();
    let endpoints = cluster.endpoints().join(",");
    let directory = tempfile::tempdir().unwrap();
    let within = |name: &str| directory.path().join(name);
    // Made by hand: one file, many keys.
    let value = "v".repeat(200);
    let line = |index| format!("{{\"key\":\"k/{index:05}\",\"value\":\"{value}\"}}\n");
    let lines: Vec<String> = (0..4000).map(line).collect();
    let file = within("keys");
    std::fs::write(&file, lines.concat()).unwrap();
    let import = |to: &str, more: &str| {
        let file = file.display();
        format!("import {file} --yes --skip-hash-check --prefix-from k/ --prefix-to {to} {more}")
    };

    // An import that is killed goes on where it was.
    let killed = child(&endpoints, &import("a/", "--max-txn-ops=2"));
    assert!(
        kill_when(killed, async || count(&cluster, "a/").await > 100).await,
        "it was too quick"
    );
    let before = count(&cluster, "a/").await;
    assert!(before < 4000, "{before}");
    let done = ctl(&cluster, &import("a/", "-w=json")).await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    let tally: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert!(tally["same"].as_i64().unwrap() >= before, "{tally} {before}");
    assert_eq!(count(&cluster, "a/").await, 4000);

    // One whose leader is killed, too, by itself.
    let work = tokio::spawn({
        let (endpoints, words) = (endpoints.clone(), import("b/", "--max-txn-ops=2"));
        async move { ctl_at(&endpoints, &words).await }
    });
    wait_until("some keys", LONG, async || count(&cluster, "b/").await > 100).await.unwrap();
    let leader = cluster.leader().await.unwrap();
    leader.kill().await.unwrap();
    let done = work.await.unwrap();
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(count(&cluster, "b/").await, 4000);
    leader.restart().await.unwrap();
    cluster.wait_ready().await.unwrap();
    let a = contents(&cluster, "a/").await;
    let b = contents(&cluster, "b/").await;
    assert!(a.iter().zip(&b).all(|(a, b)| a.0[1..] == b.0[1..] && a.1 == b.1));

    // An export that is killed leaves nothing under its name, and what it leaves is refused.
    let (path, part) =
        (within("out.jsonl"), PathBuf::from(format!("{}.part", within("out.jsonl").display())));
    let killed =
        child(&endpoints, &format!("export {} --prefix a/ --max-rate 1000", path.display()));
    assert!(kill_when(killed, async || part.exists()).await, "it was too quick");
    assert!(part.exists() && !path.exists());
    let refused = ctl(&cluster, &format!("import {} --yes --overwrite", part.display())).await;
    assert_eq!(refused.code, 1, "{}", refused.stdout);

    // One goes on at the same revision when members go away, the leader among them.
    let work = tokio::spawn({
        let words = format!("export {} --prefix a/ --max-rate 1000", path.display());
        async move { ctl_at(&endpoints, &words).await }
    });
    wait_until("the file begun", LONG, async || part.exists()).await.unwrap();
    let leader = cluster.leader().await.unwrap();
    leader.kill().await.unwrap();
    leader.restart().await.unwrap();
    cluster.wait_ready().await.unwrap();
    let other = cluster.follower().await.unwrap();
    other.kill().await.unwrap();
    let deleted = cluster.client().delete("a/03999", "", AMPLE).await;
    let done = work.await.unwrap();
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stdout.starts_with("4000 keys of revision "), "{} {deleted:?}", done.stdout);
}
