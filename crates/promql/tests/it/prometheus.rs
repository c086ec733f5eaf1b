//! A real Prometheus that serves given series on loopback until it is dropped.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use promql::Series;

pub(crate) struct Prometheus {
    child: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary called `name` on the path or in the cache that `scripts/get-prometheus.sh` fills.
fn binary(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let home = std::env::var_os("HOME").unwrap_or_default();
    let cache = Path::new(&home).join(".cache/etcd-monitor/prometheus");
    std::env::split_paths(&path)
        .chain([cache])
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
}

impl Prometheus {
    /// None without the binaries.
    pub(crate) fn start(series: &[Series]) -> Option<Self> {
        let (promtool, prometheus) = (binary("promtool")?, binary("prometheus")?);
        let dir = tempfile::tempdir().expect("a directory");
        let text = dir.path().join("samples.om");
        std::fs::write(&text, openmetrics(series)).expect("samples written");
        std::fs::write(dir.path().join("prometheus.yml"), "").expect("configuration written");
        let import = Command::new(promtool)
            .args(["tsdb", "create-blocks-from", "openmetrics"])
            .args([text.as_path(), &dir.path().join("data")])
            .output()
            .expect("promtool runs");
        assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let child = Command::new(prometheus)
            .arg(format!("--config.file={}", dir.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg("--storage.tsdb.retention.time=100y")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus starts");
        let running = Self { child, port, _dir: dir };
        let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
        while !running.get("/-/ready").is_some_and(|(head, _)| head.contains(" 200 ")) {
            assert!(tokio::time::Instant::now() < deadline, "prometheus is not ready after 60 s");
            std::thread::yield_now();
        }
        Some(running)
    }

    /// The answer to an API call with parameters.
    pub(crate) fn call(&self, path: &str, parameters: &[(&str, String)]) -> serde_json::Value {
        let mut target = format!("/api/v1/{path}?");
        for (name, value) in parameters {
            write!(target, "{name}={}&", encode(value)).expect("a string takes text");
        }
        let (_, body) = self.get(&target).expect("prometheus answers");
        serde_json::from_str(&body).expect("JSON")
    }

    fn get(&self, target: &str) -> Option<(String, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        write!(stream, "GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.to_owned(), body.to_owned()))
    }
}

fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        write!(encoded, "%{byte:02X}").expect("a string takes text");
        encoded
    })
}

fn openmetrics(series: &[Series]) -> String {
    let mut text = String::new();
    for series in series {
        let name = series.labels.get("__name__").expect("a name");
        let labels = series.labels.iter().filter(|(name, _)| *name != "__name__");
        let labels: Vec<_> = labels.map(|(name, value)| format!("{name}={value:?}")).collect();
        for sample in &series.samples {
            let at = sample.at_ms as f64 / 1000.0;
            writeln!(text, "{name}{{{}}} {:?} {at}", labels.join(","), sample.value)
                .expect("a string takes text");
        }
    }
    text.push_str("# EOF\n");
    text
}
