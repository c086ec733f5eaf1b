//! The tables, version by version.

use rusqlite::{Connection, TransactionBehavior};

/// What a migration finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The file has the newest version.
    Done,
    /// A later program has made this version.
    Newer(i64),
}

/// Brings the file to the newest version, one after the other, each in a transaction of its own.
pub(super) fn migrate(connection: &mut Connection, steps: &[&str]) -> rusqlite::Result<Outcome> {
    let newest = steps.len() as i64;
    let mut version = version(connection)?;
    if version > newest {
        return Ok(Outcome::Newer(version));
    }
    while version < newest {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(steps[version as usize])?;
        version += 1;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(Outcome::Done)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    // A negative one was never written by us, and must not be taken for an index.
    Ok(if version < 0 { i64::MAX } else { version })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "CREATE TABLE a (x INTEGER NOT NULL); INSERT INTO a VALUES (7);";
    const SECOND: &str = "ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 1;";

    #[test]
    fn a_database_of_version_one_becomes_one_of_version_two_with_what_it_held() {
        let mut connection = Connection::open_in_memory().unwrap();
        assert_eq!(migrate(&mut connection, &[FIRST]).unwrap(), Outcome::Done);
        assert_eq!(migrate(&mut connection, &[FIRST, SECOND]).unwrap(), Outcome::Done);
        let found: (i64, i64) = connection
            .query_row("SELECT x, y FROM a", (), |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!((found, version(&connection).unwrap()), ((7, 1), 2));
        assert_eq!(migrate(&mut connection, &[FIRST]).unwrap(), Outcome::Newer(2));
    }

    #[test]
    fn a_step_that_fails_changes_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        let broken = format!("{FIRST} SELECT nonsense;");
        assert!(migrate(&mut connection, &[&broken]).is_err());
        assert_eq!(version(&connection).unwrap(), 0);
        assert_eq!(migrate(&mut connection, &[FIRST]).unwrap(), Outcome::Done);
    }
}
