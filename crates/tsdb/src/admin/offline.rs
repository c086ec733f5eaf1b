//! The files without a monitor: nobody else writes to them, and all rows are blocks.

use std::fs::File;
use std::path::Path;

use crate::error::Error;
use crate::level::{FileId, Level};
use crate::lock;
use crate::shard::Shard;
use crate::shards::Shards;
use crate::writer::day_of;
use crate::writing::WritableFile;

/// The files of one directory, which is ours until this is dropped.
pub(super) struct Offline {
    pub(super) shards: Shards,
    _lock: File,
}

impl Offline {
    /// Takes the directory, which must be there, and makes blocks of the latest scrapes.
    pub(super) fn open(directory: &Path) -> Result<Self, Error> {
        // Taking the lock would make it.
        std::fs::metadata(directory).map_err(|source| Error::Io {
            what: "open",
            path: directory.to_owned(),
            source,
        })?;
        let lock = lock::take(directory)?;
        let shards = Shards::open(directory, false)?;
        for (target, segment) in shards.replay()? {
            let file = FileId::of(Level::Raw, segment.day);
            let mut writable = WritableFile::open(&shards, file)?;
            writable.write(&shards, |writing| writing.seal(&target, &segment))?;
        }
        Ok(Self { shards, _lock: lock })
    }

    /// Gives back the room of what was deleted from a file.
    pub(super) fn vacuum(shard: &Shard) -> Result<(), Error> {
        let sql = |source| Error::Sql { path: shard.path.clone(), source };
        let connection = shard.connect()?;
        connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);").map_err(sql)
    }
}

/// Whether all days of a file are over at `now_ms`.
pub(super) fn is_over(file: FileId, now_ms: i64) -> bool {
    file.end_day() <= day_of(now_ms)
}
