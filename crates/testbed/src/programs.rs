//! Programs of others that tests run, such as Prometheus.

use std::path::PathBuf;

use crate::version::cache_dir;

/// A program that is not here.
#[derive(Debug, Clone, thiserror::Error)]
#[error("no {program} on PATH; run {script}")]
pub struct NotFound {
    program: &'static str,
    script: &'static str,
}

/// The server of Prometheus.
pub fn prometheus() -> Result<PathBuf, NotFound> {
    find("prometheus", "prometheus", "scripts/get-prometheus.sh")
}

/// The tool that comes with Prometheus.
pub fn promtool() -> Result<PathBuf, NotFound> {
    find("promtool", "prometheus", "scripts/get-prometheus.sh")
}

/// The server of Alertmanager.
pub fn alertmanager() -> Result<PathBuf, NotFound> {
    find("prometheus-alertmanager", "alertmanager", "scripts/get-alertmanager.sh")
}

/// The directory with `rules.json`, the alerting rules of the etcd mixin, and its test of them.
pub fn mixin() -> Result<PathBuf, NotFound> {
    let rules = find("rules.json", "mixin", "scripts/get-mixin.sh")?;
    Ok(rules.parent().expect("invariant: a file is in a directory").to_owned())
}

/// The disk benchmark that etcd's documentation recommends.
pub fn fio() -> Result<PathBuf, NotFound> {
    find("fio", "fio", "./test.sh, which installs it")
}

/// The tool that comes with Alertmanager.
pub fn amtool() -> Result<PathBuf, NotFound> {
    find("amtool", "alertmanager", "scripts/get-alertmanager.sh")
}

/// Looks on PATH, then where `script` puts what it fetches.
fn find(program: &'static str, directory: &str, script: &'static str) -> Result<PathBuf, NotFound> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([cache_dir().join(directory)])
        .map(|directory| directory.join(program))
        .find(|file| file.is_file())
        .ok_or(NotFound { program, script })
}
