//! A real promtool.

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct Promtool(PathBuf);

/// The binary on the path or in the cache that `scripts/get-prometheus.sh` fills; none is told
/// loudly, and fails where CI is set.
#[expect(clippy::print_stderr, reason = "a test that was left out must be seen")]
pub(crate) fn find() -> Option<Promtool> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let home = std::env::var_os("HOME").unwrap_or_default();
    let cache = Path::new(&home).join(".cache/etcd-monitor/prometheus");
    let found = std::env::split_paths(&path)
        .chain([cache])
        .map(|dir| dir.join("promtool"))
        .find(|path| path.is_file());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "no promtool; run scripts/get-prometheus.sh");
        eprintln!("SKIPPED: no promtool; run scripts/get-prometheus.sh");
    }
    found.map(Promtool)
}

impl Promtool {
    /// Whether it ends well, and all that it says.
    pub(crate) fn run(&self, command: &[&str], files: &[PathBuf]) -> (bool, String) {
        let output = Command::new(&self.0).args(command).args(files).output().expect("it runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }
}
