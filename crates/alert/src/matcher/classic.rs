//! The classic notation of matchers.

use model::series::MatchOp;

use super::Part;

/// The matchers of `text`; none where it does not follow the notation.
pub(super) fn parse_all(text: &str) -> Option<Vec<Part>> {
    let text = text.strip_prefix('{').unwrap_or(text);
    let text = text.strip_suffix('}').unwrap_or(text);
    split(text).iter().map(|token| parse(token)).collect()
}

/// The parts between commas that do not stand in quotes.
fn split(text: &str) -> Vec<String> {
    let (mut tokens, mut token) = (Vec::new(), String::new());
    let (mut is_quoted, mut is_escaped) = (false, false);
    for c in text.chars() {
        match c {
            ',' if !is_quoted => {
                tokens.push(std::mem::take(&mut token));
                continue;
            }
            '"' if !is_escaped => is_quoted = !is_quoted,
            _ => {}
        }
        is_escaped = c == '\\' && !is_escaped;
        token.push(c);
    }
    if !token.trim().is_empty() {
        tokens.push(token);
    }
    tokens
}

fn parse(token: &str) -> Option<Part> {
    let token = token.trim();
    let end = token.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))?;
    let (name, rest) = token.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let rest = rest.trim_start();
    let signs =
        [("=~", MatchOp::Re), ("!~", MatchOp::Nre), ("!=", MatchOp::Ne), ("=", MatchOp::Eq)];
    let (op, raw) = signs.iter().find_map(|(sign, op)| Some((*op, rest.strip_prefix(sign)?)))?;
    Some(Part { name: name.to_owned(), op, value: unescape(raw.trim_start())? })
}

/// The value that `raw` stands for; quotes belong at both ends or nowhere.
fn unescape(raw: &str) -> Option<String> {
    let (is_quoted, raw) = match raw.strip_prefix('"') {
        Some(rest) => (true, rest),
        None => (false, raw),
    };
    let mut value = String::with_capacity(raw.len());
    let mut is_closed = false;
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some('n')) => value.push('\n'),
            ('\\', Some(next @ ('"' | '\\'))) => value.push(*next),
            // A backslash before anything else stands for itself.
            ('\\', Some(_)) => {
                value.push('\\');
                continue;
            }
            ('"', None) if is_quoted => {
                is_closed = true;
                continue;
            }
            ('"', _) => return None,
            _ => {
                value.push(c);
                continue;
            }
        }
        chars.next();
    }
    (is_closed == is_quoted).then_some(value)
}
