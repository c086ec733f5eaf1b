//! From a line of a transaction or an interactive watch to its words.

use crate::go;

/// The words of a line: `"…"` with Go's escapes, `'…'` as it stands, and what has no space in it.
pub fn words(line: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    let mut words = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.first() {
        let quoted = match first {
            b'"' => end_of_double(rest),
            b'\'' => rest[1..].iter().position(|byte| *byte == b'\'').map(|at| at + 2),
            _ => None,
        };
        match (first, quoted) {
            (b'"', Some(end)) => {
                words.push(go::scan_quoted(&rest[..end])?.0);
                rest = &rest[end..];
            }
            (b'\'', Some(end)) => {
                words.push(rest[1..end - 1].to_vec());
                rest = &rest[end..];
            }
            // A quote without its partner counts as nothing, as for etcdctl.
            (b'"' | b'\'', None) => rest = &rest[1..],
            (first, _) if first.is_ascii_whitespace() => rest = &rest[1..],
            _ => {
                let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
                words.push(rest[..end].to_vec());
                rest = &rest[end..];
            }
        }
    }
    Ok(words)
}

/// Where a text in double quotes ends that begins here.
fn end_of_double(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_words_together() {
        let line = br#"put  key1 "a \"b\"\x00" 'c d' e"f g"#;
        let expected: [&[u8]; 6] = [b"put", b"key1", b"a \"b\"\0", b"c d", b"e\"f", b"g"];
        assert_eq!(words(line).unwrap(), expected);
        assert_eq!(words(b"  ").unwrap(), [] as [&[u8]; 0]);
        assert!(words(br#"put "\q""#).is_err());
    }
}
