//! `etcd-monitor bench` and `check disk` as their users run them.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use testbed::{Cluster, EtcdVersion, Login, Security};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::timeout;

use crate::program::command;

const WITHIN: Duration = Duration::from_mins(1);

struct Outcome {
    code: i32,
    out: String,
    err: String,
}

async fn run(arguments: &[&str]) -> Outcome {
    let output = timeout(WITHIN, command().args(arguments).output()).await.expect("it ends");
    let output = output.unwrap();
    Outcome {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_benchmark_is_made_kept_judged_interrupted_and_refused() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).members(1).start().await.unwrap();
    let endpoint = cluster.member(0).endpoint();
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let place = ["--data-dir", data];
    let at = ["--endpoints", &endpoint, "--data-dir", data];

    let slo = directory.path().join("slo.yaml");
    std::fs::write(&slo, "operations: {put: {min_throughput: 1, max_p50_ms: 0.001}}").unwrap();
    let load = ["bench", "put", "--total", "300", "--warm-up", "10ms", "--slo"];
    let judged = run(&[&load[..], &[slo.to_str().unwrap()], &at].concat()).await;
    assert_eq!(judged.code, 1, "{}{}", judged.out, judged.err);
    assert!(
        judged.err.contains("put: 10 clients in a closed loop, 300 operations"),
        "{}",
        judged.err
    );
    assert!(judged.err.contains("NOT MET: put p50"), "{}", judged.err);
    assert!(judged.out.contains("No operation failed."), "{}", judged.out);

    let seed = ["--run-benchmark", "--benchmark-type=mixed", "--benchmark-ops=500"];
    let seed = run(&[&seed[..], &at].concat()).await;
    assert_eq!(seed.code, 0, "{}{}", seed.out, seed.err);
    // It is told by its cluster's ID, since nothing names it.
    assert!(seed.out.contains("-mixed · mixed of "), "{}", seed.out);
    assert!(seed.out.contains(", 10 clients, closed loop"), "{}", seed.out);

    // Ctrl-C in the middle.
    let mut child = command()
        .args(["bench", "get", "--rate", "200", "--duration", "5m", "-o", "json"])
        .args(at)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let measured = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("operations/s") && line.contains('%') {
                return;
            }
        }
        panic!("it ended");
    };
    timeout(WITHIN, measured).await.expect("it measures");
    let pid = Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let output = timeout(WITHIN, child.wait_with_output()).await.expect("it ends").unwrap();
    assert_eq!(output.status.code(), Some(5));
    let partial: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(partial["ended"], "interrupted");
    assert!(partial["operations"][0]["succeeded"].as_u64().unwrap() > 0, "{partial}");

    let listed = run(&[&["bench", "list"][..], &place].concat()).await;
    assert_eq!(listed.out.lines().count(), 4, "{}", listed.out);
    let name = partial["id"].as_str().unwrap();
    let shown = run(&[&["bench", "show", name, "-o", "html"][..], &place].concat()).await;
    assert!(shown.out.contains("PARTIAL: interrupted"), "{}", shown.out);

    cluster.client().put("/etcd-monitor/bench/mine", "", None, WITHIN).await.unwrap();
    let refused = run(&[&load[..6], &at].concat()).await;
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(
        refused.err.contains("not started: key \"/etcd-monitor/bench/mine\""),
        "{}",
        refused.err
    );
    let cleaned = run(&["bench", "clean", "--endpoints", &endpoint]).await;
    assert!(cleaned.out.contains("1 keys there are not a benchmark's and stay"), "{}", cleaned.out);

    let wrong = run(&[&["bench", "put", "--keys", "0"][..], &at].concat()).await;
    assert_eq!((wrong.code, wrong.err.contains("--keys: give 1 to")), (3, true), "{}", wrong.err);
    let nobody = ["bench", "put", "--endpoints", "127.0.0.1:1", "--data-dir", data];
    assert_eq!(run(&nobody).await.code, 2);
}

#[tokio::test]
async fn a_disk_is_checked_and_left_as_it_was() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let checked = run(&["check", "disk", directory.path().to_str().unwrap(), "--json"]).await;
    let told: Value = serde_json::from_str(&checked.out).unwrap();
    let is_fit = told["verdict"] == "ready" || told["verdict"] == "warning";
    assert_eq!(checked.code, i32::from(!is_fit), "{}{}", checked.out, checked.err);
    assert!(told["fdatasync_seconds"]["p99"].as_f64().unwrap() > 0.0, "{told}");
    assert!(told["commit_seconds"]["p99"].as_f64().unwrap() > 0.0, "{told}");
    assert!(told["commits"].as_u64().unwrap() > 0, "{told}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    assert_eq!(run(&["check", "disk", "/nowhere"]).await.code, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sides_are_compared_rates_found_and_loads_replayed_with_tls_and_passwords() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster =
        Cluster::builder(version).members(1).security(Security::TlsAuth).start().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let data = file("data");
    let certs = cluster.certs().unwrap();
    let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let endpoint = cluster.member(0).client_url().clone();
    let shared = [
        "--endpoints".to_owned(),
        endpoint,
        "--cacert".to_owned(),
        path(certs.ca_file()),
        "--cert".to_owned(),
        path(&certs.client().cert_file),
        "--key".to_owned(),
        path(&certs.client().key_file),
    ];
    let as_user = |name: &str, login: Login| {
        let password = login.auth().password.unwrap().expose().clone();
        std::fs::write(file(name), password).unwrap();
        let user = ["--user".to_owned(), name.to_owned(), "--password-file".to_owned(), file(name)];
        [&shared[..], &user[..]].concat()
    };
    let root = as_user("root", Login::Root);
    let root: Vec<&str> = root.iter().map(String::as_str).collect();
    let place = ["--data-dir", data.as_str(), "--quiet", "--warm-up", "10ms"];

    let ab = ["bench", "ab", "put", "--pairs", "5", "--total", "60", "--b-value-size", "400000"];
    let compared = run(&[&ab[..], &place, &root].concat()).await;
    assert!(compared.out.starts_with("5 runs before, 5 after"), "{}{}", compared.out, compared.err);
    assert!(compared.out.contains("note: size of values differs"), "{}", compared.out);
    assert!(compared.out.contains("WORSE") && compared.code == 1, "{}", compared.out);

    let find = ["bench", "find-max", "get", "--p99", "2s", "--rate", "200", "--duration", "300ms"];
    let found = run(&[&find[..], &["--keys", "10"], &place, &root].concat()).await;
    assert_eq!(found.code, 0, "{}{}", found.out, found.err);
    assert!(found.out.contains("highest rate with p99 of at most 2s: "), "{}", found.out);

    let monitor = as_user("monitor", Login::Monitor);
    let monitor: Vec<&str> = monitor.iter().map(String::as_str).collect();
    let refused = run(&[&["bench", "put", "--total", "10"][..], &place, &monitor].concat()).await;
    assert_eq!(refused.code, 1, "{}", refused.err);
    let told = "may not read and write keys under \"/etcd-monitor/bench/\"";
    assert!(refused.err.contains(told), "{}", refused.err);

    // What one run does is recorded, and done again.
    let load = file("load.json");
    let record = ["bench", "record", &load, "--for", "1s"];
    let busy = ["bench", "put", "--rate", "100", "--duration", "5s", "--value-size", "77"];
    let (busy, recorded) = ([&busy[..], &place, &root].concat(), [&record[..], &root].concat());
    let delayed = async {
        let begun = testbed::wait_until("a key", WITHIN, async || {
            let all =
                etcd::GetRequest { count_only: true, ..etcd::GetRequest::prefix("/etcd-monitor/") };
            cluster.client().get(all, WITHIN).await.is_ok_and(|reply| reply.count > 1)
        });
        begun.await.unwrap();
        run(&recorded).await
    };
    let (made, recorded) = tokio::join!(run(&busy), delayed);
    assert_eq!((made.code, recorded.code), (0, 0), "{}{}", made.err, recorded.err);
    let text = std::fs::read_to_string(&load).unwrap();
    let pattern: Value = serde_json::from_str(&text).unwrap();
    assert!(pattern["rates"]["put"].as_f64().unwrap() > 10.0, "{text}");
    assert!(!text.contains("etcd-monitor"), "{text}");
    let replay = ["bench", "replay", &load, "--speed", "2", "--total", "80", "-o", "json"];
    let replayed = run(&[&replay[..], &place, &root].concat()).await;
    assert_eq!(replayed.code, 0, "{}", replayed.err);
    let outcome: Value = serde_json::from_str(&replayed.out).unwrap();
    assert_eq!(outcome["spec"]["kind"], "mirror");
    let wrong = run(&[&["bench", "replay", &load, "--speed", "0"][..], &root].concat()).await;
    assert_eq!((wrong.code, wrong.err.contains("--speed: give")), (3, true), "{}", wrong.err);
    let wrong = run(&[&["bench", "replay", &file("root")][..], &root].concat()).await;
    assert_eq!((wrong.code, wrong.err.contains("cannot replay")), (3, true), "{}", wrong.err);
}
