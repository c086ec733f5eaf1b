//! `etcd-monitor data` as its users run it: beside a running monitor and without one.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use testbed::version::skip;
use testbed::{Cluster, EtcdVersion, programs, wait_until};

use crate::http;
use crate::program::{Program, command};
use crate::prometheus::Prometheus;

const WITHIN: Duration = Duration::from_secs(30);

/// What a command came to.
struct Outcome {
    code: i32,
    answer: String,
    remarks: String,
}

async fn data(data_dir: &Path, arguments: &[&str]) -> Outcome {
    let mut command = command();
    let run = command.arg("data").args(arguments).arg("--data-dir").arg(data_dir).output();
    let outcome = tokio::time::timeout(WITHIN, run).await.expect("it ends").unwrap();
    Outcome {
        code: outcome.status.code().unwrap(),
        answer: String::from_utf8(outcome.stdout).unwrap(),
        remarks: String::from_utf8(outcome.stderr).unwrap(),
    }
}

async fn answer(data_dir: &Path, arguments: &[&str]) -> String {
    let Outcome { code, answer, remarks } = data(data_dir, arguments).await;
    assert_eq!((code, remarks.as_str()), (0, ""), "{arguments:?}: {answer}");
    answer
}

async fn refused(data_dir: &Path, arguments: &[&str], code: i32, part: &str) {
    let Outcome { code: found, remarks, .. } = data(data_dir, arguments).await;
    assert!(found == code && remarks.contains(part), "{arguments:?}: {found}: {remarks}");
}

/// Commands with the arguments that they need.
fn commands(copy: &str) -> [Vec<&str>; 6] {
    [
        vec!["stat"],
        vec!["verify"],
        vec!["compact"],
        vec!["export"],
        vec!["delete-series", "up", "--yes"],
        vec!["backup", copy],
    ]
}

#[tokio::test]
async fn what_cannot_be_done_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("copy");
    let missing = directory.path().join("missing");
    for arguments in commands(copy.to_str().unwrap()) {
        refused(&missing, &arguments, 3, "there is no directory").await;
        refused(directory.path(), &arguments, 3, "holds no history").await;
    }
    assert!(!missing.exists() && !copy.exists());
    for (arguments, part) in [
        (&["stat", "-o", "csv"][..], "possible values: table, json"),
        (&["export", "--from", "yesterday"], "'2h ago'"),
        (&["delete-series"], "SELECTOR"),
        (&["backup"], "DIRECTORY"),
    ] {
        refused(directory.path(), arguments, 128, part).await;
    }
}

async fn watched() -> Option<(Cluster, Program, tempfile::TempDir)> {
    let cluster = Cluster::builder(EtcdVersion::available().pop()?).start().await.unwrap();
    let data_dir = tempfile::tempdir().unwrap();
    let program = Program::watch_with_data(&cluster, &data_dir).await;
    program.until_healthy().await;
    let path = "/prometheus/api/v1/query?query=min(count_over_time(up[1h]))";
    let has_enough = |answer: &Value| {
        let count = answer["data"]["result"][0]["value"][1].as_str();
        count.and_then(|count| count.parse().ok()).is_some_and(|count: u64| count >= 8)
    };
    program.until("enough scrapes", WITHIN, path, has_enough).await;
    Some((cluster, program, data_dir))
}

#[tokio::test]
async fn the_data_of_a_running_monitor_is_looked_at_and_copied_and_changed_when_it_has_ended() {
    let Some((_cluster, mut program, data_dir)) = watched().await else { return };
    let directory = data_dir.path();
    let stat = answer(directory, &["stat"]).await;
    assert!(stat.contains("cluster  series  samples") && stat.contains("others"), "{stat}");
    let stat: Value =
        serde_json::from_str(&answer(directory, &["stat", "-o", "json"]).await).unwrap();
    assert_eq!(stat["metrics"]["up"]["series"], 3);
    assert_eq!(stat["clusters"]["test"], stat["total"]);
    let verified = answer(directory, &["verify"]).await;
    assert!(verified.contains("all is sound"), "{verified}");

    refused(directory, &["compact"], 3, "in use by a running etcd-monitor; stop it").await;
    let delete = ["delete-series", "{__name__=~'etcd_disk.*'}"];
    refused(directory, &[&delete[..], &["--yes"]].concat(), 3, "stop it first").await;
    refused(directory, &["export", "--match", "up[5m]"], 3, "selects no series").await;
    refused(directory, &["export", "--from", "1h ago", "--to", "2h ago"], 3, "before").await;
    refused(directory, &["backup", directory.to_str().unwrap()], 3, "is not empty").await;

    let copies = tempfile::tempdir().unwrap();
    let copy = copies.path().join("copy");
    let backup = answer(directory, &["backup", copy.to_str().unwrap()]).await;
    assert!(backup.contains("1 file of history") && backup.contains("sound"), "{backup}");
    let files: Vec<_> = fs::read_dir(copy.join("history")).unwrap().collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let files: Vec<_> = fs::read_dir(&copy).unwrap().collect();
    assert!(files.len() == 2 && copy.join("records.db").is_file(), "{files:?}");
    let copied = answer(&copy, &["export", "--match", "up"]).await;
    assert!(copied.lines().count() >= 3 * 4 && copied.ends_with("# EOF\n"), "{copied}");
    let everything = answer(directory, &["export", "--match", "up"]).await;
    let lines: Vec<&str> = everything.lines().collect();
    assert!(copied.lines().all(|line| lines.contains(&line)), "{copied}");

    program.signal(Signal::TERM);
    program.ended(WITHIN).await;
    refused(directory, &delete, 3, "confirm with --yes").await;
    let dry = answer(directory, &[&delete[..], &["--dry-run"]].concat()).await;
    assert!(dry.contains("etcd_disk_wal_fsync_duration_seconds_bucket"), "{dry}");
    let deleted = answer(directory, &[&delete[..], &["--yes"]].concat()).await;
    assert!(deleted.contains("series deleted"), "{deleted}");
    let none = answer(directory, &[&delete[..], &["--yes"]].concat()).await;
    assert_eq!(none, "no such series; nothing to delete\n");
    assert_eq!(
        answer(directory, &["export", "--match", "up", "--match", "up"]).await.lines().last(),
        Some("# EOF")
    );
    answer(directory, &["compact"]).await;
    answer(directory, &["verify"]).await;

    // A backup in which something else has written.
    let file = fs::read_dir(copy.join("history")).unwrap().map(|entry| entry.unwrap().path());
    let file = file.into_iter().find(|path| path.extension() == Some("db".as_ref())).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xa5);
    fs::write(&file, bytes).unwrap();
    let Outcome { code, answer, remarks } = data(&copy, &["verify", "-o", "json"]).await;
    assert!(code == 1 && remarks.contains("of the history in"), "{remarks}");
    let found: Value = serde_json::from_str(&answer).unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();
    assert_eq!(found["problems"][0]["file"], name, "{found:#}");
}

#[tokio::test]
async fn an_export_is_what_a_real_prometheus_answers_with() {
    let (server, tool) = match (programs::prometheus(), programs::promtool()) {
        (Ok(server), Ok(tool)) => (server, tool),
        (Err(missing), _) | (_, Err(missing)) => return skip(&missing),
    };
    let Some((_cluster, program, data_dir)) = watched().await else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("page");
    let arguments = ["export", "-o", file.to_str().unwrap()];
    let Outcome { code, answer, remarks } = data(data_dir.path(), &arguments).await;
    assert_eq!((code, answer.as_str()), (0, ""), "{remarks}");
    let page = fs::read_to_string(&file).unwrap();
    assert!(page.contains("# TYPE etcd_disk_wal_fsync_duration_seconds histogram\n"), "{page}");
    // What was being scraped while the page was written may be in it or not.
    let end = page
        .lines()
        .filter(|line| line.starts_with("up{"))
        .filter_map(|line| line.rsplit(' ').next().and_then(|at| at.parse::<f64>().ok()));
    let end = end.fold(0.0, f64::max) - 3.0;
    let theirs = Prometheus::holding(&page, &tool, &server, directory.path()).await;
    wait_until("prometheus", WITHIN, async || theirs.is_up().await).await.unwrap();
    for query in [
        "up[30s]",
        "etcd_disk_wal_fsync_duration_seconds_bucket[30s]",
        "etcd_server_proposals_applied_total[30s]",
        "process_resident_memory_bytes[30s]",
        "{__name__=~%22etcd_mvcc.*%22}",
        "count(count%20by%20(__name__)({__name__=~%22.%2B%22}))",
    ] {
        let path = format!("api/v1/query?query={query}&time={end:.3}");
        let ours = http::get(program.authority(), &format!("/prometheus/{path}")).await;
        assert_eq!(http::get(theirs.authority(), &format!("/{path}")).await, ours, "{query}");
    }
}
