//! What can be printed: one method for each format.

mod kv;
mod snapshot;
mod snapshot_report;

pub use kv::{Deleted, Got, Transacted, Written};
pub use snapshot::{FileHash, SnapshotStatus};
pub use snapshot_report::{Differed, Inspected, Verified};

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
