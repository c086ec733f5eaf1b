//! The messages of etcd's gRPC services, generated from our own `.proto` files.
//!
//! Package, service and method names and the numbers of fields are facts of etcd's protocol; the
//! files in `proto/` state them for etcd 3.4 to 3.7. Fields that only some versions send stand
//! there with the version that brought them; older servers leave them at their default.
//!
//! Only messages are generated. Who calls or serves a method names its path, as in
//! `/etcdserverpb.KV/Range`, and brings a transport.

#![forbid(unsafe_code)]

/// Keys and events as the store keeps them.
#[expect(missing_docs, clippy::pedantic, reason = "generated code")]
pub mod mvccpb {
    include!(concat!(env!("OUT_DIR"), "/mvccpb.rs"));
}

/// Users, roles and permissions.
#[expect(missing_docs, clippy::pedantic, reason = "generated code")]
pub mod authpb {
    include!(concat!(env!("OUT_DIR"), "/authpb.rs"));
}

/// The messages of the services KV, Watch, Lease, Cluster, Maintenance and Auth.
#[expect(missing_docs, clippy::pedantic, reason = "generated code")]
pub mod etcdserverpb {
    include!(concat!(env!("OUT_DIR"), "/etcdserverpb.rs"));
}
