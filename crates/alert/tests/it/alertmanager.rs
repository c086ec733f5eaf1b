//! A real Alertmanager on loopback until it is dropped, and where its programs are.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::http;

/// The program called `name` on the path or in the cache that `scripts/get-alertmanager.sh` fills; when
/// there is none this is said, and with `CI=true` the test fails.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let user = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let cache = set("ETCD_MONITOR_CACHE").or_else(|| Some(user?.join("etcd-monitor")));
    let cache = cache.unwrap_or_default().join("alertmanager");
    let found = std::env::split_paths(&path)
        .chain([cache])
        .map(|dir| dir.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        let reason = format!("no {name}; run scripts/get-alertmanager.sh");
        assert!(std::env::var("CI").as_deref() != Ok("true"), "SKIPPED, but CI=true: {reason}");
        // Not by eprintln, which the test harness keeps to itself when the test passes.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {reason}");
    }
    found
}

pub(crate) struct Alertmanager {
    child: Child,
    port: u16,
    dir: tempfile::TempDir,
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Alertmanager {
    pub(crate) fn start(program: &Path, config: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("alertmanager.yml");
        std::fs::write(&file, config).expect("a configuration");
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let log = std::fs::File::create(dir.path().join("log")).expect("a log");
        let child = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("it starts");
        let running = Self { child, port, dir };
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        let is_ready = || http::call(port, "GET", "/-/ready", "").is_some_and(|(s, _)| s == 200);
        while !is_ready() {
            if tokio::time::Instant::now() >= deadline {
                let log = std::fs::read_to_string(running.dir.path().join("log"));
                panic!("it is not ready after 30 s: {}", log.unwrap_or_default());
            }
            std::thread::yield_now();
        }
        running
    }

    /// The answer to a call of the API.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        body: &serde_json::Value,
    ) -> serde_json::Value {
        let path = format!("/api/v2/{path}");
        let (status, answer) =
            http::call(self.port, method, &path, &body.to_string()).expect("it answers");
        assert_eq!(status, 200, "{method} {path} {body}: {answer}");
        serde_json::from_str(&answer).unwrap_or_default()
    }
}
