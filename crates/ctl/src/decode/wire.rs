//! Protocol buffers without a schema: fields by number, and a guess at what they hold.

use std::fmt::Write as _;

use crate::go;

/// Messages in messages that are shown at most.
const MAX_DEPTH: usize = 16;

/// What a field holds, as it travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Number(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

/// The fields of a message, in order; `None` when the bytes are none.
pub(super) fn fields(mut bytes: &[u8]) -> Option<Vec<(u32, Value<'_>)>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0)?;
        let value = match tag & 7 {
            0 => Value::Number(varint(&mut bytes)?),
            1 => {
                let (head, rest) = bytes.split_first_chunk::<8>()?;
                bytes = rest;
                Value::Fixed64(u64::from_le_bytes(*head))
            }
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let (head, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                Value::Bytes(head)
            }
            5 => {
                let (head, rest) = bytes.split_first_chunk::<4>()?;
                bytes = rest;
                Value::Fixed32(u32::from_le_bytes(*head))
            }
            _ => return None,
        };
        fields.push((number, value));
    }
    Some(fields)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// The first field of that number that holds bytes.
pub(super) fn bytes<'a>(fields: &[(u32, Value<'a>)], number: u32) -> Option<&'a [u8]> {
    fields.iter().find_map(|(found, value)| match value {
        Value::Bytes(bytes) if *found == number => Some(*bytes),
        _ => None,
    })
}

/// The same as text; empty when there is none.
pub(super) fn text(fields: &[(u32, Value<'_>)], number: u32) -> String {
    String::from_utf8_lossy(bytes(fields, number).unwrap_or_default()).into_owned()
}

/// Appends one line for each field, deeper ones further to the right.
pub(super) fn dump(fields: &[(u32, Value<'_>)], depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    for (number, value) in fields {
        let _ = match value {
            Value::Number(value) => writeln!(text, "{indent}{number}: {value}"),
            Value::Fixed64(value) => writeln!(text, "{indent}{number}: {}", f64::from_bits(*value)),
            Value::Fixed32(value) => writeln!(text, "{indent}{number}: {}", f32::from_bits(*value)),
            Value::Bytes(bytes) => {
                dump_bytes(*number, bytes, depth, text);
                Ok(())
            }
        };
    }
}

fn dump_bytes(number: u32, bytes: &[u8], depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    if let Some(plain) = printable(bytes) {
        let _ = writeln!(text, "{indent}{number}: {plain}");
        return;
    }
    let nested = fields(bytes).filter(|nested| !nested.is_empty() && depth < MAX_DEPTH);
    if let Some(nested) = nested {
        let _ = writeln!(text, "{indent}{number}:");
        dump(&nested, depth + 1, text);
    } else {
        let _ = writeln!(text, "{indent}{number}: {}", go::quote(bytes));
    }
}

/// Text, quoted if it has more than one line; `None` for what is likelier a message.
fn printable(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    if text.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\t' | '\r')) {
        return None;
    }
    // A message that happens to be text begins with the tag of a field of bytes, a line feed.
    let is_message = text.starts_with(['\n', '\t', '\r']) && fields(bytes).is_some();
    if is_message {
        return None;
    }
    let needs_quotes = text.is_empty() || text.contains(char::is_control);
    Some(if needs_quotes { go::quote(bytes) } else { text.to_owned() })
}
