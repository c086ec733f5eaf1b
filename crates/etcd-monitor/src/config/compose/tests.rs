//! What flags, environment and files come to.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use jiff::Timestamp;

use super::*;
use crate::cli::values::UserPassword;

#[derive(Default)]
struct Fake {
    variables: Vec<(&'static str, &'static str)>,
    root: bool,
}

impl Environment for Fake {
    fn variable(&self, name: &str) -> Option<OsString> {
        self.variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    }

    fn is_root(&self) -> bool {
        self.root
    }
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn flags(endpoints: &[&str]) -> RunFlags {
    let mut flags = RunFlags::default();
    flags.cluster.endpoints = endpoints.iter().map(|&endpoint| endpoint.to_owned()).collect();
    flags
}

fn from_text(text: &str) -> Result<Settings, Mistakes> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    fs::write(&file, text).unwrap();
    compose(&RunFlags { config: Some(file), ..RunFlags::default() }, &Fake::default(), now())
}

#[test]
fn flags_describe_one_cluster() {
    let mut flags = flags(&["a:1", "b:2"]);
    flags.cluster.max_latency_ms = Some(7);
    flags.process.api_port = Some(0);
    let settings = compose(&flags, &Fake::default(), now()).unwrap();
    assert_eq!(settings.clusters.len(), 1);
    assert_eq!(settings.clusters[0].name, "default");
    assert_eq!(settings.clusters[0].thresholds.max_latency_ms, 7);
    assert_eq!(settings.server.port, 0);
}

#[test]
fn mistakes_in_flags_are_told_all_at_once_by_the_names_of_the_flags() {
    let mut flags = flags(&["a:1", "b:99999"]);
    flags.cluster.max_latency_ms = Some(0);
    flags.cluster.dial_timeout = Some(std::time::Duration::from_hours(1));
    let text = compose(&flags, &Fake::default(), now()).unwrap_err().to_string();
    for expected in
        ["3 mistakes", "--endpoints (value 2): ", "--max-latency-ms: ", "--dial-timeout: "]
    {
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn nothing_to_watch_is_a_mistake() {
    let text = compose(&flags(&[]), &Fake::default(), now()).unwrap_err().to_string();
    assert!(text.starts_with("nothing to watch"), "{text}");
}

#[test]
fn the_password_comes_from_the_environment_and_is_in_no_message() {
    let mut flags = flags(&["a:1", "a:1"]);
    flags.cluster.user = Some(UserPassword { user: "monitor".to_owned(), password: None });
    let fake = Fake { variables: vec![("ETCD_MONITOR_PASSWORD", "hunter2")], root: false };
    let text = compose(&flags, &fake, now()).unwrap_err().to_string();
    assert!(!text.contains("hunter2") && text.contains("--endpoints (value 2)"), "{text}");
    flags.cluster.endpoints.pop();
    let settings = compose(&flags, &fake, now()).unwrap();
    assert_eq!(settings.clusters[0].auth.password.as_ref().unwrap().expose(), "hunter2");
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn the_data_directory_follows_the_system() {
    let check = |variables: &[(&'static str, &'static str)], root, expected: &str| {
        let fake = Fake { variables: variables.to_vec(), root };
        let settings = compose(&flags(&["a:1"]), &fake, now()).unwrap();
        assert_eq!(settings.data_dir.as_deref(), Some(Path::new(expected)));
    };
    check(&[("HOME", "/home/a")], false, "/home/a/.local/share/etcd-monitor");
    check(&[("HOME", "/home/a"), ("XDG_DATA_HOME", "/data")], false, "/data/etcd-monitor");
    check(&[("HOME", "/root")], true, "/var/lib/etcd-monitor");
}

#[test]
fn defaults_lie_beneath_each_cluster() {
    let settings = from_text(
        "defaults: {thresholds: {max_latency_ms: 50, max_leader_changes: 9}, tls: {server_name: x}}\n\
         clusters:\n\
         - {name: a, endpoints: ['a:1'], thresholds: {max_latency_ms: 70}}\n\
         - {name: b, endpoints: ['http://b:1'], tls: null}\n",
    )
    .unwrap();
    let [a, b] = settings.clusters.as_slice() else { panic!("two clusters") };
    assert_eq!((a.thresholds.max_latency_ms, a.thresholds.max_leader_changes), (70, 9));
    assert!(a.tls.is_some());
    assert_eq!(b.thresholds.max_latency_ms, 50);
    assert!(b.tls.is_none(), "a cluster may say that it has none");
}

#[test]
fn a_mistake_in_the_defaults_is_told_once() {
    let text = from_text(
        "defaults: {thresholds: {max_latency_ms: 0}, intervals: {health: soon}}\n\
         clusters:\n\
         - {name: a, endpoints: ['a:1']}\n\
         - {name: b, endpoints: ['b:1']}\n",
    )
    .unwrap_err()
    .to_string();
    assert!(text.contains("2 mistakes"), "{text}");
    assert!(text.contains("defaults.intervals.health: "), "{text}");
    assert!(text.contains("defaults.thresholds.max_latency_ms: "), "{text}");
}

#[test]
fn relative_paths_are_relative_to_the_file() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("secret"), "x\n").unwrap();
    let file = directory.path().join("config.yaml");
    fs::write(
        &file,
        "clusters:\n- {name: a, endpoints: ['a:1'], auth: {user: u, password_file: secret}}\n",
    )
    .unwrap();
    let flags = RunFlags { config: Some(file), ..RunFlags::default() };
    let settings = compose(&flags, &Fake::default(), now()).unwrap();
    assert_eq!(
        settings.clusters[0].auth.password_file.as_deref(),
        Some(directory.path().join("secret").as_path())
    );
}

#[test]
fn flags_of_the_program_override_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    fs::write(&file, "clusters: [{name: a, endpoints: ['a:1']}]\nserver: {port: 1}\n").unwrap();
    let mut flags = RunFlags { config: Some(file), ..RunFlags::default() };
    flags.process.api_port = Some(2);
    flags.process.data_dir = Some("/d".into());
    let settings = compose(&flags, &Fake::default(), now()).unwrap();
    assert_eq!((settings.server.port, settings.data_dir), (2, Some("/d".into())));
}
