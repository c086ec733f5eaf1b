//! etcd's messages as they travel, for those who must show every field of an answer.
//!
//! [`Cluster::read`](crate::Cluster::read), [`Cluster::change`](crate::Cluster::change) and
//! [`Member::call`](crate::Member::call) take a call from [`rpc`] and its request.

pub use etcd_proto::{authpb, etcdserverpb, mvccpb};
pub use prost::Message;

/// The calls, each with its request and its answer.
pub mod rpc {
    pub use crate::rpc::*;
}
