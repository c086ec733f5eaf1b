//! What answers look like: one type per resource, each made from the domain by a pure function.
//!
//! Conventions: names in `snake_case`; IDs as hexadecimal text, since JSON numbers lose digits;
//! times in RFC 3339, UTC; durations in seconds, sizes in bytes; what is not known is `null`, never
//! left out and never 0.

pub(crate) mod advice;
pub(crate) mod alert;
pub(crate) mod alert_history;
pub(crate) mod benchmark;
pub(crate) mod capacity;
pub(crate) mod cluster;
pub(crate) mod event;
pub(crate) mod finding;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod latency;
pub(crate) mod leader;
pub(crate) mod member;
pub(crate) mod metrics;
pub(crate) mod names;
pub(crate) mod status;
pub(crate) mod time;

#[cfg(test)]
pub(crate) mod samples;
