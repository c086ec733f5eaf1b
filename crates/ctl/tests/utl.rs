//! etcdutl's commands, compared with the real etcdutl of each version; and what only we do with
//! snapshots.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ctl::{Environment, Io};
use testbed::version::skip;
use testbed::{Cluster, EtcdVersion};

const AMPLE: Duration = Duration::from_secs(20);

/// A stream that keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Kept {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// Exit code, output, errors.
type Outcome = (u8, String, String);

#[derive(Clone, Copy)]
enum Program {
    Ctl,
    Utl,
}

use Program::{Ctl, Utl};

fn ours(program: Program, words: &[&str]) -> Outcome {
    let (out, err) = (Kept::default(), Kept::default());
    let mut io = Io::new(std::io::empty(), out.clone(), err.clone());
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    let environment = Environment::default();
    let code = match program {
        Ctl => ctl::run(words, &environment, &mut io),
        Utl => ctl::run_utl(words, &environment, &mut io),
    };
    (code, out.text(), err.text())
}

/// The same beside a runtime that goes on.
async fn ours_aside(program: Program, words: &[&str]) -> Outcome {
    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
    tokio::task::spawn_blocking(move || {
        ours(program, &words.iter().map(String::as_str).collect::<Vec<_>>())
    })
    .await
    .unwrap()
}

fn theirs(program: &Path, words: &[&str]) -> Outcome {
    let output = Command::new(program).args(words).env_clear().output().unwrap();
    let code = u8::try_from(output.status.code().unwrap()).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (code, text(&output.stdout), text(&output.stderr))
}

/// Some keys, and a snapshot that our `snapshot save` took.
async fn saved(cluster: &Cluster, path: &str) {
    for index in 0..30 {
        let (key, value) = (format!("/a/b/{index}"), vec![b'v'; index * 100]);
        cluster.client().put(key, value, None, AMPLE).await.unwrap();
    }
    cluster.client().delete("/a/b/7", "", AMPLE).await.unwrap();
    cluster.client().compact(20, true, AMPLE).await.unwrap();
    save(cluster, path, &[]).await;
}

async fn save(cluster: &Cluster, path: &str, flags: &[&str]) {
    let revision = cluster.client().put("last", "", None, AMPLE).await.unwrap().revision;
    for member in cluster.client().each() {
        // Members apply in their own time.
        let caught_up = async || {
            member.status(AMPLE).await.is_ok_and(|status| status.header.revision >= revision)
        };
        testbed::wait_until("the revision everywhere", AMPLE, caught_up).await.unwrap();
    }
    let endpoints = cluster.endpoints().join(",");
    let mut words = vec!["--endpoints", &endpoints, "snapshot", "save", path];
    words.extend(flags);
    let (code, out, err) = ours_aside(Ctl, &words).await;
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with(&format!("Snapshot saved at {path}\n")), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_print_what_etcdutl_prints() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).members(1).start().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let within = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let path = within("s.db");
    saved(&cluster, &path).await;
    let (absent, text, taken) = (within("absent"), within("text"), within("taken"));
    fs::write(&text, "no snapshot\n".repeat(500)).unwrap();
    fs::create_dir(&taken).unwrap();
    fs::write(within("taken/file"), "").unwrap();
    for version in [EtcdVersion::V3_5, EtcdVersion::V3_6, EtcdVersion::V3_7] {
        let etcdutl = match version.etcdutl() {
            Ok(etcdutl) => etcdutl,
            Err(missing) => {
                skip(&missing);
                continue;
            }
        };
        let into_taken = format!("--data-dir={taken}");
        let into_absent = format!("--data-dir={absent}");
        let two = "--initial-cluster=m1=http://127.0.0.1:1,m2=http://127.0.0.1:2";
        let mut lines: Vec<Vec<&str>> = vec![
            vec!["snapshot", "status", &path],
            vec!["snapshot", "status", &path, "-w", "json"],
            vec!["snapshot", "status", &path, "-w", "fields"],
            vec!["snapshot", "status", &path, "-w", "table"],
            vec!["snapshot", "restore"],
        ];
        // One of them is enough for what all say.
        let refused = [
            vec!["-w", "json", "snap", "stat", &path],
            vec!["snapshot", "status", &path, "-w", "xml"],
            vec!["snapshot", "status", &absent],
            vec!["snapshot", "status"],
            vec!["snapshot", "status", &path, &path],
            vec!["snapshot", "restore", &path, &into_taken],
            vec!["snapshot", "restore", &path, &into_absent, "--name", "x"],
            vec!["snapshot", "restore", &path, &into_absent, "--bump-revision", "5"],
            vec!["snapshot", "restore", &path, &into_absent, "--mark-compacted"],
            vec!["snapshot", "restore", &path, &into_absent, "--name=m1", two],
            vec!["snapshot", "restore", &path, &into_absent, "--initial-cluster=default=a://b"],
            vec!["nonsense"],
        ];
        lines.extend(refused.into_iter().filter(|_| version == EtcdVersion::V3_6));
        if version >= EtcdVersion::V3_6 {
            for format in ["simple", "json", "fields", "table"] {
                lines.push(vec!["hashkv", &path, "-w", format]);
            }
            lines.push(vec!["hashkv", &path, "--rev", "25"]);
            lines.push(vec!["hashkv", &path, "--rev", "5"]);
            lines.push(vec!["hashkv", &path, "--rev", "5000"]);
            lines.push(vec!["hashkv", &absent]);
        }
        for line in lines {
            // etcdutl's hashkv writes to the file that it reads.
            let copy = within("copy.db");
            fs::copy(&path, &copy).unwrap();
            let words: Vec<&str> =
                line.iter().map(|word| if *word == path { &*copy } else { word }).collect();
            let (code, out, err) = theirs(&etcdutl, &words);
            let compat = format!("--compat={version}");
            let words: Vec<&str> = std::iter::once(&*compat).chain(line.iter().copied()).collect();
            let (our_code, our_out, our_err) = ours_aside(Utl, &words).await;
            assert_eq!((our_code, &our_out), (code, &out), "{version} {line:?}: {our_err}");
            // Their log lines and usage stand beside the error.
            if let Some(error) = err.lines().find(|line| line.starts_with("Error: ")) {
                let said = our_err.lines().next().unwrap_or_default();
                assert!(said.starts_with(error), "{version} {line:?}: {said}, not {error}");
            }
        }
        // Both refuse what is no database, each in its words.
        let words = ["snapshot", "status", &text];
        for (code, out, err) in [theirs(&etcdutl, &words), ours_aside(Utl, &words).await] {
            assert_eq!((code, out.as_str()), (1, ""), "{err}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_are_verified_inspected_compared_and_restored() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).start().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let within = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (first, second) = (within("first.db"), within("second.db.zst"));
    saved(&cluster, &first).await;
    let client = cluster.client();
    client.put("/a/b/1", "changed", None, AMPLE).await.unwrap();
    client.put("new\n", "", None, AMPLE).await.unwrap();
    client.delete("/a/b/2", "", AMPLE).await.unwrap();
    save(&cluster, &second, &["--compress=3"]).await;

    let (code, out, _) = ours_aside(Ctl, &["snapshot", "verify", &second]).await;
    assert!(code == 0 && out.contains(": sound\n") && out.contains("sha256: matches"), "{out}");
    let (code, out, _) = ours_aside(Ctl, &["snapshot", "diff", &first, &second]).await;
    assert_eq!(code, 1);
    let totals = ": 1 added, 1 removed, 1 changed, 1 written again";
    for line in ["~ /a/b/1  revision ", "- /a/b/2  ", "+ \"new\\n\"  0 B", totals] {
        assert!(out.contains(line), "{line}: {out}");
    }
    let same = ["snapshot", "diff", &first, &first, "-w", "json"];
    assert_eq!(ours_aside(Ctl, &same).await.0, 0);
    let (code, out, _) = ours_aside(Ctl, &["snapshot", "inspect", &first, "--depth=2"]).await;
    assert!(code == 0 && out.contains("/a/b/") && out.contains("2.9 kB  /a/b/29"), "{out}");
    for words in [
        &["snapshot", "verify"][..],
        &["snapshot", "inspect", &first, "--separator=ab"],
        &["snapshot", "inspect", &first, "--top=-1"],
        &["snapshot", "diff", &first],
        &["snapshot", "save"],
    ] {
        assert_eq!(ours_aside(Ctl, words).await.0, 128, "{words:?}");
    }
    let mut bytes = fs::read(&first).unwrap();
    bytes[9000] ^= 1;
    let damaged = within("damaged.db");
    fs::write(&damaged, bytes).unwrap();
    let (code, out, _) = ours_aside(Ctl, &["snapshot", "verify", &damaged, "-w", "json"]).await;
    assert_eq!(code, 1);
    assert!(out.contains("\"sound\":false") && out.contains("expected sha256"), "{out}");

    // What cannot be reached is told, and leaves nothing.
    let nothing = within("nothing.db");
    let words = ["--endpoints=127.0.0.1:1", "--command-timeout=1s", "snapshot", "save", &nothing];
    let (code, out, err) = ours_aside(Ctl, &words).await;
    assert_eq!((code, out.as_str()), (5, ""));
    assert!(err.contains("127.0.0.1:1"), "{err}");
    assert!(!Path::new(&nothing).exists() && !Path::new(&format!("{nothing}.part")).exists());

    let data = within("data");
    let words = ["snapshot", "restore", &second, "--data-dir", &data];
    let (code, out, err) = ours_aside(Utl, &words).await;
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    let (code, _, err) = ours_aside(Utl, &["defrag", "--data-dir", &data]).await;
    assert_eq!(code, 0, "{err}");
    let running = cluster.member(0).data_dir();
    let running = running.to_str().unwrap();
    let words = ["--compat=3.7", "--timeout=0s", "defrag", "--data-dir", running];
    let (code, _, err) = ours_aside(Utl, &words).await;
    assert_eq!(code, 1);
    assert!(err.contains("Failed to defragment etcd data[") && err.contains("etcd runs"), "{err}");
    let (_, _, err) = ours_aside(Utl, &["defrag"]).await;
    assert!(err.contains("required flag(s) \"data-dir\" not set"), "{err}");
}
