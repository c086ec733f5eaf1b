//! Putting a query together from the conditions that are given.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use crate::query::Page;

/// A `SELECT` whose conditions must all hold.
pub(crate) struct Select {
    sql: String,
    values: Vec<Value>,
}

impl Select {
    /// `start` is all up to `WHERE`.
    pub(crate) fn new(start: &str) -> Self {
        Self { sql: format!("{start} WHERE 1"), values: Vec::new() }
    }

    /// Adds a condition with a `?` for the value, where there is one.
    pub(crate) fn and(mut self, condition: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.sql.push_str(" AND ");
            self.sql.push_str(condition);
            self.values.push(value.into());
        }
        self
    }

    /// Adds a condition that one of `columns` has `text`, in capital or small letters.
    ///
    /// Not by LIKE: it refuses long patterns, and the text would have to be escaped.
    pub(crate) fn and_text(mut self, columns: &[&str], text: Option<&String>) -> Self {
        if let Some(text) = text {
            let has = columns.iter().map(|column| format!("instr(lower({column}), ?) > 0"));
            let has: Vec<String> = has.collect();
            self.sql.push_str(" AND (");
            self.sql.push_str(&has.join(" OR "));
            self.sql.push(')');
            let text = Value::from(text.to_ascii_lowercase());
            self.values.extend(columns.iter().map(|_| text.clone()));
        }
        self
    }

    /// What a `SELECT count(*)` gives.
    pub(crate) fn count(self, connection: &Connection) -> rusqlite::Result<u64> {
        let mut query = connection.prepare_cached(&self.sql)?;
        let count: i64 = query.query_row(params_from_iter(self.values), |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// The first `limit` rows in this order that `read` can read.
    pub(crate) fn rows<T>(
        mut self,
        connection: &Connection,
        order: &str,
        limit: usize,
        read: impl Fn(&Row<'_>) -> Option<T>,
    ) -> rusqlite::Result<Vec<T>> {
        self.sql.push_str(" ORDER BY ");
        self.sql.push_str(order);
        let mut query = connection.prepare_cached(&self.sql)?;
        let mut rows = query.query(params_from_iter(self.values))?;
        let mut found = Vec::new();
        // No LIMIT: rows that cannot be read do not count. SQLite reads only as far as it is asked.
        while found.len() < limit {
            let Some(row) = rows.next()? else { break };
            found.extend(read(row));
        }
        Ok(found)
    }

    /// A page in this order; `read` also gives the cursor of a row.
    pub(crate) fn page<T>(
        self,
        connection: &Connection,
        order: &str,
        limit: usize,
        read: impl Fn(&Row<'_>) -> Option<(i64, T)>,
    ) -> rusqlite::Result<Page<T>> {
        let mut rows = self.rows(connection, order, limit.saturating_add(1), read)?;
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next_before = rows.last().filter(|_| has_more).map(|(cursor, _)| *cursor as u64);
        Ok(Page { items: rows.into_iter().map(|(_, item)| item).collect(), next_before })
    }
}
