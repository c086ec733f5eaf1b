//! `label_replace` and `label_join`.

use regex::Regex;

use super::rows::{self, Row};
use crate::error::Error;
use crate::labels;

pub(super) fn replace(
    rows: Vec<Row>,
    target: &str,
    replacement: &str,
    source: &str,
    pattern: &str,
) -> Result<Vec<Row>, Error> {
    let regex = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
        Error::Execution(format!(
            "invalid regular expression in label_replace(): {pattern}: {error}"
        ))
    })?;
    check_name(target, "destination", "label_replace")?;
    let relabeled = rows.into_iter().map(|row| {
        let Some(captures) = regex.captures(row.labels.get(source).unwrap_or_default()) else {
            return row;
        };
        let mut value = String::new();
        captures.expand(replacement, &mut value);
        Row { labels: labels::with(&row.labels, target, &value), ..row }
    });
    rows::merge(relabeled.collect(), "vector")
}

pub(super) fn join(
    rows: Vec<Row>,
    target: &str,
    separator: &str,
    sources: &[&str],
) -> Result<Vec<Row>, Error> {
    check_name(target, "destination", "label_join")?;
    for source in sources {
        check_name(source, "source", "label_join")?;
    }
    let relabeled = rows.into_iter().map(|row| {
        let values: Vec<_> =
            sources.iter().map(|source| row.labels.get(source).unwrap_or_default()).collect();
        let labels = labels::with(&row.labels, target, &values.join(separator));
        Row { labels, ..row }
    });
    rows::merge(relabeled.collect(), "vector")
}

fn check_name(name: &str, role: &str, function: &str) -> Result<(), Error> {
    if labels::is_valid_name(name) {
        return Ok(());
    }
    Err(Error::Execution(format!("invalid {role} label name in {function}(): {name:?}")))
}
