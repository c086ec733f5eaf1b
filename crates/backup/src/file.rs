//! A snapshot file, open: its database, its hash, compressed or not.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bbolt::Database;
use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN};

use crate::error::Error;
use crate::keyspace;

/// etcd appends its hash to whole pages, whose sizes are multiples of this.
const SECTOR_BYTES: u64 = 512;
/// What a file compressed by zstd begins with.
pub(crate) const ZSTD_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
const READ_BYTES: usize = 1 << 20;

/// Whether the hash at the end of a snapshot is that of what is before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashCheck {
    /// It is.
    Matches,
    /// There is none: the file was copied from a data directory, or it was cut off there.
    Absent,
}

/// A snapshot, or a database copied from a data directory.
#[derive(Debug)]
pub struct SnapshotFile {
    path: PathBuf,
    /// The snapshot uncompressed; a temporary file without a name if it was compressed.
    file: File,
    size_bytes: u64,
    database: Database,
}

impl SnapshotFile {
    /// Opens a snapshot. One that is compressed is first unpacked into the directory for temporary
    /// files.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = Self::open_cut(path)?;
        file.check_end()?;
        Ok(file)
    }

    /// The same for one that may end anywhere.
    pub(crate) fn open_cut(path: &Path) -> Result<Self, Error> {
        let io = |source| Error::io("cannot read", path, source);
        let mut file = File::open(path).map_err(|source| Error::io("cannot open", path, source))?;
        let mut magic = Vec::new();
        file.by_ref().take(ZSTD_MAGIC.len() as u64).read_to_end(&mut magic).map_err(io)?;
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        if magic == ZSTD_MAGIC {
            file = unpacked(path, &file)?;
        }
        let size_bytes = file.metadata().map_err(io)?.len();
        let database = file.try_clone().map_err(io)?;
        let database = Database::from_file(database).map_err(|error| Error::read(path, error))?;
        Ok(Self { path: path.to_owned(), file, size_bytes, database })
    }

    /// Refuses a file that ends where neither a page nor a hash ends.
    pub(crate) fn check_end(&self) -> Result<(), Error> {
        let beyond = self.size_bytes % SECTOR_BYTES;
        if beyond == 0 || self.has_hash() {
            return Ok(());
        }
        let reason = format!(
            "it ends with {beyond} bytes that are neither pages nor a SHA-256: it is cut off, or \
             something was appended"
        );
        Err(Error::damaged(&self.path, reason))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Its size, uncompressed.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Whether a hash follows the database.
    pub fn has_hash(&self) -> bool {
        self.size_bytes % SECTOR_BYTES == SHA256_OUTPUT_LEN as u64
    }

    /// Reads all of it and compares it with its hash.
    ///
    /// # Errors
    /// When it cannot be read, or differs.
    pub fn check_hash(&self) -> Result<HashCheck, Error> {
        if !self.has_hash() {
            return Ok(HashCheck::Absent);
        }
        let io = |source| Error::io("cannot read", &self.path, source);
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        let mut hash = Context::new(&SHA256);
        let mut left = self.size_bytes - SHA256_OUTPUT_LEN as u64;
        let mut buffer = vec![0; READ_BYTES];
        while left > 0 {
            let length = left.min(READ_BYTES as u64) as usize;
            file.read_exact(&mut buffer[..length]).map_err(io)?;
            hash.update(&buffer[..length]);
            left -= length as u64;
        }
        let mut expected = [0; SHA256_OUTPUT_LEN];
        file.read_exact(&mut expected).map_err(io)?;
        let found = hash.finish();
        if found.as_ref() == expected {
            return Ok(HashCheck::Matches);
        }
        let reason = format!(
            "expected sha256 {}, got {}: the file was changed or damaged after it was saved",
            keyspace::hex(&expected),
            keyspace::hex(found.as_ref())
        );
        Err(Error::damaged(&self.path, reason))
    }
}

fn unpacked(path: &Path, packed: &File) -> Result<File, Error> {
    let io = |source| {
        let directory = std::env::temp_dir();
        Error::io(&format!("cannot unpack into {}", directory.display()), path, source)
    };
    let mut file = tempfile::tempfile().map_err(io)?;
    let result =
        zstd::Decoder::new(packed).and_then(|mut decoder| std::io::copy(&mut decoder, &mut file));
    match result {
        Ok(_) => {}
        // zstd's own complaints have no kind.
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::Other | std::io::ErrorKind::UnexpectedEof
            ) =>
        {
            return Err(Error::damaged(path, format!("its compression is damaged: {error}")));
        }
        Err(error) => return Err(io(error)),
    }
    file.seek(SeekFrom::Start(0)).map_err(io)?;
    Ok(file)
}
