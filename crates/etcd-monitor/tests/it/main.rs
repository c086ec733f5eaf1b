//! The program's contracts with people and scripts: golden files, and runs beside real clusters.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and says what it measured"
)]
#![cfg(unix)]

mod alerts;
mod bench;
mod benchmarks;
mod config_files;
mod data;
mod diagnose;
mod downsampling;
mod etcdctl;
mod full_disk;
mod golden;
mod history;
mod hook;
mod http;
mod mail;
mod outages;
mod own;
mod program;
mod prometheus;
mod prometheus_api;
mod prometheus_rules;
mod query;
mod records;
mod refusals;
mod reloading;
mod rules;
mod stopping;
mod terminal;
