//! The etcd-monitor program.

fn main() {}
