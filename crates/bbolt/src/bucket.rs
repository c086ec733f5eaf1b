//! A bucket: where its tree begins, lookup of one key, buckets within.

use std::sync::Arc;

use crate::cursor::Cursor;
use crate::database::Database;
use crate::error::Error;
use crate::layout::{BUCKET_ELEMENT, BUCKET_HEADER_BYTES, u64_at};
use crate::page::{Kind, Page};

/// A bucket of an open file.
#[derive(Debug, Clone)]
pub struct Bucket<'db> {
    database: &'db Database,
    root: Root,
    sequence: u64,
}

/// Where a bucket's tree begins.
#[derive(Debug, Clone)]
pub(crate) enum Root {
    Page(u64),
    /// A small bucket lies within the value that stands for it.
    Inline(Arc<Page>),
}

impl Root {
    /// Reads a bucket's value, which was found on `page`.
    pub(crate) fn parse(page: u64, value: &[u8]) -> Result<(Self, u64), Error> {
        if value.len() < BUCKET_HEADER_BYTES {
            return Err(Error::page(page, "the value of a bucket is too short"));
        }
        let (root, sequence) = (u64_at(value, 0), u64_at(value, 8));
        if root != 0 {
            return Ok((Self::Page(root), sequence));
        }
        let inline = Page::new(page, value[BUCKET_HEADER_BYTES..].to_vec())?;
        if inline.kind != Kind::Leaf {
            return Err(Error::page(page, "an inline bucket on it is no leaf"));
        }
        let holds_buckets = |index| inline.leaf(index).flags & BUCKET_ELEMENT != 0;
        if (0..inline.count).any(holds_buckets) {
            return Err(Error::page(page, "an inline bucket on it holds buckets"));
        }
        Ok((Self::Inline(Arc::new(inline)), sequence))
    }
}

impl<'db> Bucket<'db> {
    pub(crate) fn at_page(database: &'db Database, root: u64, sequence: u64) -> Self {
        Self { database, root: Root::Page(root), sequence }
    }

    /// The number that bbolt keeps for the bucket's user.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Goes through it in the order of keys.
    pub fn cursor(&self) -> Cursor<'db> {
        Cursor::new(self.database, self.root.clone())
    }

    /// The value of `key`; `None` without one, and when the key names a bucket.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let mut cursor = self.cursor();
        cursor.seek(key)?;
        let entry = cursor.next()?.filter(|entry| entry.key == key && !entry.is_bucket);
        Ok(entry.map(|entry| entry.value.to_vec()))
    }

    /// The bucket of this name within, if there is one.
    pub fn bucket(&self, name: &[u8]) -> Result<Option<Self>, Error> {
        let mut cursor = self.cursor();
        cursor.seek(name)?;
        let found = cursor.next()?.filter(|entry| entry.key == name && entry.is_bucket);
        let Some(entry) = found else { return Ok(None) };
        let (root, sequence) = Root::parse(entry.page, entry.value)?;
        Ok(Some(Self { database: self.database, root, sequence }))
    }
}
