//! From alerts to notifications: routing, grouping, silences, inhibition, delivery.

#![forbid(unsafe_code)]

pub mod duration;
pub mod matcher;
