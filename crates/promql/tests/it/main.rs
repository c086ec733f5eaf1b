//! Queries against the same samples in a real Prometheus, and what only we can show.

mod data;
mod errors;
mod memory;
mod oracle;
mod prometheus;
mod staleness;
