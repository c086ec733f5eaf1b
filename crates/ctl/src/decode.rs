//! Values made readable: gzip, JSON, and the objects that Kubernetes keeps in etcd.

mod kubernetes;
mod wire;

use std::io::Read as _;

use flate2::read::GzDecoder;
use serde::de::IgnoredAny;

/// Most bytes that a compressed value may become.
const MAX_UNPACKED_BYTES: u64 = 64 << 20;

/// A readable text for a value; `None` when it is best shown as it is.
pub fn readable(value: &[u8]) -> Option<String> {
    if value.starts_with(b"\x1f\x8b") {
        let mut unpacked = Vec::new();
        GzDecoder::new(value).take(MAX_UNPACKED_BYTES).read_to_end(&mut unpacked).ok()?;
        return Some(
            readable(&unpacked)
                .unwrap_or_else(|| String::from_utf8_lossy(&unpacked).trim_end().to_owned()),
        );
    }
    if let Some(message) = value.strip_prefix(b"k8s\0") {
        return kubernetes::readable(message);
    }
    let text = std::str::from_utf8(value).ok()?.trim();
    let is_structure = text.starts_with(['{', '[']);
    let is_json = is_structure && serde_json::from_str::<IgnoredAny>(text).is_ok();
    is_json.then(|| indented(text))
}

/// JSON over several lines, with members in the order in which they stand.
fn indented(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let mut letters = json.chars().peekable();
    let new_line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                text.push('"');
                let mut is_escaped = false;
                for letter in letters.by_ref() {
                    text.push(letter);
                    if letter == '"' && !is_escaped {
                        break;
                    }
                    is_escaped = letter == '\\' && !is_escaped;
                }
            }
            '{' | '[' => {
                text.push(letter);
                while letters.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = letters.next_if(|next| matches!(next, '}' | ']')) {
                    text.push(end);
                } else {
                    depth += 1;
                    new_line(&mut text, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut text, depth);
                text.push(letter);
            }
            ',' => {
                text.push(',');
                new_line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            _ if letter.is_ascii_whitespace() => {}
            _ => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn json_is_indented_and_keeps_its_order() {
        let text = readable(br#"{"b":1,"a":[true,{"c":"x, {y}: \"z\""}],"e":[],"f":{ }}"#);
        let expected = "{\n  \"b\": 1,\n  \"a\": [\n    true,\n    {\n      \"c\": \"x, {y}: \\\"z\\\"\"\n    }\n  ],\n  \"e\": [],\n  \"f\": {}\n}";
        assert_eq!(text.as_deref(), Some(expected));
        assert_eq!(readable(b"{not json}"), None);
        assert_eq!(readable(b"plain"), None);
        assert_eq!(readable(b"a: yaml\n"), None);
    }

    #[test]
    fn gzip_is_unpacked() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"[1]").unwrap();
        assert_eq!(readable(&encoder.finish().unwrap()).as_deref(), Some("[\n  1\n]"));
        assert_eq!(readable(b"\x1f\x8bbroken"), None);
    }
}
