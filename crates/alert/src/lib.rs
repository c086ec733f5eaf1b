//! From alerts to notifications: routing, grouping, silences, inhibition, delivery.

#![forbid(unsafe_code)]

pub mod ack;
pub mod change;
pub mod config;
pub mod core;
pub mod delivery;
pub mod dispatch;
pub mod duration;
pub mod engine;
pub mod inhibit;
pub mod matcher;
mod reader;
pub mod route;
pub mod routing;
pub mod saved;
pub mod silence;
pub mod time_interval;
pub mod view;

pub use engine::{Channels, Engine, EngineError, Start};
