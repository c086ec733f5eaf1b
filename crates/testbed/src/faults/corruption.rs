//! Data that differs between members, and the alarm that says so.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;

use etcd::{Alarm, AlarmKind};

use super::DEADLINE;
use crate::{Cluster, Error, Member};

/// The key of the index of the last entry that is in the database; eight bytes, the highest first.
const APPLIED_KEY: &[u8] = b"consistent_index";

impl Member {
    /// Overwrites `value` with `replacement`, of the same length, wherever it is in the database
    /// file of this stopped member. Returns in how many places it was; one may be of a page that is
    /// no longer in use.
    ///
    /// The value has to be long and unlike any other, so that nothing else is hit. The member must
    /// have been stopped in order, not killed: else it may write the true value again from its log.
    ///
    /// # Errors
    /// [`Error::Fault`] when it runs, when the lengths differ, or when the value is not there.
    pub fn alter_value(&self, value: &[u8], replacement: &[u8]) -> Result<usize, Error> {
        let refused = |reason: &str| Error::Fault {
            what: format!("alter a value of member {}", self.name()),
            reason: reason.to_owned(),
        };
        if self.is_running() {
            return Err(refused("it runs; stop it first"));
        }
        if value.is_empty() || value.len() != replacement.len() {
            return Err(refused("the replacement has another length, or none"));
        }
        let path = self.data_dir().join("member/snap/db");
        let alter = || -> io::Result<usize> {
            let bytes = fs::read(&path)?;
            let file = fs::File::options().write(true).open(&path)?;
            let mut places = 0;
            let mut from = 0;
            while let Some(at) = find(&bytes[from..], value) {
                file.write_all_at(replacement, (from + at) as u64)?;
                places += 1;
                from += at + value.len();
            }
            file.sync_all()?;
            Ok(places)
        };
        let io = |source| Error::Io { what: format!("cannot alter {}", path.display()), source };
        match alter().map_err(io)? {
            0 => Err(refused("it has no such value")),
            places => Ok(places),
        }
    }
}

impl Member {
    /// Has this stopped member forget that it applied its last `entries`, so that it applies them
    /// once more when it starts: lowers the index that its database says is in it.
    ///
    /// # Errors
    /// [`Error::Fault`] when it runs or has no such index, [`Error::Io`] when the file can't be
    /// changed.
    pub fn forget_applied(&self, entries: u64) -> Result<(), Error> {
        let refused = |reason: &str| Error::Fault {
            what: format!("set back what member {} has applied", self.name()),
            reason: reason.to_owned(),
        };
        if self.is_running() {
            return Err(refused("it runs; stop it first"));
        }
        let path = self.data_dir().join("member/snap/db");
        let forget = || -> io::Result<usize> {
            let bytes = fs::read(&path)?;
            let file = fs::File::options().write(true).open(&path)?;
            let mut places = 0;
            let mut from = 0;
            // The value follows its key, also in pages that are no longer in use.
            while let Some(at) = find(&bytes[from..], APPLIED_KEY) {
                from += at + APPLIED_KEY.len();
                let Some(value) = bytes[from..].first_chunk() else { break };
                let index = u64::from_be_bytes(*value).saturating_sub(entries);
                file.write_all_at(&index.to_be_bytes(), from as u64)?;
                places += 1;
            }
            file.sync_all()?;
            Ok(places)
        };
        let io = |source| Error::Io { what: format!("cannot alter {}", path.display()), source };
        match forget().map_err(io)? {
            0 => Err(refused("its database has no such index")),
            _ => Ok(()),
        }
    }
}

/// Where `part` begins first.
fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    let mut from = 0;
    // Few places have the first byte, so few are compared in full.
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == part[0]) {
        if bytes[from + at..].starts_with(part) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

impl Cluster {
    /// Raises the alarm that the data of `member` is corrupt: etcd refuses reads and writes then.
    /// [`Self::disarm_alarms`] ends it.
    pub async fn raise_corrupt(&self, member: &Member) -> Result<(), Error> {
        let alarm = Alarm { member: member.id(), kind: AlarmKind::Corrupt };
        Ok(self.client_of(member).alarm_activate(alarm, DEADLINE).await?)
    }
}
