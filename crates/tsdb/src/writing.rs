//! Writing to one file: names are given, rows and blocks put in, many small blocks made one.

use std::sync::Arc;

use model::series::METRIC_NAME;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::chunk::{self, Block};
use crate::error::Error;
use crate::level::FileId;
use crate::segment::Segment;
use crate::shard::{Kept, Names, Shard, labels_text, pack};
use crate::shards::Shards;
use crate::target::TargetState;
use crate::writer::RowCommand;

/// So many blocks of a target, of the size that is their index, become one of the next size. Of raw
/// ones that is an hour, then six; of coarser ones 4 days, then 24.
const MERGE: [i64; 2] = [4, 6];

const SMALL: i64 = 0;
pub(crate) const LARGE: i64 = MERGE.len() as i64;
/// Left alone, for a person to look at.
pub(crate) const DAMAGED: i64 = 9;

/// A file that is open for writing.
pub(crate) struct WritableFile {
    shard: Arc<Shard>,
    connection: Connection,
    names: Names,
}

impl WritableFile {
    pub(crate) fn open(shards: &Shards, file: FileId) -> Result<Self, Error> {
        let shard = shards.get(file)?;
        let connection = shard.connect()?;
        let names = shard.names().as_ref().clone();
        Ok(Self { shard, connection, names })
    }

    /// Runs `write` in one transaction. After an error the file must be opened anew: it may have
    /// given names that were not committed.
    pub(crate) fn write(
        &mut self,
        shards: &Shards,
        write: impl FnOnce(&mut Writing<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), Error> {
        let Self { shard, connection, names } = self;
        let known = names.count();
        let run = || -> rusqlite::Result<()> {
            let sql = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            write(&mut Writing { sql: &sql, names, shards, shard })?;
            sql.commit()
        };
        run().map_err(|source| Error::Sql { path: shard.path.clone(), source })?;
        if names.count() != known {
            shard.set_names(names.clone());
        }
        Ok(())
    }
}

/// A file within a transaction.
pub(crate) struct Writing<'a> {
    pub(crate) sql: &'a Transaction<'a>,
    names: &'a mut Names,
    shards: &'a Shards,
    shard: &'a Shard,
}

impl Writing<'_> {
    /// The file's number of a target.
    pub(crate) fn target(&mut self, target: &TargetState) -> rusqlite::Result<i64> {
        if let Some(number) = self.names.targets.get(&target.number) {
            return Ok(*number);
        }
        let mut insert = self.sql.prepare_cached("INSERT INTO target (labels) VALUES (?)")?;
        let number = insert.insert([labels_text(&target.labels)])?;
        self.names.targets.insert(target.number, number);
        Ok(number)
    }

    /// The file's number of a shape.
    fn shape(&mut self, shape: u32) -> rusqlite::Result<u32> {
        if let Some(number) = self.names.shapes.get(&shape) {
            return Ok(*number);
        }
        let known = self.shards.catalog.read();
        let labels = &known.shapes[shape as usize];
        if let Some((name, metric)) = labels.get(METRIC_NAME).and_then(|name| known.metric(name)) {
            let mut describe =
                self.sql.prepare_cached("INSERT OR REPLACE INTO metric VALUES (?, ?, ?)")?;
            describe.execute([name, metric.kind.as_str(), &metric.help])?;
        }
        let mut insert = self.sql.prepare_cached("INSERT INTO shape (labels) VALUES (?)")?;
        let number = insert.insert([labels_text(labels)])? as u32;
        self.names.add_shape(shape, number);
        Ok(number)
    }

    /// Adds a scrape.
    pub(crate) fn insert(&mut self, row: &RowCommand) -> rusqlite::Result<()> {
        let target = self.target(&row.target)?;
        let added: rusqlite::Result<Vec<u32>> =
            row.added.iter().map(|shape| self.shape(*shape)).collect();
        let packed = pack(&added?, &row.diff);
        // A batch that failed half way comes again.
        let mut insert =
            self.sql.prepare_cached("INSERT OR REPLACE INTO head VALUES (?, ?, ?, ?, ?)")?;
        insert.execute(params![target, row.segment as i64, row.index as i64, row.at_ms, packed])?;
        Ok(())
    }

    /// Makes a block of a segment's rows.
    pub(crate) fn seal(&mut self, target: &TargetState, segment: &Segment) -> rusqlite::Result<()> {
        let everything = i64::MIN..=i64::MAX;
        self.add(target, Kept::Last, segment.all().block(&everything, Some))?;
        let target = self.target(target)?;
        let mut delete =
            self.sql.prepare_cached("DELETE FROM head WHERE target = ? AND segment = ?")?;
        delete.execute(params![target, segment.number as i64])?;
        Ok(())
    }

    /// Adds a block, its columns by our numbers.
    pub(crate) fn add(
        &mut self,
        target: &TargetState,
        kept: Kept,
        mut block: Block,
    ) -> rusqlite::Result<()> {
        let target = self.target(target)?;
        for (shape, _) in &mut block.columns {
            *shape = self.shape(*shape)?;
        }
        block.columns.sort_by_key(|(shape, _)| *shape);
        self.put(target, kept as i64, SMALL, &block)?;
        (SMALL..).zip(MERGE).try_for_each(|(size, many)| self.merge(target, kept, size, many))
    }

    fn put(&self, target: i64, figure: i64, size: i64, block: &Block) -> rusqlite::Result<()> {
        let (Some(from), Some(to)) = (block.times.first(), block.times.last()) else {
            return Ok(());
        };
        let mut insert = self.sql.prepare_cached(
            "INSERT INTO block (target, figure, size, from_ms, to_ms, data)
             VALUES (?, ?, ?, ?, ?, ?)",
        )?;
        insert.execute(params![target, figure, size, from, to, block.encode()])?;
        Ok(())
    }

    /// Makes one block of `many` of a size, when there are so many: fewer, longer columns compress
    /// better and are read faster.
    fn merge(&self, target: i64, kept: Kept, size: i64, many: i64) -> rusqlite::Result<()> {
        let of_size = params![target, kept as i64, size];
        let mut count = self.sql.prepare_cached(
            "SELECT count(*) FROM block WHERE target = ? AND figure = ? AND size = ?",
        )?;
        if count.query_row(of_size, |row| row.get::<_, i64>(0))? < many {
            return Ok(());
        }
        let mut query = self.sql.prepare_cached(
            "SELECT id FROM block WHERE target = ? AND figure = ? AND size = ? ORDER BY from_ms",
        )?;
        let ids: rusqlite::Result<Vec<i64>> = query.query_map(of_size, |row| row.get(0))?.collect();
        self.join(target, kept as i64, size + 1, &ids?)
    }

    /// Makes one block of a size of these of a target and figure; damaged ones are left alone.
    pub(crate) fn join(
        &self,
        target: i64,
        figure: i64,
        size: i64,
        ids: &[i64],
    ) -> rusqlite::Result<()> {
        let mut query = self.sql.prepare_cached("SELECT data FROM block WHERE id = ?")?;
        let (mut sound, mut blocks) = (Vec::new(), Vec::new());
        for id in ids {
            let block = query.query_row([id], |row| Ok(chunk::decode(row.get_ref(0)?.as_blob()?)));
            if let Some(block) = block? {
                sound.push(*id);
                blocks.push(block);
            } else {
                self.sql.execute("UPDATE block SET size = ? WHERE id = ?", [DAMAGED, *id])?;
                self.shards.damaged(format!("block {id} of {}", self.shard.path.display()));
            }
        }
        self.put(target, figure, size, &Block::join(blocks))?;
        sound.into_iter().try_for_each(|id| self.delete(id))
    }

    pub(crate) fn delete(&self, id: i64) -> rusqlite::Result<()> {
        self.sql.prepare_cached("DELETE FROM block WHERE id = ?")?.execute([id]).map(drop)
    }

    /// Puts other columns in a block's place; the times stay.
    pub(crate) fn replace(&self, id: i64, block: &Block) -> rusqlite::Result<()> {
        let mut update = self.sql.prepare_cached("UPDATE block SET data = ? WHERE id = ?")?;
        update.execute(params![block.encode(), id]).map(drop)
    }
}
