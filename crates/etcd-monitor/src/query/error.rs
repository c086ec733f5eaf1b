//! Why a query has no answer, for the person who asked.

use std::fmt;

use super::address::Address;
use crate::cli::exit_code;

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody is there.
    #[error("cannot ask {address}: {reason}; {remedy}")]
    Connect {
        /// Who was to be asked.
        address: Address,
        /// What stood in the way.
        reason: String,
        /// What helps.
        remedy: String,
    },
    /// The file of `--cacert` is of no use.
    #[error("--cacert: {0}")]
    Ca(String),
    /// Somebody is there, and does not answer, or too much.
    #[error("{address} does not answer: {reason}; ask for less, or give more time with --timeout")]
    NoAnswer {
        /// Who was asked.
        address: Address,
        /// What came instead.
        reason: String,
    },
    /// What is there is neither etcd-monitor nor Prometheus.
    #[error(
        "{address} is no etcd-monitor and no Prometheus: {reason}; give the URL under which \
         /api/v1/query is, with --url (ETCD_MONITOR_URL)"
    )]
    NoApi {
        /// Who was asked.
        address: Address,
        /// What it answered.
        reason: String,
    },
    /// The query, or what was given beside it, is not accepted.
    #[error("the query is not accepted: {0}")]
    BadQuery(Marked),
    /// The query is fine, and no answer came of it.
    #[error("the query failed ({class}): {message}")]
    Failed {
        /// The API's `errorType`, or the HTTP status.
        class: String,
        /// What the server says.
        message: String,
    },
    /// Before the beginning of time.
    #[error(
        "the time asked about is before the year -9999; give a later one, or a shorter --range"
    )]
    TooEarly,
    /// A graph of something that has no course.
    #[error("a {0} cannot be drawn; ask for it with -o table")]
    NoCurve(&'static str),
}

impl Error {
    /// The exit code that tells scripts what kind of trouble this is.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Connect { .. } => exit_code::CONNECT,
            Self::NoAnswer { .. } | Self::Failed { .. } => exit_code::FAILED,
            Self::Ca(_)
            | Self::NoApi { .. }
            | Self::BadQuery(_)
            | Self::TooEarly
            | Self::NoCurve(_) => exit_code::BAD_INPUT,
        }
    }
}

/// What is wrong with a query, with a mark under the place that the server names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    message: String,
    /// A line of the query and, in characters, what is before the place.
    place: Option<(String, usize)>,
}

impl Marked {
    pub(super) fn new(query: &str, message: &str) -> Self {
        Self { message: message.to_owned(), place: place(query, message) }
    }
}

/// Finds `line:column: ` in `message`, which both count from 1.
fn place(query: &str, message: &str) -> Option<(String, usize)> {
    let (line, column) = message.split(' ').find_map(|word| {
        let (line, column) = word.strip_suffix(':')?.split_once(':')?;
        Some((line.parse::<usize>().ok()?, column.parse::<usize>().ok()?))
    })?;
    let text = query.lines().nth(line.checked_sub(1)?)?;
    let before = column.checked_sub(1)?;
    // One place after the end is where something is missing.
    (before <= text.chars().count()).then(|| (text.replace('\t', " "), before))
}

impl fmt::Display for Marked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.place {
            Some((line, before)) => write!(f, "\n  {line}\n  {:before$}^", ""),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_mistake_is_marked() {
        for (query, message, marked) in [
            (
                "sum(up",
                "invalid parameter \"query\": 1:7: parse error: unclosed left parenthesis",
                Some("  sum(up\n        ^"),
            ),
            ("a +\n\tb c", "2:4: parse error: unexpected c", Some("   b c\n     ^")),
            ("a", "9:1: parse error", None),
            ("a", "1:0: parse error", None),
            ("a", "1:3: parse error", None),
            ("a", "at 10:30 all was well", None),
        ] {
            let shown = Marked::new(query, message).to_string();
            let expected = marked.map_or(message.to_owned(), |lines| format!("{message}\n{lines}"));
            assert_eq!(shown, expected);
        }
    }
}
