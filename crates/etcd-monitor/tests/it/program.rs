//! The program as its users run it: a process with flags, an address and signals.

use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use testbed::{Cluster, wait_until};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::http::{self, EventStream};

/// Start to the line with the address, on a busy machine.
const START_WITHIN: Duration = Duration::from_secs(10);

/// A running etcd-monitor; killed when dropped.
pub(crate) struct Program {
    child: Child,
    authority: String,
    output: Arc<Mutex<String>>,
    /// Goes with the program, where it is this one's own.
    data_dir: Option<TempDir>,
}

impl Program {
    /// Watches `cluster`, scraping often.
    pub(crate) async fn watch(cluster: &Cluster) -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let mut program = Self::watch_with_data(cluster, &data_dir).await;
        program.data_dir = Some(data_dir);
        program
    }

    /// The same with a data directory that outlives the program.
    pub(crate) async fn watch_with_data(cluster: &Cluster, data_dir: &TempDir) -> Self {
        let mut command = command();
        command.args(["--cluster-name", "test", "--metrics-interval", "1s"]);
        command.args(["--endpoints", &cluster.endpoints().join(",")]);
        command.arg("--data-dir").arg(data_dir.path());
        Self::start(command).await
    }

    /// Runs `command` and waits for its address.
    pub(crate) async fn start(mut command: Command) -> Self {
        command.args(["--api-port", "0"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = Arc::new(Mutex::new(String::new()));
        // The pipes are read to the end, or the program would wait for room in them.
        keep(child.stdout.take().unwrap(), Arc::clone(&output));
        keep(child.stderr.take().unwrap(), Arc::clone(&output));
        let authority = || {
            let output = output.lock().unwrap();
            let url = output.lines().find_map(|line| line.split_once(": http://"));
            url.map(|(_, authority)| authority.trim().to_owned())
        };
        let is_started = wait_until("an address", START_WITHIN, async || authority().is_some());
        is_started.await.unwrap_or_else(|error| panic!("{error}; {}", output.lock().unwrap()));
        let authority = authority().unwrap();
        Self { child, authority, output, data_dir: None }
    }

    /// `host:port` of the service.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// What it wrote so far, on both outputs.
    pub(crate) fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// The answer to a GET, which must be a good one.
    pub(crate) async fn json(&self, path: &str) -> Value {
        http::get_json(&self.authority, path).await
    }

    /// The stream of changes from now on.
    pub(crate) async fn events(&self) -> EventStream {
        EventStream::open(&self.authority, "/api/v1/stream").await
    }

    /// Waits until the answer for `path` is as wanted.
    pub(crate) async fn until(
        &self,
        what: &str,
        deadline: Duration,
        path: &str,
        is_so: impl Fn(&Value) -> bool,
    ) {
        let holds = wait_until(what, deadline, async || is_so(&self.json(path).await));
        if let Err(error) = holds.await {
            panic!("{error}; {path}: {:#}; {}", self.json(path).await, self.output());
        }
    }

    /// Waits until all of the cluster is known and well.
    pub(crate) async fn until_healthy(&self) {
        self.until("healthy", Duration::from_secs(20), "/api/v1/cluster/status", |status| {
            status["state"] == "healthy" && status["leader"]["member"]["id"].is_string()
        })
        .await;
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().unwrap().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// How it ended, which must be soon.
    pub(crate) async fn ended(&mut self, within: Duration) -> ExitStatus {
        let Ok(status) = tokio::time::timeout(within, self.child.wait()).await else {
            panic!("still runs after {within:?}: {}", self.output())
        };
        status.unwrap()
    }
}

/// The program without flags, unmoved by the environment of the tests.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etcd-monitor"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ETCD_MONITOR_") {
            command.env_remove(name);
        }
    }
    command.kill_on_drop(true).stdin(Stdio::null());
    command
}

fn keep(pipe: impl AsyncRead + Unpin + Send + 'static, output: Arc<Mutex<String>>) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut output = output.lock().unwrap();
            output.push_str(&line);
            output.push('\n');
        }
    });
}
