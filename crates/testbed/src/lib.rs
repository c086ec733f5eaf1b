//! Real etcd clusters, faults and a simulated fleet, for tests and the demo.
//!
//! A [`Cluster`] is made of etcd processes on loopback. It is gone, with its files, when it is
//! dropped and also when its owner is killed. The binaries come from `scripts/etcd/get.sh`;
//! nothing here downloads.
//!
//! Signals and process groups are Unix's, so the clusters exist on Unix only.

#![forbid(unsafe_code)]

#[cfg(unix)]
mod builder;
#[cfg(unix)]
pub mod certs;
#[cfg(unix)]
mod cluster;
#[cfg(unix)]
mod error;
#[cfg(unix)]
pub mod faults;
pub mod fleet;
#[cfg(unix)]
mod identity;
#[cfg(unix)]
mod janitor;
#[cfg(unix)]
pub mod login;
#[cfg(unix)]
mod member;
#[cfg(unix)]
mod operations;
#[cfg(unix)]
mod plan;
#[cfg(unix)]
mod ports;
#[cfg(unix)]
pub mod programs;
#[cfg(unix)]
mod scenario;
#[cfg(unix)]
pub mod version;
#[cfg(unix)]
mod wait;

#[cfg(unix)]
pub use builder::{ClusterBuilder, Security};
#[cfg(unix)]
pub use cluster::Cluster;
#[cfg(unix)]
pub use error::Error;
#[cfg(unix)]
pub use login::Login;
#[cfg(unix)]
pub use member::Member;
#[cfg(unix)]
pub use scenario::on;
#[cfg(unix)]
pub use version::EtcdVersion;
#[cfg(unix)]
pub use wait::wait_until;
