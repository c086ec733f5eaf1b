//! Go's quoted strings, as `%q` writes and reads them.

use std::fmt::Write as _;

/// Writes bytes as Go's `%q` does.
pub fn quote(bytes: &[u8]) -> String {
    let mut quoted = String::with_capacity(bytes.len() + 2);
    quoted.push('"');
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            push_letter(&mut quoted, letter);
        }
        for byte in chunk.invalid() {
            let _ = write!(quoted, "\\x{byte:02x}");
        }
    }
    quoted.push('"');
    quoted
}

fn push_letter(quoted: &mut String, letter: char) {
    match letter {
        '"' => quoted.push_str("\\\""),
        '\\' => quoted.push_str("\\\\"),
        '\x07' => quoted.push_str("\\a"),
        '\x08' => quoted.push_str("\\b"),
        '\x0c' => quoted.push_str("\\f"),
        '\n' => quoted.push_str("\\n"),
        '\r' => quoted.push_str("\\r"),
        '\t' => quoted.push_str("\\t"),
        '\x0b' => quoted.push_str("\\v"),
        // A replacement character that stood in the text is printable to Go as well.
        _ if is_printable(letter) => quoted.push(letter),
        _ => {
            let number = letter as u32;
            let _ = match number {
                0..0x80 => write!(quoted, "\\x{number:02x}"),
                0x80..0x1_0000 => write!(quoted, "\\u{number:04x}"),
                _ => write!(quoted, "\\U{number:08x}"),
            };
        }
    }
}

/// Near enough to Go's `IsPrint`: letters, marks, numbers, punctuation, symbols and the space.
fn is_printable(letter: char) -> bool {
    match letter {
        ' '..='~' => true,
        // Soft hyphen, other spaces, direction marks, separators, tags, private use.
        '\u{ad}'
        | '\u{a0}'
        | '\u{1680}'
        | '\u{2000}'..='\u{200f}'
        | '\u{2028}'..='\u{202f}'
        | '\u{205f}'..='\u{206f}'
        | '\u{3000}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e000}'..='\u{f8ff}'
        | '\u{e0000}'..='\u{e0fff}'
        | '\u{f0000}'.. => false,
        _ => !letter.is_control(),
    }
}

/// Reads a quoted string at the beginning of `text` as `Sscanf("%q")` does, `"…"` or `` `…` ``;
/// answers it and the rest.
pub fn scan_quoted(text: &[u8]) -> Result<(Vec<u8>, &[u8]), &'static str> {
    match text.first() {
        Some(b'`') => {
            let end = text[1..].iter().position(|byte| *byte == b'`').ok_or("unexpected EOF")?;
            Ok((text[1..=end].to_vec(), &text[end + 2..]))
        }
        Some(b'"') => {
            let mut end = 1;
            loop {
                match text.get(end) {
                    None => return Err("unexpected EOF"),
                    Some(b'"') => break,
                    Some(b'\\') => end += 2,
                    Some(_) => end += 1,
                }
            }
            let inner = &text[1..end];
            Ok((unescape(inner).ok_or("invalid syntax")?, &text[end + 1..]))
        }
        Some(_) => Err("expected quoted string"),
        None => Err("unexpected EOF"),
    }
}

/// What stands between the quotes, with escapes resolved; `None` when one is malformed.
fn unescape(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    while let Some((first, rest)) = text.split_first() {
        text = rest;
        if *first == b'\n' {
            return None;
        }
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let (kind, rest) = text.split_first()?;
        text = rest;
        let simple = match kind {
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'\\' => b'\\',
            b'"' => b'"',
            b'x' => {
                bytes.push(digits(&mut text, 2, 16)? as u8);
                continue;
            }
            b'u' | b'U' => {
                let count = if *kind == b'u' { 4 } else { 8 };
                let letter = char::from_u32(digits(&mut text, count, 16)?)?;
                bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            b'0'..=b'7' => {
                let rest = digits(&mut text, 2, 8)?;
                let number = u32::from(kind - b'0') * 64 + rest;
                bytes.push(u8::try_from(number).ok()?);
                continue;
            }
            _ => return None,
        };
        bytes.push(simple);
    }
    Some(bytes)
}

fn digits(text: &mut &[u8], count: usize, radix: u32) -> Option<u32> {
    let (number, rest) = text.split_at_checked(count)?;
    *text = rest;
    number.iter().try_fold(0, |sum, digit| Some(sum * radix + char::from(*digit).to_digit(radix)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_quoted_as_go_does() {
        let table: [(&[u8], &str); 8] = [
            (b"plain", "\"plain\""),
            (b"a\"b\\c", "\"a\\\"b\\\\c\""),
            (b"\n\t\r\x07\x00\x7f", "\"\\n\\t\\r\\a\\x00\\x7f\""),
            (b"\xff\xfe", "\"\\xff\\xfe\""),
            ("h\u{e9}".as_bytes(), "\"h\u{e9}\""),
            ("\u{85}".as_bytes(), "\"\\u0085\""),
            ("\u{200b}".as_bytes(), "\"\\u200b\""),
            ("\u{1f600}".as_bytes(), "\"\u{1f600}\""),
        ];
        for (bytes, quoted) in table {
            assert_eq!(quote(bytes), quoted);
        }
    }

    #[test]
    fn quoted_text_is_read_back_with_what_follows() {
        let table: [(&[u8], &[u8], &[u8]); 5] = [
            (b"\"key\") > \"0\"", b"key", b") > \"0\""),
            (b"\"a\\\"b\"", b"a\"b", b""),
            (b"\"\\x00\\377\\n\" x", b"\0\xff\n", b" x"),
            (b"\"\\u00e9\"", "\u{e9}".as_bytes(), b""),
            (b"`raw\\n`rest", b"raw\\n", b"rest"),
        ];
        for (text, value, rest) in table {
            assert_eq!(scan_quoted(text), Ok((value.to_vec(), rest)));
        }
        assert!(scan_quoted(b"key").is_err());
        assert!(scan_quoted(b"\"open").is_err());
        assert!(scan_quoted(b"\"\\q\"").is_err());
    }
}
