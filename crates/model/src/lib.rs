//! The vocabulary of the project: identifiers, health, findings, events, secrets, time.
//!
//! Nothing here does I/O, reads a clock or knows a wire format. Every other crate may depend on
//! this one; it depends on none of them.

#![forbid(unsafe_code)]

pub mod ack;
pub mod alert;
pub mod clock;
pub mod config_error;
pub mod event;
pub mod finding;
pub mod health;
pub mod id;
pub mod leader;
pub mod maintenance;
pub mod membership;
pub mod notification;
pub mod rule_alert;
pub mod secret;
pub mod series;
pub mod severity;
pub mod silence;
pub mod together;
