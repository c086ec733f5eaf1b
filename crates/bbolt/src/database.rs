//! An open file: its two metas, its pages, its buckets.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::bucket::Bucket;
use crate::error::Error;
use crate::layout::{META, META_BYTES, Meta, PAGE_HEADER_BYTES};
use crate::page::{Header, Kind, Page};
use crate::source::{FileSource, Source};

/// Largest page with its overflow that is read. bbolt allows 2 GB; etcd takes no request over
/// 100 MiB or so, and a damaged page must not take all memory.
const MAX_PAGE_BYTES: u64 = 256 << 20;
/// Branch pages that are kept for the next lookup.
const CACHE_BYTES: usize = 8 << 20;
/// Where the second meta page can begin: the page sizes that there are.
const SECOND_META: [u64; 8] = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536];

/// A bbolt file, open for reading.
#[derive(Debug)]
pub struct Database {
    source: Box<dyn Source>,
    meta: Meta,
    /// What is wrong with the meta page that is not used.
    torn_meta: Option<(u64, String)>,
    cache: Mutex<Cache>,
}

#[derive(Debug, Default)]
struct Cache {
    pages: HashMap<u64, Arc<Page>>,
    bytes: usize,
}

impl Database {
    /// Opens the file at `path`.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let io = |source| Error::io(format!("cannot open {}", path.display()), source);
        Self::from_file(File::open(path).map_err(io)?)
    }

    /// Reads an open file; its lock, if it has one, is kept as long.
    pub fn from_file(file: File) -> Result<Self, Error> {
        let source = FileSource::new(file).map_err(|source| Error::io("cannot read", source))?;
        Self::from_source(Box::new(source))
    }

    /// Reads any bytes.
    pub fn from_source(source: Box<dyn Source>) -> Result<Self, Error> {
        let (meta, torn_meta) = newest_meta(source.as_ref())?;
        let size_bytes = source.size_bytes();
        let pages_held = size_bytes / u64::from(meta.page_size);
        if meta.page_count > pages_held {
            return Err(Error::NotBolt(format!(
                "it is cut off: its {} pages of {} bytes are {} bytes, but it has {size_bytes}",
                meta.page_count,
                meta.page_size,
                u128::from(meta.page_count) * u128::from(meta.page_size),
            )));
        }
        Ok(Self { source, meta, torn_meta, cache: Mutex::default() })
    }

    /// What the file says about itself.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Bytes of all pages, used or free; what follows them is not the database.
    pub fn size_bytes(&self) -> u64 {
        self.meta.page_count * u64::from(self.meta.page_size)
    }

    /// The page and the fault of the one meta that is unusable, if one is. After a crash that is
    /// how a sound file may look; in a snapshot it is damage.
    pub fn torn_meta(&self) -> Option<(u64, &str)> {
        self.torn_meta.as_ref().map(|(page, reason)| (*page, reason.as_str()))
    }

    /// The bucket that holds all others; its values are not keys' values but buckets.
    pub fn root(&self) -> Bucket<'_> {
        Bucket::at_page(self, self.meta.root, 0)
    }

    /// The bucket of this name, if there is one.
    pub fn bucket(&self, name: &[u8]) -> Result<Option<Bucket<'_>>, Error> {
        self.root().bucket(name)
    }

    /// The names of all buckets in order.
    pub fn bucket_names(&self) -> Result<Vec<Vec<u8>>, Error> {
        let mut names = Vec::new();
        let mut cursor = self.root().cursor();
        while let Some(entry) = cursor.next()? {
            if entry.is_bucket {
                names.push(entry.key.to_vec());
            }
        }
        Ok(names)
    }

    /// A page of a tree.
    pub(crate) fn tree_page(&self, id: u64) -> Result<Arc<Page>, Error> {
        if let Some(page) = self.cache().pages.get(&id) {
            return Ok(Arc::clone(page));
        }
        let page = Arc::new(Page::new(id, self.page_bytes(id)?)?);
        // Leaves are most of the file, and a scan needs each only once.
        if page.kind == Kind::Branch {
            let mut cache = self.cache();
            if cache.bytes + page.size_bytes() > CACHE_BYTES {
                *cache = Cache::default();
            }
            cache.bytes += page.size_bytes();
            cache.pages.insert(id, Arc::clone(&page));
        }
        Ok(page)
    }

    /// A page with its overflow; its header is checked, its contents are not.
    pub(crate) fn page_bytes(&self, id: u64) -> Result<Vec<u8>, Error> {
        let Meta { page_size, page_count, .. } = self.meta;
        if id < 2 {
            return Err(Error::page(id, "a meta page is used as another"));
        }
        if id >= page_count {
            return Err(Error::page(id, format!("out of bounds: the file has {page_count} pages")));
        }
        let offset = id * u64::from(page_size);
        let mut bytes = vec![0; page_size as usize];
        self.read(id, offset, &mut bytes)?;
        let header = Header::parse(&bytes);
        if header.id != id {
            return Err(Error::page(id, format!("it says that it is page {}", header.id)));
        }
        let overflow = u64::from(header.overflow);
        if overflow >= page_count - id {
            let reason = format!("its overflow of {overflow} pages reaches beyond the file's");
            return Err(Error::page(id, reason));
        }
        let size = (overflow + 1) * u64::from(page_size);
        if size > MAX_PAGE_BYTES {
            let reason = format!("it has {size} bytes; more than {MAX_PAGE_BYTES} are not read");
            return Err(Error::page(id, reason));
        }
        if overflow > 0 {
            bytes.resize(size as usize, 0);
            let rest = offset + u64::from(page_size);
            self.read(id, rest, &mut bytes[page_size as usize..])?;
        }
        Ok(bytes)
    }

    fn read(&self, page: u64, offset: u64, buffer: &mut [u8]) -> Result<(), Error> {
        self.source
            .read_exact_at(offset, buffer)
            .map_err(|source| Error::io(format!("cannot read page {page}"), source))
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().expect("invariant: no holder of this lock panics")
    }
}

type TornMeta = Option<(u64, String)>;

/// The meta that counts, and what is wrong with the other.
fn newest_meta(source: &dyn Source) -> Result<(Meta, TornMeta), Error> {
    let size_bytes = source.size_bytes();
    if size_bytes < 2 * SECOND_META[0] {
        return Err(Error::NotBolt(format!("it has {size_bytes} bytes, less than two pages")));
    }
    let first = read_meta(source, 0, 0)?;
    let second = match &first {
        Ok(meta) => read_meta(source, 1, u64::from(meta.page_size))?,
        Err(_) => any_second_meta(source)?,
    };
    match (first, second) {
        (Ok(first), Ok(second)) if first.page_size != second.page_size => Ok((first, {
            Some((
                1,
                format!("its page size is {}, the other's {}", second.page_size, first.page_size),
            ))
        })),
        (Ok(first), Ok(second)) => {
            Ok((if first.transaction > second.transaction { first } else { second }, None))
        }
        (Ok(first), Err(reason)) => Ok((first, Some((1, reason)))),
        (Err(reason), Ok(second)) => Ok((second, Some((0, reason)))),
        (Err(first), Err(second)) => {
            Err(Error::NotBolt(format!("meta page 0: {first}; meta page 1: {second}")))
        }
    }
}

/// The second meta when the first cannot say where it is.
fn any_second_meta(source: &dyn Source) -> Result<Result<Meta, String>, Error> {
    let mut reason = "it was not found".to_owned();
    for offset in SECOND_META {
        match read_meta(source, 1, offset)? {
            Ok(meta) if u64::from(meta.page_size) == offset => return Ok(Ok(meta)),
            // Most files have pages of this size.
            Err(fault) if offset == 4096 => reason = fault,
            Ok(_) | Err(_) => {}
        }
    }
    Ok(Err(reason))
}

fn read_meta(source: &dyn Source, id: u64, offset: u64) -> Result<Result<Meta, String>, Error> {
    let mut bytes = [0; PAGE_HEADER_BYTES + META_BYTES];
    if offset + bytes.len() as u64 > source.size_bytes() {
        return Ok(Err("it is cut off".to_owned()));
    }
    source
        .read_exact_at(offset, &mut bytes)
        .map_err(|source| Error::io(format!("cannot read meta page {id}"), source))?;
    let meta = Meta::parse(&bytes[PAGE_HEADER_BYTES..]);
    let header = Header::parse(&bytes);
    Ok(meta.and_then(|meta| {
        if header.id != id {
            return Err(format!("it says that it is page {}", header.id));
        }
        if header.flags != META {
            return Err(format!("its type is {}", header.kind()));
        }
        Ok(meta)
    }))
}
