//! Alerting in the program: findings and rules in, commands for people.

pub mod command;
mod config;
mod explain;
mod feed;
mod findings;
mod globbed;
mod heartbeat;
mod lateness;
mod masked;
mod routes;
mod rule_groups;
mod rule_trouble;
mod rules;
mod service;
mod shown_rules;
mod start;

pub use config::{Config, Heartbeat};
pub(crate) use explain::text as explained;
pub(crate) use globbed::globbed;
pub(crate) use lateness::Lateness;
pub(crate) use masked::masked;
pub(crate) use routes::Routes;
pub(crate) use rule_groups::watched_files;
pub(crate) use service::{Service, Surroundings};
