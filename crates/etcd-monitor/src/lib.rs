//! The etcd-monitor program.
