//! `etcd-monitor diagnose` as its users run it: on a healthy cluster, one with a fault, and one that
//! is down.

use std::io::Read as _;
use std::time::Duration;

use serde_json::Value;
use testbed::{Cluster, EtcdVersion, on_every_version};
use tokio::time::timeout;

use crate::program::{Program, command};

/// A look of a few seconds, and the start and the end of a process.
const WITHIN: Duration = Duration::from_secs(40);

struct Outcome {
    code: i32,
    report: String,
    remarks: String,
}

async fn diagnose(arguments: &[&str]) -> Outcome {
    let mut command = command();
    let run = command.arg("diagnose").args(arguments).output();
    let outcome = timeout(WITHIN, run).await.expect("it ends").unwrap();
    Outcome {
        code: outcome.status.code().unwrap(),
        report: String::from_utf8(outcome.stdout).unwrap(),
        remarks: String::from_utf8(outcome.stderr).unwrap(),
    }
}

async fn a_cluster_is_well_then_lacks_a_member_then_is_down(version: EtcdVersion) {
    let cluster = Cluster::builder(version).members(3).start().await.unwrap();
    let endpoint = cluster.member(0).endpoint();
    let look = ["--endpoints", &endpoint, "--for", "8s", "--url", "http://127.0.0.1:1"];

    let well = diagnose(&look).await;
    assert_eq!(well.code, 0, "{}{}", well.report, well.remarks);
    assert!(well.report.contains("default  HEALTHY\n3 of 3 voters are healthy"), "{}", well.report);
    assert!(well.report.contains("History: none\n"), "{}", well.report);

    cluster.member(2).kill().await.unwrap();
    let json = diagnose(&[&look[..], &["-o", "json"]].concat()).await;
    assert_eq!(json.code, 1, "{}", json.report);
    let report: Value = serde_json::from_str(&json.report).unwrap();
    let found = &report["clusters"][0]["findings"][0];
    assert_eq!((&found["kind"], &found["member"]["name"]), (&"member_down".into(), &"m3".into()));

    cluster.member(0).kill().await.unwrap();
    cluster.member(1).kill().await.unwrap();
    let down = diagnose(&look).await;
    assert_eq!(down.code, 1, "{}", down.report);
    assert!(down.report.contains("connection refused"), "{}", down.report);
}

async fn keys_are_counted_by_prefix_and_large_values_named(version: EtcdVersion) {
    let cluster = Cluster::builder(version).members(1).start().await.unwrap();
    let put = async |key: String, bytes: usize| {
        cluster.client().put(key, vec![b'x'; bytes], None, WITHIN).await.unwrap();
    };
    for number in 0..1_200 {
        put(format!("/registry/events/default/{number:04}"), 20).await;
    }
    put("/registry/secrets/default/large".to_owned(), 1_100_000).await;
    let endpoint = cluster.member(0).endpoint();
    let look = ["--endpoints", &endpoint, "--for", "2s", "--url", "http://127.0.0.1:1"];
    let outcome = diagnose(&[&look[..], &["--scan-keys", "-o", "json"]].concat()).await;
    let report: Value = serde_json::from_str(&outcome.report).unwrap();
    let cluster = &report["clusters"][0];
    assert_eq!(cluster["keys"]["counted"], 1_201);
    let prefix = &cluster["keys"]["prefixes"][0];
    assert_eq!(
        (&prefix["prefix"], &prefix["keys"]),
        (&"/registry/events/default/".into(), &1_200.into())
    );
    let text = diagnose(&[&look[..], &["--scan-keys"]].concat()).await;
    assert!(text.report.contains("1201 keys at revision"), "{}", text.report);
    // One value in four is looked at, the last key among them.
    assert!(text.report.contains("a value under /registry/secrets/default/"), "{}", text.report);
}

async fn a_value_that_one_member_has_otherwise_is_found_and_the_member_named(version: EtcdVersion) {
    let cluster = Cluster::builder(version).members(3).start().await.unwrap();
    let value = b"the value that all three members agreed to hold, once upon a time";
    let other = b"the value that one of the members holds in its stead, by mistake.";
    cluster.client().put("key", &value[..], None, WITHIN).await.unwrap();
    let endpoint = cluster.member(0).endpoint();
    let look = ["--endpoints", &endpoint, "--for", "4s", "--hashkv", "-o", "json"];
    let look = [&look[..], &["--url", "http://127.0.0.1:1"]].concat();

    let report: Value = serde_json::from_str(&diagnose(&look).await.report).unwrap();
    let well = report["clusters"][0]["well"].as_array().unwrap().clone();
    assert!(well.contains(&"hash_mismatch".into()), "{report:#}");

    let wrong = cluster.member(1);
    wrong.stop().await.unwrap();
    assert!(wrong.alter_value(value, other).unwrap() > 0);
    wrong.restart().await.unwrap();
    cluster.wait_ready().await.unwrap();
    let outcome = diagnose(&look).await;
    let report: Value = serde_json::from_str(&outcome.report).unwrap();
    let found = &report["clusters"][0]["findings"][0];
    assert_eq!((&found["kind"], &found["member"]["name"]), (&"hash_mismatch".into(), &"m2".into()));
    assert_eq!((outcome.code, &found["severity"]), (1, &"critical".into()));
    let told: Vec<&str> = found["evidence"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|of| of["observed"].as_str())
        .collect();
    let named =
        told.iter().find(|told| told.starts_with("key \"key\": m1, m3: changed at revision "));
    assert!(named.is_some_and(|named| named.ends_with(", another value")), "{told:?}");
    assert!(!outcome.report.contains("the value that"), "values are not told");
}

mod tests {
    super::on_every_version!(
        a_cluster_is_well_then_lacks_a_member_then_is_down,
        a_value_that_one_member_has_otherwise_is_found_and_the_member_named,
        keys_are_counted_by_prefix_and_large_values_named,
    );
}

#[tokio::test]
async fn a_page_and_a_bundle_are_written_with_the_history_of_a_running_monitor() {
    testbed::on(EtcdVersion::V3_6, async |version| {
        let cluster = Cluster::builder(version).members(1).start().await.unwrap();
        let program = Program::watch(&cluster).await;
        let directory = tempfile::tempdir().unwrap();
        let (page, bundle) = (directory.path().join("a.html"), directory.path().join("a.tar.gz"));
        let (endpoint, url) =
            (cluster.member(0).endpoint(), format!("http://{}", program.authority()));
        let arguments = ["--endpoints", &endpoint, "--cluster-name", "test", "--for", "3s"];
        let written = ["-o", "html", "--to", page.to_str().unwrap(), "--url", &url];
        let bundled = ["--bundle", bundle.to_str().unwrap()];
        let outcome = diagnose(&[&arguments[..], &written[..], &bundled[..]].concat()).await;
        assert!(outcome.report.is_empty(), "{}", outcome.report);
        let page = std::fs::read_to_string(page).unwrap();
        // A monitor that knows nothing of the cluster, or is not there, would have been told instead.
        assert!(page.contains("<h2>Over in the last 24 hours</h2>"), "{page}");
        let bundle = flate2::read::GzDecoder::new(std::fs::File::open(bundle).unwrap());
        let mut files = Vec::new();
        for entry in tar::Archive::new(bundle).entries().unwrap() {
            let mut entry = entry.unwrap();
            let (name, mut text) = (entry.path().unwrap().display().to_string(), String::new());
            entry.read_to_string(&mut text).unwrap();
            files.push((name, text));
        }
        for (file, part) in [
            ("report.txt", "Could not be told"),
            ("report.json", "\"is_well\""),
            ("report.html", "<!doctype html>"),
            ("answers.txt", "raft_applied_index"),
            ("metrics.txt", "\netcd_server_has_leader 1\n"),
        ] {
            let found = files.iter().find(|(name, _)| name.ends_with(file));
            let (_, text) = found.unwrap_or_else(|| panic!("no {file}"));
            assert!(text.contains(part), "{file}: {text}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_done_is_told_with_its_code() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("etcd-monitor.yaml");
    std::fs::write(&file, "clusters:\n  - name: a\n    endpoints: [127.0.0.1:1]\n").unwrap();
    let config = ["--config", file.to_str().unwrap()];
    let other = diagnose(&[&config[..], &["--cluster", "b"]].concat()).await;
    assert_eq!(other.code, 3);
    assert!(
        other.remarks.contains("no cluster is called \"b\"; there are: a"),
        "{}",
        other.remarks
    );
    let nowhere = ["--cluster", "a", "--for", "1s", "--to", "/no/such/place"];
    let nowhere = diagnose(&[&config[..], &nowhere[..]].concat()).await;
    assert_eq!(nowhere.code, 2);
    assert!(nowhere.remarks.contains("cannot write /no/such/place"), "{}", nowhere.remarks);
}
