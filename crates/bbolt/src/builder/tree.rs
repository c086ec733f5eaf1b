//! The tree of one bucket, built from the leaves up while keys arrive in order.

use std::io::Write;

use super::Pages;
use crate::error::Error;
use crate::layout::{BRANCH, ELEMENT_BYTES, LEAF, PAGE_HEADER_BYTES, page_header};

/// Elements that a page's count can say.
const MAX_ELEMENTS: usize = 0xFFFE;
/// A branch page keeps at least so many children, as bbolt's do.
const MIN_CHILDREN: usize = 2;

/// The pages of a tree that are not full yet, one on each level; nothing else is in memory.
#[derive(Debug)]
pub(super) struct Tree {
    /// Bytes after which a page is closed.
    limit: usize,
    leaf: Vec<Leaf>,
    leaf_bytes: usize,
    /// Pages closed on each level above the leaves that are in no parent yet.
    branches: Vec<Vec<Child>>,
    last_key: Vec<u8>,
}

#[derive(Debug)]
struct Leaf {
    flags: u32,
    key: Vec<u8>,
    value: Vec<u8>,
}

#[derive(Debug)]
struct Child {
    first_key: Vec<u8>,
    page: u64,
}

impl Tree {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            leaf: Vec::new(),
            leaf_bytes: PAGE_HEADER_BYTES,
            branches: Vec::new(),
            last_key: Vec::new(),
        }
    }

    pub(super) fn put<W: Write>(
        &mut self,
        pages: &mut Pages<W>,
        flags: u32,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), Error> {
        if self.last_key.as_slice() >= key {
            return Err(Error::Input("keys do not come in order".to_owned()));
        }
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        let bytes = ELEMENT_BYTES + key.len() + value.len();
        let is_full = self.leaf_bytes + bytes > self.limit || self.leaf.len() >= MAX_ELEMENTS;
        if is_full && !self.leaf.is_empty() {
            self.close_leaf(pages)?;
        }
        self.leaf_bytes += bytes;
        self.leaf.push(Leaf { flags, key: key.to_vec(), value: value.to_vec() });
        Ok(())
    }

    /// The only page, if it is small enough to lie within the parent's value.
    pub(super) fn as_inline(&self, max_bytes: usize) -> Option<Vec<u8>> {
        let fits = self.branches.is_empty() && self.leaf_bytes <= max_bytes;
        (fits && self.leaf.iter().all(|leaf| leaf.flags == 0)).then(|| self.leaf_page(0, 0))
    }

    /// Writes what is left and answers the root's page.
    pub(super) fn finish<W: Write>(&mut self, pages: &mut Pages<W>) -> Result<u64, Error> {
        // A tree without keys is one empty leaf.
        if !self.leaf.is_empty() || self.branches.is_empty() {
            self.close_leaf(pages)?;
        }
        let mut level = 0;
        loop {
            let is_top = level + 1 == self.branches.len();
            if is_top && let [root] = self.branches[level].as_slice() {
                return Ok(root.page);
            }
            let count = self.branches[level].len();
            if count > 0 {
                self.close_branch(pages, level, count)?;
            }
            level += 1;
        }
    }

    fn close_leaf<W: Write>(&mut self, pages: &mut Pages<W>) -> Result<(), Error> {
        let page = pages.next();
        pages.write(self.leaf_page(page, pages.overflow(self.leaf_bytes)))?;
        let first = self.leaf.drain(..).next();
        self.leaf_bytes = PAGE_HEADER_BYTES;
        let first_key = first.map(|leaf| leaf.key).unwrap_or_default();
        self.add_child(pages, 0, Child { first_key, page })
    }

    fn leaf_page(&self, page: u64, overflow: u32) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.leaf_bytes);
        bytes.extend(page_header(page, LEAF, self.leaf.len() as u16, overflow));
        let mut data_at = PAGE_HEADER_BYTES + self.leaf.len() * ELEMENT_BYTES;
        for Leaf { flags, key, value } in &self.leaf {
            // Offsets count from the element itself.
            let offset = data_at - bytes.len();
            data_at += key.len() + value.len();
            for number in [*flags, offset as u32, key.len() as u32, value.len() as u32] {
                bytes.extend(number.to_le_bytes());
            }
        }
        for Leaf { key, value, .. } in &self.leaf {
            bytes.extend(key);
            bytes.extend(value);
        }
        bytes
    }

    fn add_child<W: Write>(
        &mut self,
        pages: &mut Pages<W>,
        level: usize,
        child: Child,
    ) -> Result<(), Error> {
        if level == self.branches.len() {
            self.branches.push(Vec::new());
        }
        let children = &self.branches[level];
        let is_full = branch_bytes(children) + ELEMENT_BYTES + child.first_key.len() > self.limit
            || children.len() >= MAX_ELEMENTS;
        // The last child stays behind, so that the page after never has one child only.
        if is_full && children.len() > MIN_CHILDREN {
            self.close_branch(pages, level, children.len() - 1)?;
        }
        self.branches[level].push(child);
        Ok(())
    }

    /// Writes a branch page with the first `count` children of a level.
    fn close_branch<W: Write>(
        &mut self,
        pages: &mut Pages<W>,
        level: usize,
        count: usize,
    ) -> Result<(), Error> {
        let children: Vec<Child> = self.branches[level].drain(..count).collect();
        let page = pages.next();
        let size = branch_bytes(&children);
        let mut bytes = Vec::with_capacity(size);
        bytes.extend(page_header(page, BRANCH, count as u16, pages.overflow(size)));
        let mut data_at = PAGE_HEADER_BYTES + count * ELEMENT_BYTES;
        for Child { first_key, page } in &children {
            let offset = data_at - bytes.len();
            data_at += first_key.len();
            bytes.extend((offset as u32).to_le_bytes());
            bytes.extend((first_key.len() as u32).to_le_bytes());
            bytes.extend(page.to_le_bytes());
        }
        for child in &children {
            bytes.extend(&child.first_key);
        }
        pages.write(bytes)?;
        let first_key =
            children.into_iter().next().map(|child| child.first_key).unwrap_or_default();
        self.add_child(pages, level + 1, Child { first_key, page })
    }
}

fn branch_bytes(children: &[Child]) -> usize {
    PAGE_HEADER_BYTES
        + children.iter().map(|child| ELEMENT_BYTES + child.first_key.len()).sum::<usize>()
}
