//! Going through a bucket in the order of its keys.

use std::sync::Arc;

use crate::bucket::Root;
use crate::database::Database;
use crate::error::Error;
use crate::layout::BUCKET_ELEMENT;
use crate::page::{Kind, Page};

/// Levels that no sound tree reaches: with two keys a page, 2^64 pages.
pub(crate) const MAX_DEPTH: usize = 64;

/// A place in a bucket.
#[derive(Debug)]
pub struct Cursor<'db> {
    database: &'db Database,
    root: Root,
    /// From the root to the leaf; each index is of the element to go to next.
    stack: Vec<(Arc<Page>, usize)>,
    is_started: bool,
    /// Pages entered so far. Each page of a sound tree is entered once.
    entered: u64,
}

/// A key and what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The key.
    pub key: &'a [u8],
    /// Its value; of a bucket, what the file keeps about it.
    pub value: &'a [u8],
    /// Whether it names a bucket.
    pub is_bucket: bool,
    /// The page that it was found on.
    pub page: u64,
}

impl<'db> Cursor<'db> {
    pub(crate) fn new(database: &'db Database, root: Root) -> Self {
        Self { database, root, stack: Vec::new(), is_started: false, entered: 0 }
    }

    /// The next key; the first one at first. `None` after the last.
    #[expect(clippy::should_implement_trait, reason = "what it lends cannot outlive the next call")]
    pub fn next(&mut self) -> Result<Option<Entry<'_>>, Error> {
        if !self.is_started {
            self.is_started = true;
            self.enter_root()?;
        }
        loop {
            let Some((page, index)) = self.stack.last_mut() else { return Ok(None) };
            if *index >= page.count {
                self.stack.pop();
                continue;
            }
            *index += 1;
            if page.kind == Kind::Leaf {
                break;
            }
            let child = page.child(*index - 1);
            self.enter(child)?;
        }
        Ok(self.stack.last().map(|(page, index)| {
            let element = page.leaf(index - 1);
            Entry {
                key: element.key,
                value: element.value,
                is_bucket: element.flags & BUCKET_ELEMENT != 0,
                page: page.id,
            }
        }))
    }

    /// Goes to where [`Self::next`] answers the first key that is not less than `key`.
    pub fn seek(&mut self, key: &[u8]) -> Result<(), Error> {
        self.stack.clear();
        self.entered = 0;
        self.is_started = true;
        self.enter_root()?;
        while let Some((page, index)) = self.stack.last_mut() {
            let bound = page.lower_bound(key);
            if page.kind == Kind::Leaf {
                *index = bound;
                break;
            }
            // A branch's key is the least below it, so the child before may hold the key too.
            let exact = bound < page.count && page.key(bound) == key;
            let at = if exact { bound } else { bound.saturating_sub(1) };
            *index = at + 1;
            let child = page.child(at);
            self.enter(child)?;
        }
        Ok(())
    }

    fn enter_root(&mut self) -> Result<(), Error> {
        match self.root.clone() {
            Root::Page(id) => self.enter(id),
            Root::Inline(page) => {
                self.stack.push((page, 0));
                Ok(())
            }
        }
    }

    fn enter(&mut self, id: u64) -> Result<(), Error> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(Error::page(id, format!("it is more than {MAX_DEPTH} levels deep")));
        }
        self.entered += 1;
        if self.entered > self.database.meta().page_count {
            return Err(Error::page(id, "pages refer to each other in a circle, or several times"));
        }
        let page = self.database.tree_page(id)?;
        self.stack.push((page, 0));
        Ok(())
    }
}
