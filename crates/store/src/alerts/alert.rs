//! Alerts that are on, or over and not yet told.

use model::alert::{Alert, Fingerprint};
use rusqlite::{Connection, Row, Transaction, params};

use super::text;
use crate::sqlite::select::Select;
use crate::sqlite::{micros, time};

pub(super) fn put(transaction: &Transaction<'_>, alert: &Alert) -> rusqlite::Result<()> {
    let (hidden, hidden_by) = text::hidden(alert.hidden.as_ref());
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO alert (fingerprint, labels, annotations, starts_at, ends_at,
                updated_at, generator_url, hidden, hidden_by)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            alert.fingerprint().to_string(),
            text::labels(&alert.labels),
            text::labels(&alert.annotations),
            micros(alert.starts_at),
            alert.ends_at.map(micros),
            micros(alert.updated_at),
            alert.generator_url,
            hidden,
            hidden_by,
        ])?;
    Ok(())
}

pub(super) fn remove(
    transaction: &Transaction<'_>,
    fingerprint: Fingerprint,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("DELETE FROM alert WHERE fingerprint = ?")?
        .execute([fingerprint.to_string()])?;
    Ok(())
}

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Alert>> {
    Select::new(
        "SELECT labels, annotations, starts_at, ends_at, updated_at, generator_url, hidden,
            hidden_by FROM alert",
    )
    .rows(connection, "starts_at, fingerprint", usize::MAX, read)
}

fn read(row: &Row<'_>) -> Option<Alert> {
    let (labels, annotations): (String, String) = (row.get(0).ok()?, row.get(1).ok()?);
    let hidden: Option<String> = row.get(6).ok()?;
    Some(Alert {
        labels: text::read_labels(&labels)?,
        annotations: text::read_labels(&annotations)?,
        starts_at: time(row.get(2).ok()?)?,
        ends_at: row.get::<_, Option<i64>>(3).ok()?.and_then(time),
        updated_at: time(row.get(4).ok()?)?,
        generator_url: row.get(5).ok()?,
        hidden: text::read_hidden(hidden.as_deref(), row.get(7).ok()?),
    })
}
