//! Watching a fleet of etcd clusters: targets, probes, sweeps, health, findings and events.
//!
//! Data moves one way. [`probe`] and [`scrape`] ask the members; a [`sweep`] is one picture of what
//! they said; [`judge`] has it judged by [`picture`], [`health`], [`leader`], [`membership`], the
//! detectors in [`detect`] (with the longer memory of [`chronicle`]), [`findings`], [`correlate`] and [`expected`],
//! all of them pure, without clock or I/O, and puts their verdicts together into a [`view`], which is
//! all that the outside reads. `cluster` is the task that
//! drives this for one cluster, [`record`] holds what it found, [`fleet`] is the set of them.

#![forbid(unsafe_code)]

pub mod advice;
pub mod benchmark;
mod changes;
pub mod checks;
pub mod chronicle;
mod cluster;
pub mod config;
pub mod consistency;
pub mod correlate;
pub mod detect;
mod discovery;
pub mod event_log;
pub mod expected;
pub mod findings;
pub mod fleet;
pub mod health;
pub mod judge;
pub mod keyspace;
pub mod latency;
pub mod leader;
pub mod membership;
pub mod metrics;
pub mod own;
pub mod picture;
pub mod probe;
pub mod quota;
pub mod record;
#[cfg(test)]
mod scene;
pub mod schedule;
pub mod scrape;
pub mod sink;
pub mod skew;
pub mod sweep;
mod target;
pub mod targets;
pub mod trend;
mod urgency;
pub mod view;
mod write_probe;
