//! Writing a database anew: without its free pages, and with changes on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;

use bbolt::{BuildOptions, Builder, Built, Database};

use crate::error::Error;
use crate::progress::Meter;

/// Keys and values in order.
pub(crate) type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// What is to be different in the copy.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Buckets whose contents are these only.
    pub(crate) replaced: BTreeMap<Vec<u8>, Entries>,
    /// Buckets that have these keys too.
    pub(crate) set: BTreeMap<Vec<u8>, Entries>,
}

/// Writes the database at `from` to the empty file `to`; answers its size. Not yet synced.
pub(crate) fn copy(
    from: (&Path, &Database),
    to: (&Path, File),
    changes: &Changes,
    meter: &mut Meter<'_>,
) -> Result<u64, Error> {
    let (path, database) = from;
    let read = |error| Error::read(path, error);
    let write = |source| Error::Write { what: format!("cannot write {}", to.0.display()), source };
    let options = BuildOptions { page_size: database.meta().page_size, ..BuildOptions::default() };
    let mut builder = Builder::new(to.1, options).map_err(write)?;
    let mut done_bytes = 0;
    let mut names: BTreeSet<Vec<u8>> = database.bucket_names().map_err(read)?.into_iter().collect();
    names.extend(changes.replaced.keys().chain(changes.set.keys()).cloned());
    for name in names {
        let bucket = database.bucket(&name).map_err(read)?;
        let sequence = bucket.as_ref().map_or(0, bbolt::Bucket::sequence);
        builder.start_bucket(&name, sequence).map_err(write)?;
        if let Some(entries) = changes.replaced.get(&name) {
            for (key, value) in entries {
                builder.put(key, value).map_err(write)?;
            }
            continue;
        }
        let mut set = changes.set.get(&name).into_iter().flatten().peekable();
        let mut cursor = bucket.as_ref().map(bbolt::Bucket::cursor);
        while let Some(cursor) = &mut cursor
            && let Some(entry) = cursor.next().map_err(read)?
        {
            if entry.is_bucket {
                let reason = "it has a bucket in a bucket, so it is not etcd's".to_owned();
                return Err(Error::damaged(path, reason));
            }
            while let Some((key, value)) = set.next_if(|(key, _)| key.as_slice() < entry.key) {
                builder.put(key, value).map_err(write)?;
            }
            let changed = set.next_if(|(key, _)| key.as_slice() == entry.key);
            let value = changed.map_or(entry.value, |(_, value)| value);
            builder.put(entry.key, value).map_err(write)?;
            done_bytes += (entry.key.len() + value.len()) as u64;
            meter.tell(done_bytes, None);
        }
        for (key, value) in set {
            builder.put(key, value).map_err(write)?;
        }
    }
    let Built { size_bytes, .. } = builder.finish().map_err(write)?;
    Ok(size_bytes)
}
