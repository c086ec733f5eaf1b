//! A real Prometheus scrapes us, and has nothing to complain about.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use testbed::version::skip;
use testbed::{Cluster, EtcdVersion, programs, wait_until};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use crate::http;
use crate::program::Program;

/// A running Prometheus.
pub(crate) struct Prometheus {
    process: Child,
    authority: String,
}

impl Prometheus {
    /// One that scrapes a target every second.
    pub(crate) fn scraping(target: &str, program: &Path, directory: &Path) -> Self {
        let job = format!("{{job_name: it, static_configs: [{{targets: ['{target}']}}]}}");
        let config = format!("global: {{scrape_interval: 1s}}\nscrape_configs: [{job}]\n");
        Self::start(&config, program, directory)
    }

    /// One that has the samples of an OpenMetrics page, and gets no more.
    pub(crate) async fn holding(page: &str, tool: &Path, program: &Path, directory: &Path) -> Self {
        let samples = directory.join("samples");
        fs::write(&samples, page).unwrap();
        let import = Command::new(tool)
            .args(["tsdb", "create-blocks-from", "openmetrics"])
            .args([&samples, &directory.join("data")])
            .output()
            .await
            .unwrap();
        assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
        Self::start("", program, directory)
    }

    /// One with this configuration.
    pub(crate) fn start(configuration: &str, program: &Path, directory: &Path) -> Self {
        let config = directory.join("prometheus.yml");
        fs::write(&config, configuration).unwrap();
        // Free now; Prometheus cannot choose a port itself.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let authority = format!("127.0.0.1:{port}");
        let process = Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
            .arg(format!("--web.listen-address={authority}"))
            .arg("--log.level=warn")
            .stderr(fs::File::create(directory.join("log")).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { process, authority }
    }

    /// The value of an expression that comes to one series.
    async fn value(&self, expression: &str) -> Option<f64> {
        let path = format!("/api/v1/query?query={expression}");
        let answer = http::get_json(&self.authority, &path).await;
        answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    }

    pub(crate) async fn until(&self, expression: &str, wanted: f64, within: Duration) {
        let is_so = async || self.value(expression).await == Some(wanted);
        if let Err(error) = wait_until(expression, within, is_so).await {
            panic!("{error}; it is {:?}", self.value(expression).await);
        }
    }

    /// `host:port` of its API.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    pub(crate) async fn is_up(&self) -> bool {
        tokio::net::TcpStream::connect(&self.authority).await.is_ok()
            && http::get(&self.authority, "/-/ready").await.0 == 200
    }
}

#[tokio::test]
async fn prometheus_scrapes_the_truth_without_a_complaint() {
    let (server, tool) = match (programs::prometheus(), programs::promtool()) {
        (Ok(server), Ok(tool)) => (server, tool),
        (Err(missing), _) | (_, Err(missing)) => return skip(&missing),
    };
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).start().await.unwrap();
    let program = Program::watch(&cluster).await;
    program.until_healthy().await;

    let directory = tempfile::tempdir().unwrap();
    let mut prometheus = Prometheus::scraping(program.authority(), &server, directory.path());
    wait_until("prometheus", Duration::from_secs(30), async || prometheus.is_up().await)
        .await
        .unwrap();
    prometheus.until("up", 1.0, Duration::from_secs(10)).await;
    prometheus.until("etcd_monitor_up", 1.0, Duration::from_secs(1)).await;
    prometheus.until("sum(etcd_monitor_member_healthy)", 3.0, Duration::from_secs(1)).await;
    let leader = "etcd_monitor_leader_info*on(member)group_left()etcd_monitor_member_healthy";
    prometheus.until(leader, 1.0, Duration::from_secs(1)).await;
    let samples = prometheus.value("scrape_samples_scraped").await.unwrap();
    let kept = prometheus.value("scrape_samples_post_metric_relabeling").await.unwrap();
    assert!(samples > 50.0 && samples == kept, "{samples} samples, {kept} kept");

    // Its next scrapes tell the same as we do.
    cluster.follower().await.unwrap().kill().await.unwrap();
    let within = Duration::from_secs(10);
    prometheus.until("sum(etcd_monitor_member_healthy)", 2.0, within).await;
    prometheus.until("etcd_monitor_has_quorum", 1.0, within).await;
    prometheus.until("etcd_monitor_quorum_margin", 0.0, within).await;

    let targets = http::get_json(&prometheus.authority, "/api/v1/targets").await;
    assert_eq!(targets["data"]["activeTargets"][0]["lastError"], "", "{targets:#}");
    prometheus.process.kill().await.unwrap();
    assert_eq!(fs::read_to_string(directory.path().join("log")).unwrap(), "");

    promtool_finds_nothing(&tool, &http::get(program.authority(), "/metrics").await.1).await;
}

async fn promtool_finds_nothing(tool: &Path, page: &str) {
    let mut check = Command::new(tool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    check.stdin.take().unwrap().write_all(page.as_bytes()).await.unwrap();
    let outcome = check.wait_with_output().await.unwrap();
    let said = [outcome.stdout, outcome.stderr].concat();
    assert_eq!(String::from_utf8_lossy(&said), "");
    assert!(outcome.status.success());
}
