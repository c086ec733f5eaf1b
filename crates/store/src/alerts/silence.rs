//! Silences.

use model::silence::Silence;
use rusqlite::{Connection, Row, Transaction, params};

use super::text;
use crate::sqlite::select::Select;
use crate::sqlite::{micros, time};

pub(super) fn put(transaction: &Transaction<'_>, silence: &Silence) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO silence (id, matchers, starts_at, ends_at, updated_at,
                created_by, comment) VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            silence.id,
            text::matchers(&silence.matchers),
            micros(silence.starts_at),
            micros(silence.ends_at),
            micros(silence.updated_at),
            silence.created_by,
            silence.comment,
        ])?;
    Ok(())
}

pub(super) fn remove(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<()> {
    transaction.prepare_cached("DELETE FROM silence WHERE id = ?")?.execute([id])?;
    Ok(())
}

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Silence>> {
    Select::new(
        "SELECT id, matchers, starts_at, ends_at, updated_at, created_by, comment FROM silence",
    )
    .rows(connection, "starts_at, id", usize::MAX, read)
}

fn read(row: &Row<'_>) -> Option<Silence> {
    let matchers: String = row.get(1).ok()?;
    Some(Silence {
        id: row.get(0).ok()?,
        matchers: text::read_matchers(&matchers)?,
        starts_at: time(row.get(2).ok()?)?,
        ends_at: time(row.get(3).ok()?)?,
        updated_at: time(row.get(4).ok()?)?,
        created_by: row.get(5).ok()?,
        comment: row.get(6).ok()?,
    })
}
