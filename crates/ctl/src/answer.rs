//! What can be printed: one method for each format.

mod auth;
mod census;
mod context;
mod endpoint;
mod imported;
mod keys;
mod kv;
mod lease;
mod maintenance;
mod member;
mod snapshot;
mod snapshot_report;
mod watch;

pub use auth::{AuthState, Empty, RoleShown, Roles, UserShown, Users};
pub use census::Census;
pub use context::ContextsShown;
pub use endpoint::{HashRow, Hashes, HealthRow, Healths, StatusRow, Statuses};
pub use imported::Imported;
pub use keys::{Origin, UsageList, UsageMost, UsageTree};
pub use kv::{Deleted, Got, Transacted, Written};
pub use lease::{Granted, KeptAlive, Leases, Revoked, TimeToLive};
pub use maintenance::{Alarms, Downgraded, LeaderMoved};
pub use member::{MemberAdded, MemberChanged, Members};
pub use snapshot::{FileHash, SnapshotStatus};
pub use snapshot_report::{Differed, Inspected, Verified};
pub use watch::{Watched, end_of_watch, event_type, event_variables};

use crate::print::{Style, Table};

/// An answer in every format; each writes whole lines to `out`.
///
/// A format that etcdctl refuses for this answer is refused: the methods say so by `false` or
/// `None`, which is their default.
pub trait Answer {
    /// For people; always there.
    fn simple(&self, style: Style, out: &mut Vec<u8>);

    /// One line of JSON, with its line end.
    fn json(&self, _style: Style, _out: &mut Vec<u8>) -> bool {
        false
    }

    /// Lines of `"Name" : value`.
    fn fields(&self, _style: Style, _out: &mut Vec<u8>) -> bool {
        false
    }

    /// A table.
    fn table(&self, _style: Style) -> Option<Table> {
        None
    }

    /// The message as it came.
    fn protobuf(&self) -> Option<Vec<u8>> {
        None
    }
}

/// The line of JSON of an answer that is only a header.
fn header_json(
    header: Option<&etcd::wire::etcdserverpb::ResponseHeader>,
    out: &mut Vec<u8>,
) -> bool {
    let mut object = crate::print::json::Object::new(out);
    object.header("header", header);
    object.end();
    out.push(b'\n');
    true
}
