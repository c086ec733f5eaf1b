//! The structural check of a whole file, as bbolt's own, and figures of each bucket on the way.

use std::fmt::{self, Write as _};

use crate::bucket::Root;
use crate::cursor::MAX_DEPTH;
use crate::database::Database;
use crate::error::Error;
use crate::layout::{
    BUCKET_ELEMENT, COUNT_ELSEWHERE, FREELIST, NO_FREELIST, PAGE_HEADER_BYTES, u64_at,
};
use crate::page::{Header, Kind, Page};
use crate::pageset::PageSet;

/// Problems that are kept; the rest are counted.
const MAX_PROBLEMS: usize = 100;
/// Bytes of a key that a problem shows.
const SHOWN_KEY_BYTES: usize = 32;

/// Something wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The page that it is about.
    pub page: u64,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {}: {}", self.page, self.reason)
    }
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// What is wrong; at most 100 are kept.
    pub problems: Vec<Problem>,
    /// How many more there were.
    pub omitted_problems: u64,
    /// Each bucket at the top, in the order of their names.
    pub buckets: Vec<BucketStatistics>,
    /// Pages of trees, metas and the list of free pages.
    pub used_pages: u64,
    /// Pages that are in no tree.
    pub free_pages: u64,
    /// Bytes of one page.
    pub page_size: u32,
}

impl CheckReport {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// How a bucket lies in the file; buckets within it are counted with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BucketStatistics {
    /// Its name.
    pub name: Vec<u8>,
    /// How many keys it has.
    pub keys: u64,
    /// Bytes of all keys and values.
    pub content_bytes: u64,
    /// Levels of its tree; 0 for an inline bucket.
    pub depth: u64,
    /// Pages that point to others.
    pub branch_pages: u64,
    /// Pages with keys and values.
    pub leaf_pages: u64,
    /// Further pages that branch or leaf pages reach into.
    pub overflow_pages: u64,
    /// Bytes that are used on its pages.
    pub used_bytes: u64,
}

/// Called with the name of each bucket at the top and `None`, then with each of its keys and values,
/// in order.
pub type Visit<'a> = dyn FnMut(&[u8], Option<(&[u8], &[u8])>) + 'a;

impl Database {
    /// Checks the file: metas, page numbers and types, that each page is in use or free and not
    /// both, that none is used twice, the order of keys, inline buckets.
    ///
    /// # Errors
    /// When the file cannot be read. What is wrong with it is in the report.
    pub fn check(&self) -> Result<CheckReport, Error> {
        self.check_visiting(&mut |_, _| {})
    }

    /// Like [`Self::check`], and gives each bucket's name, keys and values to `visit` on the way, in
    /// order, so that the file is read once. Where pages are damaged, their keys are missing.
    pub fn check_visiting(&self, visit: &mut Visit<'_>) -> Result<CheckReport, Error> {
        let page_count = self.meta().page_count;
        let report = CheckReport { page_size: self.meta().page_size, ..CheckReport::default() };
        let mut check = Check {
            database: self,
            reachable: PageSet::new(page_count),
            free: PageSet::new(page_count),
            report,
            bucket: BucketStatistics::default(),
            visit,
        };
        for meta in 0..page_count.min(2) {
            check.reachable.insert(meta);
        }
        if page_count < 4 {
            check.problem(0, format!("a file of {page_count} pages cannot hold a bucket"));
        }
        check.freelist()?;
        check.tree(self.meta().root, Within::Root, None, None, 0)?;
        check.unused();
        Ok(check.report)
    }
}

/// Which tree a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    /// The bucket of buckets.
    Root,
    /// A bucket at the top, whose keys are visited.
    Top,
    /// A bucket in a bucket.
    Nested,
}

struct Check<'a> {
    database: &'a Database,
    reachable: PageSet,
    free: PageSet,
    report: CheckReport,
    /// Of the bucket that is being walked.
    bucket: BucketStatistics,
    visit: &'a mut Visit<'a>,
}

impl Check<'_> {
    fn problem(&mut self, page: u64, reason: impl Into<String>) {
        if self.report.problems.len() < MAX_PROBLEMS {
            self.report.problems.push(Problem { page, reason: reason.into() });
        } else {
            self.report.omitted_problems += 1;
        }
    }

    /// Notes what is wrong with the bytes, and passes on what is wrong with the system.
    fn note<T>(&mut self, result: Result<T, Error>) -> Result<Option<T>, Error> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Error::Page { page, reason }) => {
                self.problem(page, reason);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn freelist(&mut self) -> Result<(), Error> {
        let id = self.database.meta().freelist;
        if id == NO_FREELIST {
            return Ok(());
        }
        let bytes = self.database.page_bytes(id);
        let Some(bytes) = self.note(bytes)? else { return Ok(()) };
        let header = Header::parse(&bytes);
        if header.flags != FREELIST {
            self.problem(id, format!("it should be the freelist, but is {}", header.kind()));
            return Ok(());
        }
        for page in id..=id + u64::from(header.overflow) {
            self.reachable.insert(page);
        }
        let body = &bytes[PAGE_HEADER_BYTES..];
        let (count, body) = if header.count == COUNT_ELSEWHERE {
            (u64_at(body, 0), &body[8..])
        } else {
            (u64::from(header.count), body)
        };
        if count > body.len() as u64 / 8 {
            self.problem(id, format!("it cannot hold the {count} free pages that it counts"));
            return Ok(());
        }
        for index in 0..count as usize {
            let page = u64_at(body, index * 8);
            if page < 2 || page >= self.database.meta().page_count {
                self.problem(id, format!("it lists page {page}, which is out of bounds"));
            } else if !self.free.insert(page) {
                self.problem(page, "already freed");
            }
        }
        Ok(())
    }

    /// Walks the tree below a page. Its keys must be at least `least` and below `limit`.
    fn tree(
        &mut self,
        id: u64,
        within: Within,
        least: Option<&[u8]>,
        limit: Option<&[u8]>,
        depth: usize,
    ) -> Result<(), Error> {
        if depth >= MAX_DEPTH {
            self.problem(id, format!("it is more than {MAX_DEPTH} levels deep"));
            return Ok(());
        }
        let page = self.database.tree_page(id);
        let Some(page) = self.note(page)? else { return Ok(()) };
        if self.free.contains(id) {
            self.problem(id, "reachable freed");
        }
        for used in id..=id + u64::from(page.overflow) {
            if !self.reachable.insert(used) {
                self.problem(used, "multiple references");
                return Ok(());
            }
        }
        self.order(&page, least, limit);
        self.bucket.depth = self.bucket.depth.max(depth as u64 + 1);
        self.bucket.overflow_pages += u64::from(page.overflow);
        self.bucket.used_bytes += page.used_bytes();
        match page.kind {
            Kind::Branch => {
                self.bucket.branch_pages += 1;
                for index in 0..page.count {
                    let next = (index + 1 < page.count).then(|| page.key(index + 1));
                    let (least, limit) = (Some(page.key(index)), next.or(limit));
                    self.tree(page.child(index), within, least, limit, depth + 1)?;
                }
            }
            Kind::Leaf => {
                self.bucket.leaf_pages += 1;
                self.leaf(&page, within, depth)?;
            }
        }
        Ok(())
    }

    fn leaf(&mut self, page: &Page, within: Within, depth: usize) -> Result<(), Error> {
        for index in 0..page.count {
            let element = page.leaf(index);
            let is_bucket = element.flags & BUCKET_ELEMENT != 0;
            match (within, is_bucket) {
                (Within::Root, false) => {
                    self.problem(page.id, format!("key {} is in no bucket", shown(element.key)));
                }
                (Within::Root, true) => {
                    let above = std::mem::take(&mut self.bucket);
                    self.bucket.name = element.key.to_vec();
                    (self.visit)(element.key, None);
                    self.bucket_at(page, element.value, Within::Top, 0)?;
                    let bucket = std::mem::replace(&mut self.bucket, above);
                    self.report.buckets.push(bucket);
                }
                (_, true) => self.bucket_at(page, element.value, Within::Nested, depth + 1)?,
                (_, false) => self.count(within, element.key, element.value),
            }
        }
        Ok(())
    }

    fn bucket_at(
        &mut self,
        page: &Page,
        value: &[u8],
        within: Within,
        depth: usize,
    ) -> Result<(), Error> {
        let root = Root::parse(page.id, value);
        match self.note(root)? {
            Some((Root::Page(id), _)) => self.tree(id, within, None, None, depth)?,
            Some((Root::Inline(inline), _)) => {
                self.order(&inline, None, None);
                for index in 0..inline.count {
                    let element = inline.leaf(index);
                    self.count(within, element.key, element.value);
                }
            }
            None => {}
        }
        Ok(())
    }

    fn count(&mut self, within: Within, key: &[u8], value: &[u8]) {
        self.bucket.keys += 1;
        self.bucket.content_bytes += (key.len() + value.len()) as u64;
        if within == Within::Top {
            (self.visit)(&self.bucket.name, Some((key, value)));
        }
    }

    /// Checks that a page's keys rise, and lie where the page above says.
    fn order(&mut self, page: &Page, least: Option<&[u8]>, limit: Option<&[u8]>) {
        for index in 0..page.count {
            let key = page.key(index);
            let before = if index == 0 { None } else { Some(page.key(index - 1)) };
            if before.is_some_and(|before| before >= key) {
                let reason = format!("key {index} ({}) is not above the one before", shown(key));
                self.problem(page.id, reason);
            }
        }
        let Some(last) = page.count.checked_sub(1) else { return };
        if least.is_some_and(|least| page.key(0) < least) {
            let reason = format!("its first key ({}) is below its place", shown(page.key(0)));
            self.problem(page.id, reason);
        }
        if limit.is_some_and(|limit| page.key(last) >= limit) {
            let reason = format!("its last key ({}) is above its place", shown(page.key(last)));
            self.problem(page.id, reason);
        }
    }

    /// Finds pages that are neither used nor free.
    fn unused(&mut self) {
        let page_count = self.database.meta().page_count;
        self.report.used_pages = self.reachable.len();
        self.report.free_pages = page_count - self.reachable.len();
        if self.database.meta().freelist == NO_FREELIST {
            return;
        }
        for page in 0..page_count {
            if !self.reachable.contains(page) && !self.free.contains(page) {
                self.problem(page, "unreachable unfreed");
            }
        }
    }
}

/// A key as hex, cut short.
fn shown(key: &[u8]) -> String {
    let mut text = String::new();
    for byte in key.iter().take(SHOWN_KEY_BYTES) {
        let _ = write!(text, "{byte:02x}");
    }
    if key.len() > SHOWN_KEY_BYTES {
        text.push('…');
    }
    text
}
