//! Our etcdctl beside the real one of every supported version, on real clusters.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and says what it compared"
)]
#![cfg(unix)]

mod confirmations;
mod contexts;
mod discovery;
mod golden;
mod keys;
mod loss;
mod operate;
mod ours;
mod script;
mod side;
mod sockets;
mod transfer;
