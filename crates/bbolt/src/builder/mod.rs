//! Writes a fresh file, bucket after bucket, from keys that come in order.

mod tree;

use std::io::{BufWriter, Seek, SeekFrom, Write};

use self::tree::Tree;
use crate::error::Error;
use crate::layout::{
    BUCKET_ELEMENT, FREELIST, MAX_KEY_BYTES, MAX_VALUE_BYTES, Meta, PAGE_SIZES, page_header,
};

/// How a file is laid out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BuildOptions {
    /// Bytes of a page: a power of two from 512 to 65536. bbolt takes the system's page size for
    /// new files and reads any.
    pub page_size: u32,
    /// How full pages are made, from 0.1 to 1. etcd fills its pages to 0.9 where keys only grow.
    pub fill: f64,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self { page_size: 4096, fill: 0.9 }
    }
}

/// A file that is being written.
///
/// Everything goes out in one pass but the two meta pages, which come last: an unfinished file has
/// zeros there and is refused by every reader.
#[derive(Debug)]
pub struct Builder<W: Write + Seek> {
    pages: Pages<W>,
    limit: usize,
    root: Tree,
    bucket: Option<OpenBucket>,
    last_bucket: Option<Vec<u8>>,
}

#[derive(Debug)]
struct OpenBucket {
    name: Vec<u8>,
    sequence: u64,
    tree: Tree,
}

/// What was written.
#[derive(Debug)]
pub struct Built<W> {
    /// The file, not yet synced to disk.
    pub file: W,
    /// Its size.
    pub size_bytes: u64,
}

/// The pages written so far.
#[derive(Debug)]
pub(crate) struct Pages<W: Write> {
    out: BufWriter<W>,
    page_size: usize,
    /// The number of the next page.
    next: u64,
}

impl<W: Write + Seek> Builder<W> {
    /// Begins a file in `out`, which is empty.
    pub fn new(out: W, options: BuildOptions) -> Result<Self, Error> {
        let BuildOptions { page_size, fill } = options;
        if !PAGE_SIZES.contains(&page_size) || !page_size.is_power_of_two() {
            let range =
                format!("a power of two from {} to {}", PAGE_SIZES.start(), PAGE_SIZES.end());
            return Err(Error::Input(format!("pages of {page_size} bytes; give {range}")));
        }
        if !(0.1..=1.0).contains(&fill) {
            return Err(Error::Input(format!("a fill of {fill}; give a number from 0.1 to 1")));
        }
        let page_size = page_size as usize;
        let mut pages = Pages { out: BufWriter::with_capacity(1 << 18, out), page_size, next: 2 };
        // Zeros where the metas will be.
        pages.out.write_all(&vec![0; 2 * page_size]).map_err(write_failed)?;
        let limit = (page_size as f64 * fill) as usize;
        Ok(Self { pages, limit, root: Tree::new(limit), bucket: None, last_bucket: None })
    }

    /// Begins the next bucket; names come in order.
    pub fn start_bucket(&mut self, name: &[u8], sequence: u64) -> Result<(), Error> {
        self.finish_bucket()?;
        check_key(name)?;
        if self.last_bucket.as_deref().is_some_and(|last| last >= name) {
            return Err(Error::Input("the names of buckets do not come in order".to_owned()));
        }
        self.last_bucket = Some(name.to_vec());
        let (name, tree) = (name.to_vec(), Tree::new(self.limit));
        self.bucket = Some(OpenBucket { name, sequence, tree });
        Ok(())
    }

    /// Adds a key to the bucket that was begun last; keys come in order.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        check_key(key)?;
        if value.len() > MAX_VALUE_BYTES {
            return Err(Error::Input(format!("a value of {} bytes", value.len())));
        }
        let Some(bucket) = &mut self.bucket else {
            return Err(Error::Input("a key before the first bucket".to_owned()));
        };
        bucket.tree.put(&mut self.pages, 0, key, value)
    }

    /// Writes what is left, at last the metas.
    pub fn finish(mut self) -> Result<Built<W>, Error> {
        self.finish_bucket()?;
        let root = self.root.finish(&mut self.pages)?;
        let freelist = self.pages.next;
        self.pages.write(page_header(freelist, FREELIST, 0, 0).to_vec())?;
        let Pages { mut out, page_size, next: page_count } = self.pages;
        let page_size = page_size as u32;
        // The copy with the higher transaction counts, and its page is the transaction modulo 2.
        out.seek(SeekFrom::Start(0)).map_err(write_failed)?;
        for transaction in [2, 1] {
            let meta = Meta { page_size, root, freelist, page_count, transaction };
            out.write_all(&meta.page()).map_err(write_failed)?;
        }
        let file = out.into_inner().map_err(|error| write_failed(error.into_error()))?;
        Ok(Built { file, size_bytes: page_count * u64::from(page_size) })
    }

    fn finish_bucket(&mut self) -> Result<(), Error> {
        let Some(OpenBucket { name, sequence, mut tree }) = self.bucket.take() else {
            return Ok(());
        };
        // As bbolt: a bucket that takes no more than a quarter of a page lies in its parent.
        let mut value = Vec::new();
        if let Some(page) = tree.as_inline(self.pages.page_size / 4) {
            value.extend(0_u64.to_le_bytes());
            value.extend(sequence.to_le_bytes());
            value.extend(page);
        } else {
            value.extend(tree.finish(&mut self.pages)?.to_le_bytes());
            value.extend(sequence.to_le_bytes());
        }
        self.root.put(&mut self.pages, BUCKET_ELEMENT, &name, &value)
    }
}

impl<W: Write> Pages<W> {
    /// How many pages so many bytes need beyond the first.
    pub(crate) fn overflow(&self, bytes: usize) -> u32 {
        (bytes.div_ceil(self.page_size) - 1) as u32
    }

    /// The number that the page written next will have.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Writes a page, padded to whole ones.
    pub(crate) fn write(&mut self, mut page: Vec<u8>) -> Result<(), Error> {
        let count = page.len().div_ceil(self.page_size);
        page.resize(count * self.page_size, 0);
        self.next += count as u64;
        self.out.write_all(&page).map_err(write_failed)
    }
}

fn check_key(key: &[u8]) -> Result<(), Error> {
    match key.len() {
        0 => Err(Error::Input("an empty key".to_owned())),
        1..=MAX_KEY_BYTES => Ok(()),
        bytes => Err(Error::Input(format!("a key of {bytes} bytes; {MAX_KEY_BYTES} are allowed"))),
    }
}

fn write_failed(source: std::io::Error) -> Error {
    Error::io("cannot write the database", source)
}
