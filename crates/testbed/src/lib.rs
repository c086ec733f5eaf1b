//! Real etcd clusters, faults and a simulated fleet, for tests and the demo.

#![forbid(unsafe_code)]

pub mod fleet;
