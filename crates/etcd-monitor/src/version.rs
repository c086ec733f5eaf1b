//! What this program was built from.

use std::fmt;
use std::sync::LazyLock;

use jiff::Timestamp;

/// What this program was built from; `unknown` where the build could not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Our version.
    pub version: &'static str,
    /// The commit, shortened.
    pub commit: &'static str,
    /// The day of the build, UTC, as `2026-11-24`.
    pub date: String,
    /// The compiler, as `rustc --version` prints it.
    pub rustc: &'static str,
}

/// This build.
pub static VERSION: LazyLock<Version> = LazyLock::new(|| Version {
    version: env!("CARGO_PKG_VERSION"),
    commit: env!("BUILD_COMMIT"),
    date: day(env!("BUILD_EPOCH")),
    rustc: env!("BUILD_RUSTC"),
});

fn day(epoch: &str) -> String {
    let at = epoch.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    at.map_or_else(|| "unknown".to_owned(), |at| at.strftime("%F").to_string())
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, commit, date, rustc } = self;
        write!(f, "{version} (commit {commit}, built {date}, {rustc})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_without_a_known_time_still_has_a_version() {
        assert_eq!(day("86400"), "1970-01-02");
        assert_eq!(day("soon"), "unknown");
    }
}
