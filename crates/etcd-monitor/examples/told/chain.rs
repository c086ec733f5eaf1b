//! The ways from a cluster to a webhook: our program, and Prometheus with Alertmanager.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::programs;
use tokio::process::{Child, Command};

use crate::receiver::Receiver;

/// What is between the members and the webhook.
pub(crate) struct Chain {
    pub(crate) name: &'static str,
    pub(crate) receiver: Receiver,
    /// Whether the alerts have the mixin's names.
    pub(crate) is_mixin: bool,
    _programs: Vec<Child>,
    _directory: TempDir,
}

/// How Prometheus and Alertmanager are set.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) name: &'static str,
    /// Between scrapes, and between evaluations.
    pub(crate) interval: &'static str,
    pub(crate) group_wait: &'static str,
    /// Whether rules wait as long as the mixin says before they fire.
    pub(crate) keeps_for: bool,
}

impl Settings {
    /// As the files that come with both have it; then as fast as is sensible; then also without
    /// any wait in the rules, which nobody could bear in production.
    pub(crate) const ALL: [Self; 3] = [
        Self { name: "usual", interval: "15s", group_wait: "30s", keeps_for: true },
        Self { name: "fastest", interval: "1s", group_wait: "0s", keeps_for: true },
        Self { name: "no-for", interval: "1s", group_wait: "0s", keeps_for: false },
    ];
}

/// Our program, everything at its defaults.
pub(crate) async fn ours(program: &Path, endpoints: &[String]) -> Chain {
    let receiver = Receiver::listen().await;
    let directory = tempfile::tempdir().expect("a directory");
    let config = json!({
        "clusters": [{"name": "bench", "endpoints": endpoints}],
        "data_dir": directory.path().join("data"),
        "server": {"port": 0},
        "alerts": {"webhook": {"url": format!("http://{}/", receiver.address)}},
    });
    let file = write(&directory, "config.yaml", &config);
    let started = start(Command::new(program).arg("--config").arg(file));
    Chain {
        name: "ours",
        receiver,
        is_mixin: false,
        _programs: vec![started],
        _directory: directory,
    }
}

/// Prometheus with the rules of the etcd mixin in the file `mixin`, and Alertmanager.
pub(crate) async fn theirs(settings: Settings, mixin: &Path, endpoints: &[String]) -> Chain {
    let receiver = Receiver::listen().await;
    let directory = tempfile::tempdir().expect("a directory");
    let [alertmanager_port, prometheus_port] = free_ports();
    let alertmanager = json!({
        "route": {"receiver": "hook", "group_wait": settings.group_wait, "group_interval": "5s"},
        "receivers": [{
            "name": "hook",
            "webhook_configs": [{"url": format!("http://{}/", receiver.address)}],
        }],
    });
    let alertmanager = write(&directory, "alertmanager.yml", &alertmanager);
    let rules = write(&directory, "rules.yml", &rules(mixin, settings.keeps_for));
    let targets: Vec<&str> = endpoints.iter().map(|url| host(url)).collect();
    let prometheus = json!({
        "global": {
            "scrape_interval": settings.interval,
            "evaluation_interval": settings.interval,
            "scrape_timeout": settings.interval,
        },
        "rule_files": [rules],
        "alerting": {"alertmanagers": [{
            "static_configs": [{"targets": [format!("127.0.0.1:{alertmanager_port}")]}],
        }]},
        "scrape_configs": [{"job_name": "etcd", "static_configs": [{"targets": targets}]}],
    });
    let prometheus = write(&directory, "prometheus.yml", &prometheus);
    let storage = |name: &str| directory.path().join(name).display().to_string();
    let alertmanager = start(
        Command::new(programs::alertmanager().expect("an alertmanager"))
            .arg(format!("--config.file={}", alertmanager.display()))
            .arg(format!("--storage.path={}", storage("alertmanager")))
            .arg(format!("--web.listen-address=127.0.0.1:{alertmanager_port}"))
            .arg("--cluster.listen-address="),
    );
    let prometheus = start(
        Command::new(programs::prometheus().expect("a prometheus"))
            .arg(format!("--config.file={}", prometheus.display()))
            .arg(format!("--storage.tsdb.path={}", storage("prometheus")))
            .arg(format!("--web.listen-address=127.0.0.1:{prometheus_port}")),
    );
    Chain {
        name: settings.name,
        receiver,
        is_mixin: true,
        _programs: vec![alertmanager, prometheus],
        _directory: directory,
    }
}

fn rules(mixin: &Path, keeps_for: bool) -> Value {
    let text = std::fs::read_to_string(mixin).expect("the mixin's rules");
    let mut rules: Value = serde_json::from_str(&text).expect("the mixin's rules as JSON");
    if !keeps_for {
        for group in rules["groups"].as_array_mut().into_iter().flatten() {
            for rule in group["rules"].as_array_mut().into_iter().flatten() {
                rule.as_object_mut().map(|rule| rule.remove("for"));
            }
        }
    }
    rules
}

fn host(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, host)| host)
}

fn write(directory: &TempDir, name: &str, content: &Value) -> PathBuf {
    let file = directory.path().join(name);
    std::fs::write(&file, content.to_string()).expect("a file");
    file
}

fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("an address").port())
}

fn start(command: &mut Command) -> Child {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the program starts")
}
