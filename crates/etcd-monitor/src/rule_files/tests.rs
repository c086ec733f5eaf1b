//! What the commands say of good and bad files, and of a history.

use std::time::Duration;

use jiff::SignedDuration;
use model::series::Labels;

use super::*;
use crate::cli::data::{Location, Output};
use crate::config::SystemEnvironment;
use crate::query::request::Moment;

const RULES: &str = "groups:\n- name: g\n  rules:\n  - {alert: Down, expr: up == 0}\n";
const TEST: &str = "rule_files: ['*.rules.yaml']\ntests:\n- interval: 1m\n  \
    input_series: [{series: up, values: 0x5}]\n  \
    alert_rule_test: [{eval_time: 1m, alertname: Down, exp_alerts: [{}]}]\n";

fn run_in(
    dir: &Path,
    command: impl FnOnce(Vec<PathBuf>) -> RulesCommand,
    files: &[&str],
) -> (String, Result<(), Error>) {
    let mut out = Vec::new();
    let files = files.iter().map(|file| dir.join(file)).collect();
    let outcome = run(command(files), &SystemEnvironment, Timestamp::UNIX_EPOCH, &mut out);
    let text = String::from_utf8(out).expect("text");
    (text.replace(&format!("{}/", dir.display()), ""), outcome)
}

#[test]
fn files_are_checked_and_tested() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    fs::write(dir.join("a.rules.yaml"), RULES).expect("written");
    fs::write(dir.join("test.yaml"), TEST).expect("written");
    fs::write(dir.join("bad.yaml"), RULES.replace("up ==", "sum(")).expect("written");
    fs::write(dir.join("fails.yaml"), TEST.replace("0x5", "1x5")).expect("written");

    let check = |files| RulesCommand::Check { files };
    let (text, outcome) = run_in(dir, check, &["a.rules.yaml"]);
    assert_eq!(text, "a.rules.yaml: well, 1 rule\n");
    outcome.expect("good rules");
    for files in [&["a.rules.yaml", "bad.yaml"][..], &["missing.yaml"]] {
        let (_, outcome) = run_in(dir, check, files);
        assert_eq!(outcome.expect_err("bad rules").exit_code(), 3);
    }

    let test = |files| RulesCommand::Test { files };
    let (text, outcome) = run_in(dir, test, &["test.yaml"]);
    assert_eq!(text, "test.yaml: well\n");
    outcome.expect("tests hold");
    let (text, outcome) = run_in(dir, test, &["fails.yaml"]);
    assert!(text.contains("fails.yaml: test 1: line 5: alertname Down, time 1m"), "{text}");
    assert_eq!(outcome.expect_err("a test fails").exit_code(), 1);
}

#[test]
fn the_default_rules_are_printed_as_they_are() {
    let (text, outcome) = run_in(Path::new("/"), |_| RulesCommand::Default, &[]);
    outcome.expect("printed");
    assert_eq!(text, rules::DEFAULT);
    assert!(default_rules().rules() > 40);
}

/// A history in which a member was down for ten minutes.
fn history(data_dir: &Path) {
    let store =
        tsdb::Tsdb::open(&data_dir.join(crate::history::DIRECTORY), tsdb::Options::default())
            .expect("a store");
    let up = store.series_id(&Labels::new([("__name__", "up"), ("job", "etcd")]));
    let target = store.target(&Labels::new([("cluster", "c"), ("member", "m1")]));
    for minute in 0..60 {
        let value = f64::from(u8::from(!(20..30).contains(&minute)));
        target.append(START_MS + minute * 60_000, &[(up, value)]).expect("appended");
    }
    store.close();
}

const START_MS: i64 = 1_700_006_400_000;

#[test]
fn a_stopped_monitors_history_is_replayed() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    history(dir);
    fs::write(dir.join("a.yaml"), RULES).expect("written");
    let start = Timestamp::from_millisecond(START_MS).expect("a moment");
    let replay = |output, from| {
        move |files| RulesCommand::Replay {
            files,
            from: Moment::At(from),
            to: Some(Moment::At(start + SignedDuration::from_mins(59))),
            interval: Duration::from_mins(1),
            location: Location { data_dir: Some(dir.to_owned()) },
            output,
        }
    };
    let (text, outcome) = run_in(dir, replay(Output::Table, start), &["a.yaml"]);
    outcome.expect("a replay");
    insta::assert_snapshot!(text, @r#"
    1 alert from 2023-11-15T00:00:00Z to 2023-11-15T00:59:00Z, 60 evaluations
    since                   for  severity  alert  labels
    2023-11-15 00:20:00  10m00s            Down   cluster="c" job="etcd" member="m1"
    "#);
    let (text, outcome) = run_in(dir, replay(Output::Json, start), &["a.yaml"]);
    outcome.expect("a replay");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["alerts"][0]["labels"]["member"], "m1");
    let (_, outcome) = run_in(dir, replay(Output::Table, Timestamp::MAX), &["a.yaml"]);
    assert_eq!(outcome.expect_err("reversed").exit_code(), 3);
    let missing = dir.join("missing");
    let (_, outcome) = run_in(
        &missing,
        |_| RulesCommand::Replay {
            files: Vec::new(),
            from: Moment::At(start),
            to: None,
            interval: Duration::from_mins(1),
            location: Location { data_dir: Some(missing.clone()) },
            output: Output::Table,
        },
        &[],
    );
    assert_eq!(outcome.expect_err("no history").exit_code(), 3);
}
