//! Stubs of etcd's gRPC services, generated from our own `.proto` files.
//!
//! Package, service and method names and the numbers of fields are facts of etcd's protocol; the
//! files in `proto/` state them for etcd 3.4 to 3.7. Fields that only some versions send stand
//! there with the version that brought them; older servers leave them at their default.

#![forbid(unsafe_code)]

/// Keys and events as the store keeps them.
#[expect(missing_docs, clippy::pedantic, reason = "generated code")]
pub mod mvccpb {
    tonic::include_proto!("mvccpb");
}

/// Users, roles and permissions.
#[expect(missing_docs, clippy::pedantic, reason = "generated code")]
pub mod authpb {
    tonic::include_proto!("authpb");
}

/// The services KV, Watch, Lease, Cluster, Maintenance and Auth, and their messages.
#[expect(missing_docs, clippy::pedantic, reason = "generated code")]
pub mod etcdserverpb {
    tonic::include_proto!("etcdserverpb");
}
