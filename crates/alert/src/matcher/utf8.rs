//! Today's notation of matchers, in which names and values are any text.

use std::iter::Peekable;
use std::str::Chars;

use model::series::MatchOp;

use super::Part;

/// The matchers of `text`; none where it does not follow the notation.
pub(super) fn parse(text: &str) -> Option<Vec<Part>> {
    let mut chars = text.chars().peekable();
    let mut parts = Vec::new();
    skip_blanks(&mut chars);
    let is_braced = chars.next_if_eq(&'{').is_some();
    loop {
        skip_blanks(&mut chars);
        if matches!(chars.peek(), None | Some('}')) {
            break;
        }
        let name = text_of(&mut chars)?;
        skip_blanks(&mut chars);
        let op = sign(&mut chars)?;
        skip_blanks(&mut chars);
        let value = text_of(&mut chars)?;
        parts.push(Part { name, op, value });
        skip_blanks(&mut chars);
        if chars.next_if_eq(&',').is_none() {
            break;
        }
    }
    let is_closed = chars.next_if_eq(&'}').is_some();
    skip_blanks(&mut chars);
    (is_braced == is_closed && chars.next().is_none()).then_some(parts)
}

fn skip_blanks(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| c.is_whitespace()).is_some() {}
}

fn sign(chars: &mut Peekable<Chars<'_>>) -> Option<MatchOp> {
    match chars.next()? {
        '=' if chars.next_if_eq(&'~').is_some() => Some(MatchOp::Re),
        '=' => Some(MatchOp::Eq),
        '!' => match chars.next()? {
            '=' => Some(MatchOp::Ne),
            '~' => Some(MatchOp::Nre),
            _ => None,
        },
        _ => None,
    }
}

fn is_plain(c: char) -> bool {
    !c.is_whitespace() && !"{}!=~,\\\"'`".contains(c)
}

/// A name or a value: in quotes, or of characters that mean nothing.
fn text_of(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    if chars.next_if_eq(&'"').is_some() {
        return quoted(chars);
    }
    let mut text = String::new();
    while let Some(c) = chars.next_if(|c| is_plain(*c)) {
        text.push(c);
    }
    (!text.is_empty()).then_some(text)
}

/// What follows a quote, up to the next; with Go's escapes.
fn quoted(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut text = String::new();
    loop {
        match chars.next()? {
            '"' => return Some(text),
            '\n' => return None,
            '\\' => text.push(escaped(chars)?),
            c => text.push(c),
        }
    }
}

fn escaped(chars: &mut Peekable<Chars<'_>>) -> Option<char> {
    let digits = match chars.next()? {
        'a' => return Some('\x07'),
        'b' => return Some('\x08'),
        'f' => return Some('\x0c'),
        'n' => return Some('\n'),
        'r' => return Some('\r'),
        't' => return Some('\t'),
        'v' => return Some('\x0b'),
        c @ ('\\' | '"') => return Some(c),
        'u' => 4,
        'U' => 8,
        _ => return None,
    };
    let code = (0..digits).try_fold(0, |code, _| Some(code * 16 + chars.next()?.to_digit(16)?))?;
    char::from_u32(code)
}
