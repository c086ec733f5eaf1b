//! What is logged, and how: on standard error, with a level that can be changed while running.

use std::env;
use std::io::{self, IsTerminal as _};

use schemars::JsonSchema;
use serde::Deserialize;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{Layer as _, Registry, fmt, reload};

/// The `log` section of the configuration file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How much to log. Default: `warn` when standard error is a terminal, else `info`. A change
    /// applies at once.
    pub level: Option<Level>,
    /// How to log. A change needs a restart.
    pub format: Format,
}

/// How much to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What failed and is not repeated.
    Error,
    /// What a person should look into.
    Warn,
    /// What changed.
    Info,
    /// Each sweep, request and connection.
    Debug,
    /// Everything.
    Trace,
}

/// How to log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Level {
    /// The name in flags and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }
}

impl Format {
    /// The name in flags and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// Our own crates. Others stay at `warn`: at `debug` they would drown us.
const OURS: [&str; 8] =
    ["etcd_monitor", "etcd", "monitor", "promql", "server", "store", "testbed", "tsdb"];

impl Config {
    fn targets(&self) -> Targets {
        let default = if io::stderr().is_terminal() { Level::Warn } else { Level::Info };
        let level = self.level.unwrap_or(default).filter();
        Targets::new()
            .with_default(level.min(LevelFilter::WARN))
            .with_targets(OURS.map(|target| (target, level)))
    }

    /// Begins to log; once per process.
    ///
    /// # Errors
    /// When something else logs already.
    pub fn init(&self) -> Result<Handle, TryInitError> {
        let (targets, handle) = reload::Layer::new(self.targets());
        let lines = fmt::layer().with_writer(io::stderr);
        let is_colourful = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none();
        let lines = match self.format {
            Format::Text => lines.with_ansi(is_colourful).boxed(),
            Format::Json => lines.json().flatten_event(true).boxed(),
        };
        tracing_subscriber::registry().with(lines.with_filter(targets)).try_init()?;
        Ok(Handle(Some(handle)))
    }
}

/// Changes the level while the program runs.
#[derive(Debug, Clone, Default)]
pub struct Handle(Option<reload::Handle<Targets, Registry>>);

impl Handle {
    /// Logs as much as `config` says from now on.
    pub fn apply(&self, config: &Config) {
        if let Some(handle) = &self.0 {
            // Fails only once the subscriber is gone, and then nobody listens.
            let _ = handle.reload(config.targets());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_crates_stay_quiet_at_debug() {
        let targets = Config { level: Some(Level::Debug), ..Config::default() }.targets();
        assert!(targets.would_enable("monitor::sweep", &tracing::Level::DEBUG));
        assert!(!targets.would_enable("h2::codec", &tracing::Level::INFO));
    }
}
