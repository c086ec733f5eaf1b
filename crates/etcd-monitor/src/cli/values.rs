//! Values that stand for more than a word: durations, and a user with a password.

use std::convert::Infallible;
use std::str::FromStr;
use std::time::Duration;

use jiff::fmt::friendly::SpanParser;
use model::secret::Secret;

/// A duration as people and Go write it: `500ms`, `2s`, `1m30s`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    const PARSER: SpanParser = SpanParser::new();
    PARSER
        .parse_unsigned_duration(text)
        .map_err(|_| "give a number with a unit, such as 500ms, 2s or 1m30s".to_owned())
}

/// `user` or `user:password`.
///
/// Any text is accepted here, since clap's errors repeat the value; validation judges it later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPassword {
    /// The user's name.
    pub user: String,
    /// The password, where one is given; everything after the first colon.
    pub password: Option<Secret<String>>,
}

impl FromStr for UserPassword {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (user, password) = match text.split_once(':') {
            Some((user, password)) => (user, Some(Secret::new(password.to_owned()))),
            None => (text, None),
        };
        Ok(Self { user: user.to_owned(), password })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, millis) in [("500ms", 500), ("2s", 2_000), ("1m30s", 90_000), ("1h", 3_600_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "2", "-2s", "2 parsecs", "∞"] {
            assert!(duration(text).unwrap_err().contains("1m30s"), "{text}");
        }
    }

    #[test]
    fn a_password_may_hold_colons_and_never_prints() {
        let parsed: UserPassword = "monitor:a:b".parse().unwrap();
        assert_eq!(parsed.user, "monitor");
        assert_eq!(parsed.password.as_ref().unwrap().expose(), "a:b");
        assert!(!format!("{parsed:?}").contains("a:b"));
        assert!("monitor".parse::<UserPassword>().unwrap().password.is_none());
    }
}
