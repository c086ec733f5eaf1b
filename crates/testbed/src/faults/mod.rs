//! Faults made for real on real etcd, each undone when its [`Fault`] is healed or dropped.
//!
//! Most need more than a user's rights: a network namespace, `nft`, `strace`, a mount. [`lab`] says
//! what is missing. What a killed owner leaves behind goes with its cluster's janitor.

mod command;
mod fault;
mod lab;
pub(crate) mod network;
mod partition;
mod poor_link;
mod slow_disk;

pub use fault::Fault;
pub use lab::{NotHere, Part, lab};
pub use partition::CutOff;
