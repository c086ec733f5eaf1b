//! Conditions on labels in Alertmanager's notation: `severity="critical"`, `{a="b",c=~"d.*"}`.
//!
//! Alertmanager has two notations, and so have we: the one of today, in which names and values may be
//! any text (`"käse"=gut`), and the classic one, which takes some texts that the other refuses. What
//! both accept and read differently is read in the classic way, as Alertmanager does by default.

mod classic;
mod utf8;

use std::fmt::Write as _;

use model::series::{MatchOp, Matcher};

/// Why a text is no matcher.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    /// It does not follow the notation.
    #[error("{0:?} is no matcher; write it like severity=\"critical\", with =, !=, =~ or !~")]
    Syntax(String),
    /// A value is no regular expression.
    #[error("{pattern:?} is no regular expression: {message}")]
    Regex {
        /// The value.
        pattern: String,
        /// What is wrong with it.
        message: String,
    },
}

/// The matchers in `text`: one, or several with commas between them, in braces or not.
pub fn parse_all(text: &str) -> Result<Vec<Matcher>, MatcherError> {
    let parts = match (utf8::parse(text), classic::parse_all(text)) {
        (Some(modern), Some(classic)) if modern != classic => classic,
        (Some(modern), _) => modern,
        (None, Some(classic)) => classic,
        (None, None) => return Err(MatcherError::Syntax(text.to_owned())),
    };
    parts.into_iter().map(|part| new(&part.name, part.op, &part.value)).collect()
}

/// The one matcher in `text`.
pub fn parse(text: &str) -> Result<Matcher, MatcherError> {
    let mut all = parse_all(text)?;
    match (all.pop(), all.is_empty()) {
        (Some(one), true) => Ok(one),
        _ => Err(MatcherError::Syntax(text.to_owned())),
    }
}

/// A matcher of these parts.
pub fn new(name: &str, op: MatchOp, value: &str) -> Result<Matcher, MatcherError> {
    Matcher::new(name, op, value).map_err(|error| {
        // The library's text has a picture of several lines; the last says what is wrong.
        let text = error.to_string();
        let message = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        MatcherError::Regex { pattern: value.to_owned(), message: message.to_owned() }
    })
}

/// A matcher as Alertmanager prints it, and as it is read again: `severity="critical"`.
pub fn print(matcher: &Matcher) -> String {
    let mut text = if is_classic_name(matcher.name()) {
        matcher.name().to_owned()
    } else {
        format!("\"{}\"", escape(matcher.name()))
    };
    let _ = write!(text, "{}\"{}\"", op(matcher.op()), escape(matcher.value()));
    text
}

/// Several: `{a="b",c="d"}`.
pub fn print_all(matchers: &[Matcher]) -> String {
    let all: Vec<_> = matchers.iter().map(print).collect();
    format!("{{{}}}", all.join(","))
}

/// The sign for how it compares.
pub fn op(op: MatchOp) -> &'static str {
    match op {
        MatchOp::Eq => "=",
        MatchOp::Ne => "!=",
        MatchOp::Re => "=~",
        MatchOp::Nre => "!~",
    }
}

/// Puts matchers into the order that Alertmanager has them in: by name, value and sign.
pub fn sort(matchers: &mut [Matcher]) {
    let rank = |matcher: &Matcher| match matcher.op() {
        MatchOp::Eq => 0,
        MatchOp::Ne => 1,
        MatchOp::Re => 2,
        MatchOp::Nre => 3,
    };
    matchers.sort_by(|a, b| (a.name(), a.value(), rank(a)).cmp(&(b.name(), b.value(), rank(b))));
}

/// Whether both are the same condition.
pub fn same(a: &Matcher, b: &Matcher) -> bool {
    a.name() == b.name() && a.op() == b.op() && a.value() == b.value()
}

/// Whether `name` can be the name of a label without quotes in any notation.
pub fn is_classic_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A matcher before its regular expression is compiled.
#[derive(Debug, PartialEq)]
struct Part {
    name: String,
    op: MatchOp,
    value: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        match parse_all(text) {
            Ok(matchers) => print_all(&matchers),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn both_notations_are_read_and_printed_back() {
        for (text, printed) in [
            (r#"foo="bar""#, r#"{foo="bar"}"#),
            ("foo=bar", r#"{foo="bar"}"#),
            (r#"foo=~"b.*""#, r#"{foo=~"b.*"}"#),
            (r#"{a="b",c!="d"}"#, r#"{a="b",c!="d"}"#),
            (r#" { a = "b" , c !~ "d|e" , } "#, r#"{a="b",c!~"d|e"}"#),
            ("a=b,c=~d", r#"{a="b",c=~"d"}"#),
            ("{}", "{}"),
            ("", "{}"),
            ("foo=", r#"{foo=""}"#),
            (r#"foo="""#, r#"{foo=""}"#),
            // A comma and a brace in quotes are part of the value.
            (r#"{foo="a,b}"}"#, r#"{foo="a,b}"}"#),
            (r#"foo="a\"b\\c\nd""#, r#"{foo="a\"b\\c\nd"}"#),
            // Only today's notation has these.
            (r#""käse"="gut""#, r#"{"käse"="gut"}"#),
            ("foo-bar=baz", r#"{"foo-bar"="baz"}"#),
            (
                r#""a b"!~'"#,
                "\"\\\"a b\\\"!~'\" is no matcher; write it like \
                severity=\"critical\", with =, !=, =~ or !~",
            ),
            // Only the classic one has these: blanks and signs in a value without quotes.
            ("foo=bar baz", r#"{foo="bar baz"}"#),
            ("foo==bar", r#"{foo="=bar"}"#),
            (r"foo=\d", r#"{foo="\\d"}"#),
        ] {
            assert_eq!(check(text), printed, "{text}");
            if let Ok(matchers) = parse_all(text) {
                assert_eq!(check(&print_all(&matchers)), printed, "{text}, printed and read");
            }
        }
    }

    #[test]
    fn what_is_no_matcher_is_refused_with_an_example() {
        for text in ["foo", "=bar", "foo=\"bar", "{foo=\"bar\"}}x", "a=\"b\" c=\"d\"", "foo=b\"ar"]
        {
            assert!(
                matches!(parse_all(text), Err(MatcherError::Syntax(_))),
                "{text}: {}",
                check(text)
            );
        }
        assert_eq!(check("a=~(b"), "\"(b\" is no regular expression: unclosed group");
        assert!(parse("a=b,c=d").is_err());
        assert!(parse("a=b").is_ok());
    }

    #[test]
    fn they_are_sorted_by_name_value_and_sign() {
        let mut all = parse_all(r#"b="1",a!="2",a="2",a="1""#).expect("matchers");
        sort(&mut all);
        assert_eq!(print_all(&all), r#"{a="1",a="2",a!="2",b="1"}"#);
    }
}
