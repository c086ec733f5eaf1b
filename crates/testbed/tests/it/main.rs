//! The test clusters themselves, with every version of etcd that is in the cache.

#![expect(clippy::unwrap_used, reason = "clippy knows tests only by their attribute, not helpers")]

mod cleanup;
mod faults;
mod membership;
mod smoke;
mod space;
