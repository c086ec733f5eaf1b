//! etcd's keys as its database holds them: one record for each revision.

use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use bbolt::Database;

use crate::error::Error;
use crate::protobuf::{Field, Fields};

/// The bucket of all keys and their revisions.
pub(crate) const KEY_BUCKET: &[u8] = b"key";
/// Bytes of a revision as a key: two numbers and a `_` between.
pub(crate) const REVISION_BYTES: usize = 17;

/// Which change of the whole key space a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision {
    /// The transaction.
    pub main: i64,
    /// The change within it.
    pub sub: i64,
}

impl Revision {
    /// As etcd writes it in its database.
    pub(crate) fn to_bytes(self) -> [u8; REVISION_BYTES] {
        let mut bytes = [b'_'; REVISION_BYTES];
        bytes[..8].copy_from_slice(&self.main.to_be_bytes());
        bytes[9..].copy_from_slice(&self.sub.to_be_bytes());
        bytes
    }

    /// Reads a record's key: the revision, and whether it is a deletion.
    pub(crate) fn parse(bytes: &[u8]) -> Result<(Self, bool), String> {
        let is_deletion = match bytes.len() {
            REVISION_BYTES => false,
            18 if bytes[REVISION_BYTES] == b't' => true,
            _ => return Err("it is no revision".to_owned()),
        };
        if bytes[8] != b'_' {
            return Err("it is no revision".to_owned());
        }
        let number = |at: usize| {
            i64::from_be_bytes(bytes[at..at + 8].try_into().expect("invariant: eight bytes"))
        };
        let revision = Self { main: number(0), sub: number(9) };
        if revision.main < 0 || revision.sub < 0 {
            return Err("it is no revision".to_owned());
        }
        Ok((revision, is_deletion))
    }
}

/// What a key was set to at a revision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct KeyValue<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) create_revision: i64,
    pub(crate) mod_revision: i64,
    pub(crate) version: i64,
    pub(crate) value: &'a [u8],
    pub(crate) lease: i64,
}

impl<'a> KeyValue<'a> {
    pub(crate) fn parse(message: &'a [u8]) -> Result<Self, String> {
        let mut parsed = Self::default();
        for field in Fields::of(message) {
            match field? {
                (1, Field::Bytes(key)) => parsed.key = key,
                (2, Field::Number(revision)) => parsed.create_revision = revision.cast_signed(),
                (3, Field::Number(revision)) => parsed.mod_revision = revision.cast_signed(),
                (4, Field::Number(version)) => parsed.version = version.cast_signed(),
                (5, Field::Bytes(value)) => parsed.value = value,
                (6, Field::Number(lease)) => parsed.lease = lease.cast_signed(),
                _ => {}
            }
        }
        Ok(parsed)
    }
}

/// One record of the key space.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) revision: Revision,
    pub(crate) is_deletion: bool,
    /// Its key and value in the database.
    pub(crate) raw: (&'a [u8], &'a [u8]),
    /// What was set; of a deletion, the key only.
    pub(crate) kv: KeyValue<'a>,
}

impl<'a> Record<'a> {
    pub(crate) fn parse(key: &'a [u8], value: &'a [u8]) -> Result<Self, String> {
        let about = |reason: String, what: &str| {
            let shown = hex(&key[..key.len().min(20)]);
            format!("bucket \"key\": {what} {shown}: {reason}")
        };
        let (revision, is_deletion) =
            Revision::parse(key).map_err(|reason| about(reason, "record"))?;
        let kv = KeyValue::parse(value).map_err(|reason| about(reason, "value of record"))?;
        Ok(Self { revision, is_deletion, raw: (key, value), kv })
    }
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Goes through all records in the order of revisions.
pub(crate) fn scan(
    path: &Path,
    database: &Database,
    mut visit: impl FnMut(Record<'_>),
) -> Result<(), Error> {
    let bucket = database.bucket(KEY_BUCKET).map_err(|error| Error::read(path, error))?;
    let Some(bucket) = bucket else {
        return Err(Error::damaged(path, "it has no bucket \"key\", so it is not etcd's"));
    };
    let mut cursor = bucket.cursor();
    while let Some(entry) = cursor.next().map_err(|error| Error::read(path, error))? {
        let record = Record::parse(entry.key, entry.value);
        visit(record.map_err(|reason| Error::damaged(path, reason))?);
    }
    Ok(())
}

/// Tells keys apart by 128 bits of hash, so that a map of all keys costs the same for long ones.
/// With random seeds, two of a billion keys are taken for one with a probability below 10⁻²⁰.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fingerprints(RandomState, RandomState);

impl Fingerprints {
    pub(crate) fn of(&self, key: &[u8]) -> u128 {
        u128::from(self.0.hash_one(key)) << 64 | u128::from(self.1.hash_one(key))
    }
}

/// A map by [`Fingerprints`], which are hashes already.
pub(crate) type ByKey<V> = std::collections::HashMap<u128, V, foldhash::fast::RandomState>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_read_back_and_anything_else_is_refused() {
        let revision = Revision { main: 17, sub: 3 };
        let bytes = revision.to_bytes();
        assert_eq!(Revision::parse(&bytes), Ok((revision, false)));
        let deletion = [&bytes[..], b"t"].concat();
        assert_eq!(Revision::parse(&deletion), Ok((revision, true)));
        for wrong in [&bytes[..16], &[bytes.as_slice(), b"x"].concat(), b"", &[0xFF; 17]] {
            assert!(Revision::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
