//! Results as they are shown and kept, without a cluster.

use ::bench::Outcome;
use ::bench::store::Store;
use serde_json::json;

use super::*;

/// A result as it is kept.
fn outcome(p99_ms: u64) -> Outcome {
    let point = |at: u32| {
        json!({"at_seconds": at, "seconds": 1.0, "succeeded": 90 + at, "failed": at, "p50_seconds": 0.002,
               "p99_seconds": 0.02, "max_seconds": 0.03})
    };
    serde_json::from_value(json!({
        "format": 1,
        "id": "20261128T120000Z-put",
        "started_at": "2026-11-28T12:00:00Z",
        "spec": {"kind": "put", "value_bytes": "64-128"},
        "ended": "complete",
        "seconds": 2.0,
        "throughput": 50.5,
        "operations": [{
            "name": "put", "succeeded": 101, "timeouts": 1, "throughput": 50.5,
            "latencies": [[2_000_000, 99], [p99_ms * 1_000_000, 3]]
        }],
        "errors": [{"kind": "deadline", "count": 1, "example": "no answer within 5s"}],
        "conflicts": 0,
        "points": [point(1), point(2)],
        "members": [{
            "name": "m1", "version": "3.6.5", "was_leader": true, "is_leader": true,
            "db_bytes": [20_480, 1_020_480], "counted": {"Put": 103}, "fsync_p99_seconds": 0.004,
            "commit_p99_seconds": null, "peer_round_trip_p99_seconds": null, "applied": 103,
            "failed_proposals": 0, "leader_changes": 0, "cpu_seconds": 0.5, "resident_bytes": 40_000_000
        }],
        "calls": {"Put": {"sent": 103, "counted": 103}},
        "generator": {
            "threads": 1, "cpu_seconds": 0.01, "lateness": [[50_000, 102]], "held": 0, "limit": null
        },
        "environment": {
            "program": "etcd-monitor 0.1.0", "system": "linux x86_64", "cores": 2, "processor": "Example",
            "memory_bytes": null, "load": 0.5
        },
        "remarks": []
    }))
    .unwrap()
}

#[test]
fn a_result_as_text_is_the_golden_text() {
    insta::assert_snapshot!(text::render(&outcome(20)));
}

#[test]
fn a_result_as_a_page_has_plots_and_no_script() {
    let page = html::render(&outcome(20));
    assert_eq!(page.matches("<svg").count(), 4, "{page}");
    assert!(!page.contains("<script") && !page.contains("http://"), "{page}");
    assert!(page.contains("20.0 ms"), "{page}");
}

#[test]
fn tables_have_every_second_and_every_latency() {
    let outcome = outcome(20);
    let csv = csv::time_line(&outcome);
    assert_eq!(csv.lines().count(), 3);
    assert!(csv.contains("2.000,1.000,92,2,0.002000000,0.020000000,0.030000000\n"), "{csv}");
    let hdr = csv::percentiles(&outcome);
    let lines: Vec<&str> = hdr.lines().collect();
    assert!(lines[2].contains("0.970588235294         99          34.00"), "{hdr}");
    assert!(lines[3].trim_end().ends_with("1.000000000000        102"), "{hdr}");
}

#[test]
fn results_are_kept_listed_and_compared() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::new(directory.path().join("bench"));
    let mut names = [Vec::new(), Vec::new()];
    for (side, millis) in [(0, 20), (1, 40)] {
        for run in 0..6 {
            let mut outcome = outcome(millis + run);
            store.keep(&mut outcome).unwrap();
            names[side].push(outcome.id);
        }
    }
    assert_eq!(names[0][1], "20261128T120000Z-put-2", "names are not used twice");
    assert_eq!(store.list().unwrap().len(), 12);
    let (mut out, text) = (Vec::new(), Form::default());
    let worse = compare(&store, &names[0], &names[1], &text, &mut out).unwrap_err();
    assert_eq!(worse.exit_code(), 1);
    let told = String::from_utf8(out).unwrap();
    assert!(
        told.contains("WORSE") && told.contains("no difference larger than 0.0 % seen"),
        "{told}"
    );
    let path = directory.path().join("compared.json");
    let json = Form { output: Output::Json, to: Some(path.clone()) };
    compare(&store, &names[0], &names[1], &json, &mut Vec::new()).unwrap_err();
    let told: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(told.is_object(), "{told}");
    compare(&store, &names[1], &names[0], &text, &mut Vec::new()).unwrap();
    store.set_baseline("before", names[0].clone()).unwrap();
    assert_eq!(store.baselines().unwrap()["before"], names[0]);
    let few = compare(&store, &names[0][..4], &names[1], &text, &mut Vec::new());
    assert!(few.is_ok(), "no verdict below five runs");
    assert!(matches!(store.read("none"), Err(::bench::Error::Unknown(_))));
}

#[test]
fn objectives_are_met_or_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("slo.yaml");
    let judge = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let objectives = load::objectives(Some(&path)).unwrap().unwrap();
        objectives.judge(&outcome(20)).iter().map(|judged| judged.is_met).collect::<Vec<_>>()
    };
    let put = "operations:\n  put: {min_throughput: 50, max_p50_ms: 5, max_p99_ms: 10, max_error_ratio: 0.02}";
    assert_eq!(judge(put), [true, true, false, true]);
    assert!(judge("operations: {get: {min_throughput: 1}}").is_empty());
    std::fs::write(&path, "operations: {put: {p99: 5}}").unwrap();
    let wrong = load::objectives(Some(&path)).unwrap_err();
    assert!(wrong.to_string().contains("slo.yaml") && wrong.exit_code() == 3, "{wrong}");
}
