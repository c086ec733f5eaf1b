//! Writing a file of keys, which appears whole or not at all.

use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

use super::line::{FORMAT, Header, KeyLine, Trailer};
use crate::error::Error;
use crate::part::PartFile;
use crate::save::Out;

/// What zstd compresses with: fast, and much smaller than JSON.
const LEVEL: i32 = 3;

/// Makes the lines and their hash.
pub struct Encoder {
    hash: Context,
    keys: u64,
}

impl Encoder {
    /// Begins with the header.
    pub fn new(header: &Header, out: &mut Vec<u8>) -> Self {
        let mut encoder = Self { hash: Context::new(&SHA256), keys: 0 };
        encoder.hashed(out, |out| {
            serde_json::to_writer(&mut *out, header).expect("invariant: a vector takes everything");
            out.push(b'\n');
        });
        encoder
    }

    /// Appends a key; keys come in order.
    pub fn add(&mut self, line: &KeyLine, out: &mut Vec<u8>) {
        self.keys += 1;
        self.hashed(out, |out| line.write(out));
    }

    /// Appends the trailer, and answers it.
    pub fn end(self, out: &mut Vec<u8>) -> Trailer {
        let sha256 = hex(self.hash.finish().as_ref());
        let trailer = Trailer { format: FORMAT, keys: self.keys, sha256 };
        serde_json::to_writer(&mut *out, &trailer).expect("invariant: a vector takes everything");
        out.push(b'\n');
        trailer
    }

    fn hashed(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        let before = out.len();
        write(out);
        self.hash.update(&out[before..]);
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// A file under way, compressed if its name ends with `.zst`.
pub struct KeyFileWriter {
    path: PathBuf,
    part: PartFile,
    out: Out,
    written: u64,
}

impl KeyFileWriter {
    /// Begins the file under a temporary name; an older one is replaced when this one is whole.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let part = PartFile::create(path)?;
        let file = BufWriter::with_capacity(1 << 18, part.handle()?);
        let is_compressed = path.extension().is_some_and(|extension| extension == "zst");
        let out = Out::new(file, is_compressed.then_some(LEVEL))
            .map_err(|source| Error::io("cannot compress", path, source))?;
        Ok(Self { path: path.to_owned(), part, out, written: 0 })
    }

    /// Appends bytes that an [`Encoder`] made.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.out.as_write().write_all(bytes).map_err(|source| self.failed(source))?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Brings it to disk and gives it its name; answers its size there.
    pub fn finish(self) -> Result<u64, Error> {
        let Self { path, part, out, written } = self;
        let size = out.finish().map_err(|source| failed(&path, written, source))?;
        part.finish()?;
        Ok(size)
    }

    fn failed(&self, source: io::Error) -> Error {
        failed(&self.path, self.written, source)
    }
}

fn failed(path: &Path, written: u64, source: io::Error) -> Error {
    let what = if source.kind() == io::ErrorKind::StorageFull {
        format!("no room for {}: {written} bytes fit and are removed again", path.display())
    } else {
        format!("cannot write {}", path.display())
    };
    Error::Io { what, source }
}
