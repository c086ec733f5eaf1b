//! The monitor against real clusters of every etcd version.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and says what it measured"
)]
#![cfg(unix)]

mod ahead;
mod alarms;
mod busy;
mod expected;
mod failures;
mod faults;
mod figures;
mod health;
mod hostile;
mod membership;
mod recorded;
mod rotation;
mod watched;
