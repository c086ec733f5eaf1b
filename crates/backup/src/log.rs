//! Reading a member's log: its records, each checked by the sum of all before it.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::crc32c::Crc32c;
use crate::error::Error;
use crate::protobuf::{Field, Fields};

// Types of records.
pub(crate) const METADATA: u64 = 1;
pub(crate) const ENTRY: u64 = 2;
pub(crate) const STATE: u64 = 3;
pub(crate) const CRC: u64 = 4;
pub(crate) const SNAPSHOT: u64 = 5;

/// A power cut leaves sectors of this size unwritten.
const SECTOR_BYTES: usize = 512;

/// One record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) kind: u64,
    crc: u32,
    pub(crate) data: Vec<u8>,
}

/// Calls `take` with each record of the log in `directory`, in order; a last record that was only
/// half written ends it.
pub(crate) fn read(
    directory: &Path,
    mut take: impl FnMut(Record) -> Result<(), String>,
) -> Result<(), Error> {
    let files = files(directory)?;
    let mut sum = Crc32c::default();
    for (index, path) in files.iter().enumerate() {
        let is_last = index + 1 == files.len();
        let file = File::open(path).map_err(|source| Error::io("cannot open", path, source))?;
        let size = file.metadata().map_err(|source| Error::io("cannot read", path, source))?.len();
        let mut segment = Segment { path, input: BufReader::new(file), offset: 0, size, is_last };
        while let Some(record) = segment.next(&mut sum)? {
            take(record).map_err(|reason| segment.damaged(&reason))?;
        }
    }
    Ok(())
}

/// The files of a log, which are numbered without a gap.
fn files(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let io = |source| Error::io("cannot read", directory, source);
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        let Some(name) = name.to_str().and_then(|name| name.strip_suffix(".wal")) else { continue };
        let Some((number, index)) = name.split_once('-') else { continue };
        let hex = |text| u64::from_str_radix(text, 16).ok();
        if let (Some(number), Some(_)) = (hex(number), hex(index)) {
            names.push((number, directory.join(format!("{name}.wal"))));
        }
    }
    names.sort();
    if names.is_empty() {
        return Err(Error::damaged(directory, "it has no file of a log"));
    }
    if let Some(gap) = names.windows(2).find(|pair| pair[0].0 + 1 != pair[1].0) {
        let text = format!("{} does not follow the file before", gap[1].1.display());
        return Err(Error::damaged(directory, text));
    }
    Ok(names.into_iter().map(|(_, path)| path).collect())
}

/// One file under way.
struct Segment<'a> {
    path: &'a Path,
    input: BufReader<File>,
    offset: u64,
    size: u64,
    is_last: bool,
}

impl Segment<'_> {
    fn next(&mut self, sum: &mut Crc32c) -> Result<Option<Record>, Error> {
        let mut frame = [0; 8];
        match self.input.read_exact(&mut frame) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(source) => return Err(Error::io("cannot read", self.path, source)),
            Ok(()) => {}
        }
        let frame = u64::from_le_bytes(frame);
        if frame == 0 {
            // Room that is reserved.
            return Ok(None);
        }
        let length = frame & (u64::MAX >> 8);
        let padding = if frame >> 63 == 1 { frame >> 56 & 7 } else { 0 };
        self.offset += 8;
        if length.saturating_add(padding) > self.size.saturating_sub(self.offset) {
            return self.torn("it is longer than the file");
        }
        let mut bytes = vec![0; (length + padding) as usize];
        self.input
            .read_exact(&mut bytes)
            .map_err(|source| Error::io("cannot read", self.path, source))?;
        let is_torn = self.has_hole(&bytes);
        let record = match parse(&bytes[..length as usize]) {
            Ok(record) => record,
            Err(reason) if is_torn => return self.torn(&reason),
            Err(reason) => return Err(self.damaged(&reason)),
        };
        if record.kind == CRC {
            if sum.sum() != 0 && sum.sum() != record.crc {
                return Err(self.damaged("its sum is not that of the file before"));
            }
            *sum = Crc32c::from_sum(record.crc);
        } else {
            let mut with_this = *sum;
            with_this.update(&record.data);
            if with_this.sum() != record.crc {
                let reason = "its sum is wrong";
                return if is_torn { self.torn(reason) } else { Err(self.damaged(reason)) };
            }
            *sum = with_this;
        }
        self.offset += length + padding;
        Ok(Some(record))
    }

    /// Whether a sector of what was read was never written.
    fn has_hole(&self, bytes: &[u8]) -> bool {
        let first = SECTOR_BYTES - self.offset as usize % SECTOR_BYTES;
        let (head, rest) = bytes.split_at(first.min(bytes.len()));
        std::iter::once(head)
            .chain(rest.chunks(SECTOR_BYTES))
            .any(|sector| !sector.is_empty() && sector.iter().all(|byte| *byte == 0))
    }

    /// The end of the log, if a record may be half written here.
    fn torn(&self, reason: &str) -> Result<Option<Record>, Error> {
        if self.is_last { Ok(None) } else { Err(self.damaged(reason)) }
    }

    fn damaged(&self, reason: &str) -> Error {
        Error::damaged(self.path, format!("the record at byte {}: {reason}", self.offset))
    }
}

fn parse(bytes: &[u8]) -> Result<Record, String> {
    let mut record = Record::default();
    for field in Fields::of(bytes) {
        match field? {
            (1, Field::Number(kind)) => record.kind = kind,
            (2, Field::Number(crc)) => record.crc = crc as u32,
            (3, Field::Bytes(data)) => record.data = data.to_vec(),
            _ => {}
        }
    }
    Ok(record)
}
