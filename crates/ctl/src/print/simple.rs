//! The format simple: keys and values on lines of their own.

use etcd::KeyValue;

use super::Style;
use crate::decode;

/// A key and its value, each with a line end.
pub fn key_value(kv: &KeyValue, style: Style, out: &mut Vec<u8>) {
    if !style.is_value_only {
        bytes(&kv.key, style, out);
    }
    match decode::readable(&kv.value).filter(|_| style.decode) {
        Some(text) => bytes(text.as_bytes(), style, out),
        None => bytes(&kv.value, style, out),
    }
}

/// Bytes as they are, or in hexadecimal, with a line end.
pub fn bytes(bytes: &[u8], style: Style, out: &mut Vec<u8>) {
    if style.is_hex {
        for byte in bytes {
            push_escape(*byte, out);
        }
    } else if style.is_terminal {
        safe(bytes, out);
    } else {
        out.extend_from_slice(bytes);
    }
    out.push(b'\n');
}

/// Bytes for a terminal: text as it is, everything else as escapes, so that no value moves the cursor,
/// renames the window or answers in the user's name.
fn safe(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            let mut buffer = [0; 4];
            let encoded = letter.encode_utf8(&mut buffer).as_bytes();
            if letter.is_control() && !matches!(letter, '\n' | '\t') {
                for byte in encoded {
                    push_escape(*byte, out);
                }
            } else {
                out.extend_from_slice(encoded);
            }
        }
        for byte in chunk.invalid() {
            push_escape(*byte, out);
        }
    }
}

fn push_escape(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let (high, low) = (DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]);
    out.extend_from_slice(&[b'\\', b'x', high, low]);
}

/// Rows with their columns one below the other; all rows are as long as the first.
pub fn columns(rows: &[Vec<String>], out: &mut Vec<u8>) {
    let count = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..count).filter_map(width).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        line(cells.collect::<Vec<_>>().join("  ").trim_end(), out);
    }
}

/// A line of text.
pub fn line(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_no_control_characters_and_a_pipe_gets_every_byte() {
        let value = b"a\x1b[2J\n\xff\xc3\xa9";
        let shown = |is_terminal| {
            let mut out = Vec::new();
            bytes(value, Style { is_terminal, ..Style::default() }, &mut out);
            out
        };
        assert_eq!(shown(false), b"a\x1b[2J\n\xff\xc3\xa9\n");
        assert_eq!(shown(true), b"a\\x1b[2J\n\\xff\xc3\xa9\n");
    }
}
