//! One etcd member or one cluster: connections, TLS, authentication, calls, errors.
//!
//! [`Connector`] holds what the members of one cluster share. [`Member`] speaks with one member
//! over a connection of its own, so that what it reports is true of that member; [`Cluster`] asks
//! any member, for work. Nothing else in the project knows gRPC.

#![forbid(unsafe_code)]

mod answer;
mod call;
mod certificate;
mod channel;
mod classify;
mod cluster;
mod config;
mod connector;
mod credentials;
mod dial;
pub mod dns;
mod endpoint;
mod error;
mod flight;
mod http;
mod http1;
mod http2;
mod key;
mod lease;
mod member;
mod messages;
mod pages;
mod range_stream;
mod rpc;
mod settle;
mod snapshot;
mod socket;
mod stream;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod tls;
mod transport;
mod unary;
mod watch;
pub mod wire;

pub use answer::{
    Alarm, AlarmKind, DowngradeInfo, HashKv, Header, KeyValue, LeaseGranted, MemberInfo,
    MemberList, Status,
};
pub use certificate::CertificateInfo;
pub use cluster::Cluster;
pub use config::{AuthConfig, ClientConfig, TlsConfig};
pub use connector::Connector;
pub use endpoint::{DEFAULT_PORT, Endpoint, EndpointError, Scheme};
pub use error::{Error, ErrorClass};
pub use etcd_proto::authpb::{Permission, permission::Type as PermissionType};
pub use http::{HttpReply, HttpTarget};
pub use key::{GetReply, GetRequest, prefix_end};
pub use lease::LeaseKeeper;
pub use member::Member;
pub use pages::{KeyRange, Pages};
pub use range_stream::RangeStream;
pub use snapshot::{Snapshot, SnapshotChunk};
pub use watch::Watch;
