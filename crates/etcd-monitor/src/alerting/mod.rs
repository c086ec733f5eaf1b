//! Alerting in the program: findings and rules in, commands for people.

pub mod command;
mod config;
mod feed;
mod findings;
mod globbed;
mod heartbeat;
mod masked;
mod routes;
mod start;

pub use config::{Config, Heartbeat};
pub(crate) use globbed::globbed;
pub(crate) use masked::masked;
pub(crate) use routes::Routes;
pub(crate) use start::{Alerting, start};
