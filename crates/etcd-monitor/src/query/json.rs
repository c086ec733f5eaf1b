//! The API's answer as it came, or indented for a person.

/// `json` with one line for each thing that is not a list of plain values; those stay together.
///
/// The text must be JSON, which the reader of the answer has made sure of.
pub(super) fn indented(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = 0;
    let mut rest = json.trim();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => string(rest),
            '{' | '[' => flat(rest).unwrap_or(1),
            '}' | ']' | ',' | ':' => 1,
            _ => rest.find([',', ':', '}', ']']).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length);
        match token {
            "{" | "[" => {
                depth += 1;
                out.push(first);
                new_line(&mut out, depth);
            }
            "}" | "]" => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(first);
            }
            "," => {
                out.push(first);
                new_line(&mut out, depth);
            }
            _ => spaced(token, &mut out),
        }
        rest = after.trim_start();
    }
    out.push('\n');
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

/// How long the string is that `text` begins with.
fn string(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// How long the list or object is that `text` begins with, when nothing in it has parts.
fn flat(text: &str) -> Option<usize> {
    let mut at = 1;
    loop {
        match text.as_bytes().get(at)? {
            b'{' | b'[' => return None,
            b'}' | b']' => return Some(at + 1),
            b'"' => at += string(&text[at..]),
            _ => at += 1,
        }
    }
}

/// Writes what is on one line, with a blank after each comma and colon.
fn spaced(text: &str, out: &mut String) {
    let mut at = 0;
    while let Some(byte) = text.as_bytes().get(at) {
        let length = if *byte == b'"' { string(&text[at..]) } else { 1 };
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => {}
            b',' | b':' => out.extend([char::from(*byte), ' ']),
            _ => out.push_str(&text[at..at + length]),
        }
        at += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lists_stay_on_a_line() {
        let json = r#"{"resultType":"matrix","result":[{"metric":{"a":"[{\"}","b":"ü"},"values":[[1,"2"],
            [ 3 , "NaN"]]},{"metric":{},"values":[]}]}"#;
        let expected = r#"{
  "resultType": "matrix",
  "result": [
    {
      "metric": {"a": "[{\"}", "b": "ü"},
      "values": [
        [1, "2"],
        [3, "NaN"]
      ]
    },
    {
      "metric": {},
      "values": []
    }
  ]
}
"#;
        assert_eq!(indented(json), expected);
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(expected).unwrap(), value);
        assert_eq!(indented(" true "), "true\n");
    }
}
