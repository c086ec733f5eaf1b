//! From alerts to notifications: routing, grouping, silences, inhibition, delivery.

#![forbid(unsafe_code)]

pub mod config;
pub mod duration;
pub mod matcher;
mod reader;
pub mod time_interval;
