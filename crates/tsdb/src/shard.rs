//! One file: a day of raw samples, the latest scrapes as rows and all others as blocks; or some days
//! of coarser ones, all of them blocks.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use expfmt::Kind;
use model::series::Labels;
use rusqlite::blob::Blob;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, params};

use crate::bytes;
use crate::catalog::Catalog;
use crate::chunk::{Head, PREFIX};
use crate::error::Error;
use crate::segment::Segment;

/// Of the files; a later one is refused.
const FORMAT: i64 = 1;

/// Small: blocks are read once, and the system caches the file.
const SETTINGS: &str = "
    PRAGMA page_size = 8192;
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA cache_size = -1024;
    PRAGMA journal_size_limit = 4194304;
";

const READ_ONLY: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// Waits a little for whoever checkpoints.
const READ_SETTINGS: &str = "PRAGMA cache_size = -1024; PRAGMA busy_timeout = 2000;";

/// The index has all that the choice of blocks needs, so that it reads no block.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS target (id INTEGER PRIMARY KEY, labels TEXT NOT NULL UNIQUE);
    CREATE TABLE IF NOT EXISTS shape (id INTEGER PRIMARY KEY, labels TEXT NOT NULL UNIQUE);
    CREATE TABLE IF NOT EXISTS head (
        target INTEGER NOT NULL, segment INTEGER NOT NULL, seq INTEGER NOT NULL,
        at_ms INTEGER NOT NULL, row BLOB NOT NULL,
        PRIMARY KEY (target, segment, seq)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS block (
        id INTEGER PRIMARY KEY, target INTEGER NOT NULL, figure INTEGER NOT NULL,
        size INTEGER NOT NULL, from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL, data BLOB NOT NULL
    );
    CREATE INDEX IF NOT EXISTS block_of_target ON block (target, figure, from_ms, to_ms);
    CREATE TABLE IF NOT EXISTS rolled (day INTEGER PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS metric (
        name TEXT PRIMARY KEY, kind TEXT NOT NULL, help TEXT NOT NULL
    );
";

/// One file.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) path: PathBuf,
    is_read_only: bool,
    names: Mutex<Arc<Names>>,
    /// Days that a file of coarser samples has.
    rolled: Mutex<BTreeSet<i64>>,
    readers: Mutex<Vec<Connection>>,
}

/// What the samples of a block stand for; the numbers are those in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kept {
    /// Samples as they were scraped: all, or of each span the last and those around a reset.
    Last = 0,
    /// Of each span the smallest.
    Min = 1,
    /// The largest.
    Max = 2,
    /// The sum.
    Sum = 3,
    /// How many there were.
    Count = 4,
}

/// The file's own numbers of targets and shapes, by those of the catalog and back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    pub(crate) targets: HashMap<u32, i64>,
    pub(crate) shapes: HashMap<u32, u32>,
    /// By the file's number.
    pub(crate) known: HashMap<u32, u32>,
}

impl Names {
    pub(crate) fn count(&self) -> usize {
        self.targets.len() + self.shapes.len()
    }

    pub(crate) fn add_shape(&mut self, ours: u32, theirs: u32) {
        self.shapes.insert(ours, theirs);
        self.known.insert(theirs, ours);
    }
}

impl Shard {
    /// Opens the file, or makes it.
    pub(crate) fn open(path: &Path, catalog: &Catalog) -> Result<Self, Error> {
        let sql = |source| Error::Sql { path: path.to_owned(), source };
        let connection = Connection::open(path).map_err(sql)?;
        connection.execute_batch(SETTINGS).map_err(sql)?;
        refuse_newer(&connection, path)?;
        connection.execute_batch(SCHEMA).map_err(sql)?;
        connection.pragma_update(None, "user_version", FORMAT).map_err(sql)?;
        Self::of(path, connection, false, catalog)
    }

    /// Opens the file to read, whoever else writes to it.
    pub(crate) fn open_read_only(path: &Path, catalog: &Catalog) -> Result<Self, Error> {
        let sql = |source| Error::Sql { path: path.to_owned(), source };
        let connection = read_only(path).map_err(sql)?;
        refuse_newer(&connection, path)?;
        Self::of(path, connection, true, catalog)
    }

    fn of(
        path: &Path,
        connection: Connection,
        is_read_only: bool,
        catalog: &Catalog,
    ) -> Result<Self, Error> {
        let sql = |source| Error::Sql { path: path.to_owned(), source };
        let names = read_names(&connection, catalog).map_err(sql)?;
        let rolled = read_rolled(&connection).map_err(sql)?;
        Ok(Self {
            path: path.to_owned(),
            is_read_only,
            names: Mutex::new(Arc::new(names)),
            rolled: Mutex::new(rolled),
            readers: Mutex::new(vec![connection]),
        })
    }

    /// A connection of one's own, to write with.
    pub(crate) fn connect(&self) -> Result<Connection, Error> {
        let open = || {
            if self.is_read_only {
                return read_only(&self.path);
            }
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(&self.path, flags)?;
            connection.execute_batch(SETTINGS)?;
            Ok(connection)
        };
        open().map_err(|source| Error::Sql { path: self.path.clone(), source })
    }

    pub(crate) fn names(&self) -> Arc<Names> {
        Arc::clone(&self.names.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Names that are committed, for readers.
    pub(crate) fn set_names(&self, names: Names) {
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(names);
    }

    /// The days that a file of coarser samples has.
    pub(crate) fn rolled(&self) -> MutexGuard<'_, BTreeSet<i64>> {
        self.rolled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection to read with; give it back.
    pub(crate) fn reader(&self) -> Result<Reader<'_>, Error> {
        let idle = self.readers().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect()?,
        };
        Ok(Reader { shard: self, connection: Some(connection) })
    }

    fn readers(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The latest scrapes as they were when the process ended, by target; and what was damaged.
    pub(crate) fn replay(&self, day: i64, catalog: &Catalog) -> Result<Replayed, Error> {
        let reader = self.reader()?;
        let sql = |source| Error::Sql { path: self.path.clone(), source };
        let snapshot = reader.snapshot().map_err(sql)?;
        if self.is_read_only {
            // Another process may have given names since the file was opened.
            self.set_names(read_names(reader.connection(), catalog).map_err(sql)?);
        }
        let names = self.names();
        let names = &*names;
        let ours: HashMap<i64, u32> = names.targets.iter().map(|(k, v)| (*v, *k)).collect();
        let mut segments: Vec<(u32, Segment)> = Vec::new();
        let mut damage = Vec::new();
        let mut read = || -> rusqlite::Result<()> {
            let mut query = reader.connection().prepare(
                "SELECT target, segment, seq, at_ms, row FROM head ORDER BY target, segment, seq",
            )?;
            let mut rows = query.query(())?;
            while let Some(row) = rows.next()? {
                let (target, number): (i64, i64) = (row.get(0)?, row.get(1)?);
                let (seq, at_ms): (i64, i64) = (row.get(2)?, row.get(3)?);
                let Some(target) = ours.get(&target) else { continue };
                let is_next = segments
                    .last()
                    .is_some_and(|(of, last)| of == target && last.number == number as u64);
                if !is_next {
                    segments.push((*target, Segment::new(number as u64, day)));
                }
                let Some((_, segment)) = segments.last_mut() else { continue };
                let is_sound = segment.len() as i64 == seq
                    && unpack(row.get_ref(4)?.as_blob()?, names)
                        .is_some_and(|(added, diff)| segment.replay(at_ms, &added, diff));
                if !is_sound {
                    damage.push(format!("a scrape at {at_ms} ms in {}", self.path.display()));
                }
            }
            Ok(())
        };
        read().and_then(|()| snapshot.commit()).map_err(sql)?;
        Ok(Replayed { segments, damage })
    }
}

/// A connection that cannot write, whoever else does.
pub(crate) fn read_only(path: &Path) -> rusqlite::Result<Connection> {
    let open = |path: &Path, flags| {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.execute_batch(READ_SETTINGS)?;
        connection.pragma_query_value(None, "schema_version", |_| Ok(()))?;
        Ok(connection)
    };
    match open(path, READ_ONLY) {
        // On a medium that cannot be written, where readers cannot tell of themselves beside the
        // file. Without a log beside it nobody writes to it, and the file is all there is.
        Err(rusqlite::Error::SqliteFailure(failure, _))
            if matches!(failure.code, ErrorCode::CannotOpen | ErrorCode::ReadOnly)
                && path.exists()
                && !path.with_extension("db-wal").exists() =>
        {
            let text = path.to_string_lossy();
            let text = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
            let address = format!("file:{text}?immutable=1");
            open(Path::new(&address), READ_ONLY | OpenFlags::SQLITE_OPEN_URI)
        }
        other => other,
    }
}

/// A scrape's row: new series' numbers in this file, then the difference from the row before.
pub(crate) fn pack(added: &[u32], diff: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(diff.len() + added.len() * 2 + 8);
    bytes::put(&mut row, added.len() as u64);
    for shape in added {
        bytes::put(&mut row, u64::from(*shape));
    }
    row.extend_from_slice(diff);
    bytes::seal(&mut row, 0);
    row
}

fn unpack<'a>(row: &'a [u8], names: &Names) -> Option<(Vec<u32>, &'a [u8])> {
    let mut input = bytes::unseal(row)?;
    let mut added = Vec::new();
    for _ in 0..bytes::take(&mut input)? {
        let shape = u32::try_from(bytes::take(&mut input)?).ok()?;
        added.push(*names.known.get(&shape)?);
    }
    Some((added, input))
}

fn refuse_newer(connection: &Connection, path: &Path) -> Result<(), Error> {
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0));
    let found: i64 = version.map_err(|source| Error::Sql { path: path.to_owned(), source })?;
    if found > FORMAT {
        return Err(Error::Newer { path: path.to_owned(), found, known: FORMAT });
    }
    Ok(())
}

fn read_rolled(connection: &Connection) -> rusqlite::Result<BTreeSet<i64>> {
    let mut query = connection.prepare("SELECT day FROM rolled")?;
    query.query_map((), |row| row.get(0))?.collect()
}

pub(crate) fn read_names(connection: &Connection, catalog: &Catalog) -> rusqlite::Result<Names> {
    let mut names = Names::default();
    let mut query = connection.prepare("SELECT id, labels FROM target")?;
    let mut rows = query.query(())?;
    while let Some(row) = rows.next()? {
        let labels = parse_labels(&row.get::<_, String>(1)?);
        names.targets.insert(catalog.target(&labels).number, row.get(0)?);
    }
    let mut query = connection.prepare("SELECT id, labels FROM shape")?;
    let mut rows = query.query(())?;
    while let Some(row) = rows.next()? {
        let labels = parse_labels(&row.get::<_, String>(1)?);
        names.add_shape(catalog.shape(&labels), row.get(0)?);
    }
    let mut query = connection.prepare("SELECT name, kind, help FROM metric")?;
    let mut rows = query.query(())?;
    while let Some(row) = rows.next()? {
        let kind: String = row.get(1)?;
        let kind = Kind::from_word(&kind).unwrap_or(Kind::Unknown);
        catalog.describe(&row.get::<_, String>(0)?, kind, &row.get::<_, String>(2)?);
    }
    Ok(names)
}

/// Labels as people can read them in the file: a JSON object.
pub(crate) fn labels_text(labels: &Labels) -> String {
    let object: serde_json::Map<_, _> =
        labels.iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    serde_json::Value::from(object).to_string()
}

fn parse_labels(text: &str) -> Labels {
    let object: HashMap<String, String> = serde_json::from_str(text).unwrap_or_default();
    Labels::new(object)
}

/// What a file had in its rows.
pub(crate) struct Replayed {
    /// With the number of their target.
    pub(crate) segments: Vec<(u32, Segment)>,
    pub(crate) damage: Vec<String>,
}

/// A borrowed connection.
pub(crate) struct Reader<'s> {
    shard: &'s Shard,
    connection: Option<Connection>,
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.shard.readers().push(connection);
        }
    }
}

impl Reader<'_> {
    pub(crate) fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("invariant: taken by drop only")
    }

    /// The blocks of a target (by its number in the file) that touch a range of time, by number.
    pub(crate) fn blocks(
        &self,
        target: i64,
        kept: Kept,
        from_ms: i64,
        to_ms: i64,
    ) -> rusqlite::Result<Vec<i64>> {
        // Without the plus signs SQLite plans the query anew for every value, as it compares the
        // constants of a query with what it is ordered by.
        let mut query = self.connection().prepare_cached(
            "SELECT id FROM block
             WHERE target = +? AND figure = +? AND from_ms <= ? AND to_ms >= ? ORDER BY from_ms",
        )?;
        let parameters = params![target, kept as i64, to_ms, from_ms];
        query.query_map(parameters, |row| row.get(0))?.collect()
    }

    /// One state of the file for all that is read until it is dropped.
    pub(crate) fn snapshot(&self) -> rusqlite::Result<Transaction<'_>> {
        self.connection().unchecked_transaction()
    }

    /// A block with its head read; none when that is damaged.
    pub(crate) fn block(&self, number: i64) -> rusqlite::Result<Option<StoredBlock<'_>>> {
        let mut query = self
            .connection()
            .prepare_cached("SELECT iif(length(data) <= ?, data, NULL) FROM block WHERE id = ?")?;
        let whole: Option<Vec<u8>> = query.query_row(params![WHOLE, number], |row| row.get(0))?;
        let data = match whole {
            Some(whole) => Data::Whole(whole),
            None => {
                Data::Parts(self.connection().blob_open("main", "block", "data", number, true)?)
            }
        };
        let Some(prefix) = data.read(0..PREFIX)? else { return Ok(None) };
        let length = prefix.first_chunk().map_or(0, |prefix| u32::from_le_bytes(*prefix));
        let Some(head) = data.read(PREFIX..PREFIX + length as usize)? else { return Ok(None) };
        Ok(Head::decode(&head).map(|head| StoredBlock { head, data }))
    }
}

/// Blocks up to this many bytes are read whole: to open one in order to read parts of it takes longer.
const WHOLE: i64 = 64 << 10;

/// A block in the file: its columns are read when they are asked for.
pub(crate) struct StoredBlock<'r> {
    pub(crate) head: Head,
    data: Data<'r>,
}

enum Data<'r> {
    Whole(Vec<u8>),
    Parts(Blob<'r>),
}

impl Data<'_> {
    /// Some of its bytes; none where it ends before.
    fn read(&self, range: Range<usize>) -> rusqlite::Result<Option<Cow<'_, [u8]>>> {
        match self {
            Self::Whole(whole) => Ok(whole.get(range).map(Cow::Borrowed)),
            Self::Parts(blob) if range.end > blob.len() => Ok(None),
            Self::Parts(blob) => {
                let mut part = vec![0; range.len()];
                blob.read_at_exact(&mut part, range.start)?;
                Ok(Some(Cow::Owned(part)))
            }
        }
    }
}

impl StoredBlock<'_> {
    /// The column at this place of the head; none when it is damaged.
    pub(crate) fn column(&self, place: usize) -> rusqlite::Result<Option<Vec<u64>>> {
        let Some((_, range)) = self.head.columns.get(place) else { return Ok(None) };
        let sealed = self.data.read(range.clone())?;
        Ok(sealed.and_then(|sealed| self.head.column(&sealed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_reads_the_same_whole_and_in_parts() {
        let connection = Connection::open_in_memory().expect("a database");
        connection.execute_batch(SCHEMA).expect("tables");
        let data: Vec<u8> = (0..200).collect();
        let sql = "INSERT INTO block VALUES (1, 0, 0, 0, 0, 0, ?)";
        connection.execute(sql, params![data]).expect("a block");
        let blob = connection.blob_open("main", "block", "data", 1, true).expect("a blob");
        let (whole, parts) = (Data::Whole(data.clone()), Data::Parts(blob));
        for range in [0..4, 4..150, 199..200, 200..200, 150..201, 300..301] {
            let expected = data.get(range.clone()).map(<[u8]>::to_vec);
            for read in [whole.read(range.clone()), parts.read(range.clone())] {
                let read = read.expect("a sound file").map(Cow::into_owned);
                assert_eq!(read, expected, "{range:?}");
            }
        }
    }
}
