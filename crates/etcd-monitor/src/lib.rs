//! The etcd-monitor program as a library, so that tests start it in process.
//!
//! [`cli`] parses what the user typed, [`config`] composes it with the configuration file into
//! [`config::Settings`], [`app`] runs those settings until it is told to stop, and [`console`]
//! tells a person what happens. [`query`] and [`capacity`] ask a running one, [`data`] looks after what it keeps, and
//! [`diagnose`] looks at clusters for a while and reports; [`maintenance`] tells it what to expect;
//! [`rule_files`] checks, tests and tries out rules; [`bench`](mod@bench) measures.

#![forbid(unsafe_code)]

pub mod alerting;
pub mod app;
pub mod bench;
pub mod benchmarks;
pub mod capacity;
pub mod cli;
pub mod config;
pub mod console;
pub mod data;
pub mod diagnose;
pub mod error;
pub mod history;
pub mod logging;
pub mod maintenance;
pub mod query;
pub mod records;
pub mod rest;
pub mod rule_files;
pub mod version;

/// Writes a line for a person to standard error; a closed one is nobody's loss.
pub fn say(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
