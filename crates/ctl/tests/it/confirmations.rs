//! What is asked before something that cannot be undone, and what is not asked of scripts.

use std::ffi::OsString;
use std::io::Cursor;
use std::time::Duration;

use ctl::{Environment, Io};
use testbed::{Cluster, EtcdVersion};

use crate::side::Kept;

/// Longest time for one request of a test.
const AMPLE: Duration = Duration::from_secs(30);

struct Done {
    code: u8,
    stdout: String,
    stderr: String,
}

/// Runs ours; where there is somebody who types, on a terminal.
async fn run(cluster: &Cluster, line: &str, typed: Option<&'static str>) -> Done {
    let endpoints = cluster.endpoints().join(",");
    let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
    let work = tokio::task::spawn_blocking(move || {
        let environment = Environment::new([("ETCDCTL_ENDPOINTS".into(), endpoints.into())]);
        let (stdout, stderr) = (Kept::default(), Kept::default());
        let stdin = Cursor::new(typed.unwrap_or_default());
        let mut io = Io::new(stdin, stdout.clone(), stderr.clone());
        io.stdin_is_terminal = typed.is_some();
        let code = ctl::run(words, &environment, &mut io);
        let text = |kept: Kept| String::from_utf8_lossy(&kept.taken()).into_owned();
        Done { code, stdout: text(stdout), stderr: text(stderr) }
    });
    work.await.unwrap()
}

/// What a line prints that must succeed without a question.
async fn text(cluster: &Cluster, line: &str) -> String {
    let done = run(cluster, line, None).await;
    assert_eq!(done.code, 0, "{line}: {}", done.stderr);
    done.stdout
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_no_leaves_everything_and_scripts_are_not_asked() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let builder = Cluster::builder(version);
    let (cluster, other) = (builder.clone().members(3), builder.members(1));
    let (cluster, other) = tokio::join!(cluster.start(), other.start());
    let (cluster, other) = (cluster.unwrap(), other.unwrap());
    for index in 10..22 {
        text(&cluster, &format!("put a/{index} v")).await;
    }
    let granted = text(&cluster, "lease grant 600").await;
    let lease = granted.split(' ').nth(1).unwrap().to_owned();
    text(&cluster, &format!("put b/1 v --lease {lease}")).await;
    other.client().put("b/1", "theirs", None, AMPLE).await.unwrap();
    let destination = other.endpoints().join(",");
    let member = text(&cluster, "member list").await;
    let id = member.split(',').next().unwrap().to_owned();
    let peers = "--peer-urls http://127.0.0.1:1";

    let revision = async || {
        cluster.client().get(etcd::GetRequest::key("a"), AMPLE).await.unwrap().header.revision
    };
    let before = revision().await;
    let lines = [
        ("del a/ --prefix".to_owned(), "delete 12 keys", "Delete them?"),
        ("del a/11 --from-key".to_owned(), "delete 12 keys", "Delete them?"),
        ("del a/10 a/12".to_owned(), "delete 2 keys\n  \"a/10\"\n  \"a/11\"\n", "Delete them?"),
        ("del a/10 a/12 --range".to_owned(), "delete 2 keys", "Delete them?"),
        ("compaction 5".to_owned(), "before revision 5", "Forget it?"),
        ("defrag".to_owned(), "which answers nothing meanwhile", "Defragment them?"),
        ("defrag --cluster".to_owned(), "defragment ", "Defragment them?"),
        (format!("lease revoke {lease}"), "delete 1 key\n  \"b/1\"\n", "Delete them?"),
        ("auth enable".to_owned(), "none of the users: nobody", "Enable authentication?"),
        ("auth disable".to_owned(), "let every client do everything", "Disable authentication?"),
        (format!("member add new {peers}"), "now 3 voting members, 3 healthy", "Add it?"),
        (format!("member update {id} {peers}"), "no more at http://", "Update it?"),
        (format!("member promote {id}"), "with the vote of ", "Give it its vote?"),
        (format!("member remove {id}"), "2 voting members", "Remove it?"),
        (format!("make-mirror {destination} --prefix b/"), "is 1 key that begin", "Mirror them?"),
    ];
    for (line, plan, question) in &lines {
        let refused = run(&cluster, line, Some("n\n")).await;
        assert_eq!((refused.code, &*refused.stdout), (1, ""), "{line}: {}", refused.stderr);
        for part in [*plan, question, "nothing was done"] {
            assert!(refused.stderr.contains(part), "{line}: {part}: {}", refused.stderr);
        }
        let closed = run(&cluster, line, Some("")).await;
        assert!(closed.code == 1 && closed.stderr.contains("nothing was done"), "{line}");
        for typed in [None, Some("")] {
            let shown = run(&cluster, &format!("{line} --dry-run"), typed).await;
            assert_eq!(shown.code, 0, "{line}: {}", shown.stderr);
            assert!(shown.stdout.contains(plan), "{line}: {}", shown.stdout);
        }
    }
    let single = text(&cluster, "del a/10 --dry-run").await;
    assert_eq!(single, "delete 1 key\n  \"a/10\"\n");
    let many = run(&cluster, "del a/ --prefix", Some("no\n")).await.stderr;
    assert!(many.contains("  \"a/19\"\n  and 2 more\n"), "{many}");

    // Nothing has changed, neither keys nor members.
    assert_eq!(revision().await, before);
    assert_eq!(
        text(&cluster, "get a/ --prefix --count-only -w fields").await.lines().last().unwrap(),
        "\"Count\" : 12"
    );
    assert_eq!(text(&cluster, "get a/10 --rev 3 --print-value-only").await.len(), 2);
    assert_eq!(text(&cluster, "member list").await.lines().count(), 3);
    assert_eq!(other.client().get(etcd::GetRequest::key("b/1"), AMPLE).await.unwrap().kvs.len(), 1);

    // With yes, and without a question where there is none to ask.
    let agreed = run(&cluster, "del a/10 a/12", Some("y\n")).await;
    assert_eq!((agreed.code, &*agreed.stdout), (0, "2\n"), "{}", agreed.stderr);
    let agreed = run(&cluster, "del a/12 --prefix --yes", Some("")).await;
    assert_eq!((agreed.code, &*agreed.stdout), (0, "1\n"), "{}", agreed.stderr);
    assert!(!agreed.stderr.contains('?'), "{}", agreed.stderr);
    let single = run(&cluster, "del a/13", Some("")).await;
    assert_eq!((single.code, &*single.stdout), (0, "1\n"), "{}", single.stderr);
    let script = run(&cluster, "del a/ --prefix", None).await;
    assert_eq!((&*script.stdout, &*script.stderr), ("8\n", ""));
    let script = run(&cluster, &format!("lease revoke {lease}"), None).await;
    assert_eq!((&*script.stdout, &*script.stderr), (&*format!("lease {lease} revoked\n"), ""));
    let script = run(&cluster, "compaction 5", None).await;
    assert_eq!((&*script.stdout, &*script.stderr), ("compacted revision 5\n", ""));
    // A transaction's parts know nothing of it.
    let work = run(&cluster, "txn", Some("\ndel a --yes\n\n\n")).await;
    assert_eq!(work.code, 3, "{}", work.stderr);
}
