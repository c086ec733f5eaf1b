//! Reading a file of keys: first all of it for its hash, then key by key.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

use super::line::{FORMAT, HEADER_START, Header, KeyLine, TRAILER_START, Trailer};
use super::write::hex;
use crate::error::Error;
use crate::file::ZSTD_MAGIC;

/// Longest line: far more than what etcd takes, and what a file that is none may cost of memory.
const MAX_LINE_BYTES: u64 = 256 << 20;
/// How much a wrong line is quoted.
const QUOTED_BYTES: usize = 60;

/// A file of keys, open.
#[derive(Debug)]
pub struct KeyFile {
    path: PathBuf,
    file: File,
    is_unchecked: bool,
}

/// What a file of keys holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Its first line, if it has one that says so.
    pub header: Option<Header>,
    /// How many keys.
    pub keys: u64,
    /// How many of them hang on a lease.
    pub with_lease: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
}

impl KeyFile {
    /// Opens a file, compressed or not. With `is_unchecked`, one without header and trailer, or whose
    /// hash is not right as somebody edited it, is taken too.
    pub fn open(path: &Path, is_unchecked: bool) -> Result<Self, Error> {
        let file = File::open(path).map_err(|source| Error::io("cannot open", path, source))?;
        Ok(Self { path: path.to_owned(), file, is_unchecked })
    }

    /// Takes what `input` has into a temporary file without a name, as it is read twice.
    pub fn spool(input: &mut dyn Read, is_unchecked: bool) -> Result<Self, Error> {
        let path = PathBuf::from("standard input");
        let io = |source| Error::io("cannot keep for a moment", &path, source);
        let mut file = tempfile::tempfile().map_err(io)?;
        io::copy(input, &mut file).map_err(io)?;
        Ok(Self { path, file, is_unchecked })
    }

    /// Its name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads all of it; `look` may refuse a key. Nothing of a file that fails here is to be used.
    pub fn check(
        &mut self,
        mut look: impl FnMut(&KeyLine) -> Result<(), String>,
    ) -> Result<Summary, Error> {
        let mut lines = self.lines()?;
        let mut summary = Summary::default();
        while let Some(line) = lines.next()? {
            summary.keys += 1;
            summary.with_lease += u64::from(line.lease != 0);
            summary.bytes += (line.key.len() + line.value.len()) as u64;
            look(&line).map_err(|reason| lines.wrong(&reason))?;
        }
        summary.header = lines.header.take();
        Ok(summary)
    }

    /// Its keys from the beginning.
    pub fn lines(&mut self) -> Result<KeyLines, Error> {
        let path = &self.path;
        let read = |source| Error::io("cannot read", path, source);
        self.file.seek(SeekFrom::Start(0)).map_err(read)?;
        let mut magic = Vec::new();
        (&self.file).take(ZSTD_MAGIC.len() as u64).read_to_end(&mut magic).map_err(read)?;
        self.file.seek(SeekFrom::Start(0)).map_err(read)?;
        let file = self.file.try_clone().map_err(read)?;
        let input: Box<dyn BufRead> = if magic == ZSTD_MAGIC {
            Box::new(BufReader::with_capacity(1 << 17, zstd::Decoder::new(file).map_err(read)?))
        } else {
            Box::new(BufReader::with_capacity(1 << 17, file))
        };
        Ok(KeyLines {
            path: path.clone(),
            input,
            hash: Context::new(&SHA256),
            is_unchecked: self.is_unchecked,
            header: None,
            number: 0,
            keys: 0,
            last: Vec::new(),
            is_done: false,
        })
    }
}

/// The keys of a file, one after the other.
pub struct KeyLines {
    path: PathBuf,
    input: Box<dyn BufRead>,
    hash: Context,
    is_unchecked: bool,
    header: Option<Header>,
    /// Of the line that was read last.
    number: u64,
    keys: u64,
    last: Vec<u8>,
    is_done: bool,
}

impl KeyLines {
    /// The next key; `None` behind the last of a file that is whole.
    #[expect(clippy::should_implement_trait, reason = "an error ends it")]
    pub fn next(&mut self) -> Result<Option<KeyLine>, Error> {
        while !self.is_done {
            let line = self.line()?;
            if line.is_empty() {
                return self.ended();
            }
            if line.starts_with(TRAILER_START) {
                self.trailer(&line)?;
                self.is_done = true;
                return Ok(None);
            }
            self.hash.update(&line);
            if self.number == 1 && line.starts_with(HEADER_START) {
                self.header = Some(self.header(&line)?);
                continue;
            }
            if self.number == 1 && !self.is_unchecked {
                return Err(self.damaged(
                    "it does not begin with {\"etcd_export\":1,…}, so it is no \
                     file that 'export' wrote; --skip-hash-check takes lines of keys without",
                ));
            }
            let line = KeyLine::read(&line).map_err(|reason| self.quoted(&line, &reason))?;
            if line.key <= self.last {
                return Err(self.wrong(
                    "its key does not come after the one before; keys stand in the \
                     order of their bytes, each once",
                ));
            }
            self.last.clone_from(&line.key);
            self.keys += 1;
            return Ok(Some(line));
        }
        Ok(None)
    }

    /// One line with its end; empty behind the last.
    fn line(&mut self) -> Result<Vec<u8>, Error> {
        let mut line = Vec::new();
        let read = (&mut self.input).take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
        match read {
            // What is cut off in a compressed file is told by zstd.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                let (number, keys) = (self.number, self.keys);
                return Err(self.damaged(&format!(
                    "it is cut off after line {number}, with {keys} keys: what is compressed has no end"
                )));
            }
            Err(error) if error.kind() == io::ErrorKind::Other => {
                return Err(self.damaged(&format!("it cannot be unpacked: {error}")));
            }
            Err(source) => return Err(Error::io("cannot read", &self.path, source)),
            Ok(_) => {}
        }
        self.number += u64::from(!line.is_empty());
        if line.len() as u64 == MAX_LINE_BYTES {
            return Err(self.wrong("it is longer than 256 MiB"));
        }
        Ok(line)
    }

    fn ended(&mut self) -> Result<Option<KeyLine>, Error> {
        self.is_done = true;
        if self.is_unchecked {
            return Ok(None);
        }
        let (keys, number) = (self.keys, self.number);
        Err(self.damaged(&format!(
            "it has no trailer: it is cut off after line {number}, with {keys} keys"
        )))
    }

    fn header(&self, line: &[u8]) -> Result<Header, Error> {
        let header: Header =
            serde_json::from_slice(line).map_err(|error| self.quoted(line, &error.to_string()))?;
        self.check_format(header.format)?;
        Ok(header)
    }

    fn check_format(&self, format: u32) -> Result<(), Error> {
        if format == FORMAT {
            return Ok(());
        }
        Err(self.wrong(&format!("it is of format {format}; this version knows {FORMAT}")))
    }

    fn trailer(&mut self, line: &[u8]) -> Result<(), Error> {
        let trailer: Trailer =
            serde_json::from_slice(line).map_err(|error| self.quoted(line, &error.to_string()))?;
        self.check_format(trailer.format)?;
        if !self.line()?.is_empty() {
            return Err(self.wrong("something follows the trailer"));
        }
        let hash = std::mem::replace(&mut self.hash, Context::new(&SHA256));
        let found = hex(hash.finish().as_ref());
        if self.is_unchecked {
            return Ok(());
        }
        if self.keys != trailer.keys {
            let (keys, said) = (self.keys, trailer.keys);
            return Err(self.damaged(&format!("it has {keys} keys, but its trailer says {said}")));
        }
        if found != trailer.sha256 {
            return Err(self.damaged(
                "its SHA-256 is not that of its trailer: it was changed since it was written; \
                 --skip-hash-check takes it all the same",
            ));
        }
        Ok(())
    }

    fn damaged(&self, reason: &str) -> Error {
        Error::damaged(&self.path, reason)
    }

    /// The line that was read last is wrong.
    fn wrong(&self, reason: &str) -> Error {
        self.damaged(&format!("line {}: {reason}", self.number))
    }

    fn quoted(&self, line: &[u8], reason: &str) -> Error {
        let text = String::from_utf8_lossy(&line[..line.len().min(QUOTED_BYTES)]);
        self.wrong(&format!("{reason}, in {text:?}"))
    }
}
