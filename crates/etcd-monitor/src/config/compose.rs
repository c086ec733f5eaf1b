//! Putting the settings of a run together from flags, environment, file and defaults.

use std::ffi::OsString;
use std::path::PathBuf;

use jiff::Timestamp;

use super::from_file::from_file;
use super::from_flags::from_flags;
use super::settings::Settings;
use crate::cli::flags::{ProcessFlags, RunFlags};
use crate::error::Mistakes;

/// What [`compose`] needs of the world beside files.
pub trait Environment {
    /// An environment variable.
    fn variable(&self, name: &str) -> Option<OsString>;

    /// Whether this process runs as root.
    fn is_root(&self) -> bool;
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEnvironment;

impl Environment for SystemEnvironment {
    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    #[cfg(target_os = "linux")]
    fn is_root(&self) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
    }

    #[cfg(not(target_os = "linux"))]
    fn is_root(&self) -> bool {
        self.variable("USER").is_some_and(|user| user == "root")
    }
}

/// The settings that `flags` ask for; reads the configuration file and the files that it names.
/// `now` decides which certificates have expired.
///
/// # Errors
/// Every mistake at once, each with the key or flag that holds it.
pub fn compose(
    flags: &RunFlags,
    environment: &dyn Environment,
    now: Timestamp,
) -> Result<Settings, Mistakes> {
    let mut settings = match &flags.config {
        Some(file) => from_file(file, now)
            .map_err(|mistakes| Mistakes { file: Some(file.clone()), mistakes })?,
        None => from_flags(&flags.cluster, environment, now)
            .map_err(|mistakes| Mistakes { file: None, mistakes })?,
    };
    override_process(&mut settings, &flags.process);
    settings.data_dir = settings.data_dir.or_else(|| default_data_dir(environment));
    Ok(settings)
}

fn override_process(settings: &mut Settings, flags: &ProcessFlags) {
    set(&mut settings.server.host, flags.api_host.clone());
    set(&mut settings.server.port, flags.api_port);
    settings.log.level = flags.log_level.or(settings.log.level);
    set(&mut settings.log.format, flags.log_format);
    settings.benchmark.enabled |= flags.benchmark_enabled;
    set(&mut settings.benchmark.interval, flags.benchmark_interval);
    if flags.data_dir.is_some() {
        settings.data_dir.clone_from(&flags.data_dir);
    }
}

/// Where data is when nobody says it; none when the system has no place for it.
pub fn default_data_dir(environment: &dyn Environment) -> Option<PathBuf> {
    let directory =
        |name| environment.variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(data) = directory("XDG_DATA_HOME") {
        return Some(data.join("etcd-monitor"));
    }
    if environment.is_root() {
        return Some(PathBuf::from("/var/lib/etcd-monitor"));
    }
    directory("HOME")
        .map(|home| home.join(".local/share/etcd-monitor"))
        .or_else(|| directory("LOCALAPPDATA").map(|data| data.join("etcd-monitor")))
}

/// Replaces a default by a value that was given.
pub(super) fn set<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

#[cfg(test)]
mod tests;
