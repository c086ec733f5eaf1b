//! Faults made for real on real etcd, each undone when its [`Fault`] is healed or dropped.
//!
//! Most need more than a user's rights: a network namespace, `nft`, `strace`, a mount. [`lab`] says
//! what is missing. What a killed owner leaves behind goes with its cluster's janitor.

mod clock;
mod command;
mod copies;
mod corruption;
pub(crate) mod delay;
mod fault;
pub(crate) mod full_disk;
mod lab;
mod leadership;
mod leases;
mod membership;
pub(crate) mod network;
mod partition;
mod poor_link;
mod public_address;
mod slow_disk;
mod two_places;
mod versions;
mod watchers;

use std::time::Duration;

pub use clock::ClockProxy;
pub use copies::{DataCopy, MemberCopy};
pub use fault::Fault;
pub use lab::{NotHere, Part, lab};
pub use partition::CutOff;
pub use two_places::Signpost;
pub use watchers::StuckWatchers;

/// How long one request to etcd may take.
const DEADLINE: Duration = Duration::from_secs(10);
