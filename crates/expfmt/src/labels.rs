//! The label set of a series, read only as far as somebody asks.

use std::borrow::Cow;

/// The labels of one series, in the order of the page: an iterator of name and value.
///
/// Cheap to clone; every clone starts where this one stands. A value is copied only when it holds
/// an escape (`\\`, `\"`, `\n`).
#[derive(Debug, Clone, Default)]
pub struct Labels<'a> {
    scanner: Scanner<'a>,
}

impl<'a> Labels<'a> {
    /// The labels in `text`, which is what stands between the braces and was scanned before.
    pub(crate) fn scanned(text: &'a str) -> Self {
        Self { scanner: Scanner { text, at: 0 } }
    }

    /// The value of one label.
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.clone().find_map(|(key, value)| (key == name).then_some(value))
    }

    /// Whether there is none (left).
    pub fn is_empty(&self) -> bool {
        self.clone().next().is_none()
    }
}

impl<'a> Iterator for Labels<'a> {
    type Item = (&'a str, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.scanner.next_item() {
                Ok(Some(Item::Label { name, value })) => return Some((name, value.unescape())),
                Ok(Some(Item::Name(_))) => {}
                Ok(None) | Err(_) => return None,
            }
        }
    }
}

/// What stands between two commas in braces.
#[derive(Debug)]
pub(crate) enum Item<'a> {
    /// The name of the metric, in quotes: `{"my.metric", …}`.
    Name(&'a str),
    /// A label.
    Label {
        /// Its name, without quotes.
        name: &'a str,
        /// Its value.
        value: Quoted<'a>,
    },
}

/// The inside of a quoted string, as it stands on the page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quoted<'a> {
    raw: &'a str,
    has_escape: bool,
}

impl<'a> Quoted<'a> {
    fn unescape(self) -> Cow<'a, str> {
        if self.has_escape { unescape(self.raw) } else { Cow::Borrowed(self.raw) }
    }
}

/// Replaces `\\`, `\"` and `\n`; any other backslash stands for itself, as in Prometheus.
pub(crate) fn unescape(raw: &str) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'\\', raw.as_bytes()) else {
        return Cow::Borrowed(raw);
    };
    let mut text = String::with_capacity(raw.len());
    text.push_str(&raw[..first]);
    let mut rest = raw[first..].chars();
    while let Some(char) = rest.next() {
        if char != '\\' {
            text.push(char);
            continue;
        }
        match rest.next() {
            Some('n') => text.push('\n'),
            Some(escaped @ ('\\' | '"')) => text.push(escaped),
            Some(other) => text.extend(['\\', other]),
            None => text.push('\\'),
        }
    }
    Cow::Owned(text)
}

/// A place in a text where something else should stand.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// The place, in bytes from the start of the text.
    pub(crate) at: usize,
    /// What should stand there.
    pub(crate) expected: &'static str,
}

/// Reads a text from left to right.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Scanner<'a> {
    pub(crate) text: &'a str,
    pub(crate) at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(crate) fn expected<T>(&self, expected: &'static str) -> Result<T, Mismatch> {
        Err(Mismatch { at: self.at, expected })
    }

    pub(crate) fn skip_spaces(&mut self) {
        while let Some(b' ' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Everything up to the next space or the end.
    pub(crate) fn token(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let end = rest.bytes().position(|byte| matches!(byte, b' ' | b'\t'));
        let token = &rest[..end.unwrap_or(rest.len())];
        self.at += token.len();
        token
    }

    /// A name without quotes; empty if there is none. Metric names may hold colons.
    pub(crate) fn bare_name(&mut self, class: NameClass) -> &'a str {
        let start = self.at;
        let bytes = self.text.as_bytes();
        if bytes.get(start).is_some_and(u8::is_ascii_digit) {
            return "";
        }
        while self.at < bytes.len() && NAME_BYTES[usize::from(bytes[self.at])] <= class as u8 {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    /// The name of a metric without quotes, which may be `expected`.
    pub(crate) fn metric_name(&mut self, expected: &str) -> &'a str {
        let rest = &self.text[self.at..];
        let is_expected = rest.strip_prefix(expected).is_some_and(|rest| rest.starts_with('{'));
        if is_expected && !expected.is_empty() {
            self.at += expected.len();
            return &rest[..expected.len()];
        }
        self.bare_name(NameClass::Metric)
    }

    /// The next item up to its comma or to the closing brace, which ends the set (`None`).
    ///
    /// The end of the text ends it too, so that the text between the braces can be read again.
    pub(crate) fn next_item(&mut self) -> Result<Option<Item<'a>>, Mismatch> {
        match self.plain_label() {
            Some(label) => Ok(Some(label)),
            None => self.any_item(),
        }
    }

    /// The next item if it is a label as all common libraries write them: without spaces, its name
    /// without quotes, its value without escapes. Nothing else can be read faster.
    #[inline]
    fn plain_label(&mut self) -> Option<Item<'a>> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut at = start;
        while at < bytes.len() && NAME_BYTES[usize::from(bytes[at])] <= NameClass::Label as u8 {
            at += 1;
        }
        if at == start || bytes[start].is_ascii_digit() || !bytes[at..].starts_with(b"=\"") {
            return None;
        }
        let name = &self.text[start..at];
        let start = at + 2;
        let end = start + memchr::memchr2(b'"', b'\\', &bytes[start..])?;
        if bytes[end] != b'"' {
            return None;
        }
        self.at = match bytes.get(end + 1) {
            Some(b',') => end + 2,
            None | Some(b'}') => end + 1,
            Some(_) => return None,
        };
        let value = Quoted { raw: &self.text[start..end], has_escape: false };
        Some(Item::Label { name, value })
    }

    fn any_item(&mut self) -> Result<Option<Item<'a>>, Mismatch> {
        self.skip_spaces();
        let item = match self.peek() {
            None | Some(b'}') => return Ok(None),
            Some(b'"') => {
                let name = self.quoted_name()?;
                self.skip_spaces();
                if self.peek() == Some(b'=') {
                    Item::Label { name, value: self.label_value()? }
                } else {
                    Item::Name(name)
                }
            }
            Some(_) => {
                let name = self.bare_name(NameClass::Label);
                if name.is_empty() {
                    return self.expected("a label name or `}`");
                }
                Item::Label { name, value: self.label_value()? }
            }
        };
        self.skip_spaces();
        match self.peek() {
            Some(b',') => self.at += 1,
            None | Some(b'}') => {}
            Some(_) => return self.expected("`,` or `}`"),
        }
        Ok(Some(item))
    }

    fn label_value(&mut self) -> Result<Quoted<'a>, Mismatch> {
        self.skip_spaces();
        if self.peek() != Some(b'=') {
            return self.expected("`=` after the label name");
        }
        self.at += 1;
        self.skip_spaces();
        if self.peek() != Some(b'"') {
            return self.expected("a label value in double quotes");
        }
        self.quoted()
    }

    /// A name in quotes. One with a quote, backslash or line feed is not worth a copy of every
    /// other name, so escapes are refused here.
    pub(crate) fn quoted_name(&mut self) -> Result<&'a str, Mismatch> {
        let start = self.at;
        let name = self.quoted()?;
        if name.has_escape || name.raw.is_empty() {
            return Err(Mismatch { at: start, expected: "a name without escapes" });
        }
        Ok(name.raw)
    }

    /// A string in quotes, with the opening quote here.
    fn quoted(&mut self) -> Result<Quoted<'a>, Mismatch> {
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let mut at = start;
        let mut has_escape = false;
        loop {
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    has_escape = true;
                    at += 2;
                }
                Some(_) => at += 1,
                None => {
                    self.at = bytes.len();
                    return self.expected("`\"` at the end of the string");
                }
            }
        }
        self.at = at + 1;
        Ok(Quoted { raw: &self.text[start..at], has_escape })
    }
}

/// Which bytes a name may hold: letters, digits and `_`, and colons in names of metrics.
#[derive(Debug, Clone, Copy)]
pub(crate) enum NameClass {
    Label = 0,
    Metric = 1,
}

/// The lowest [`NameClass`] that holds a byte; 2 for none.
static NAME_BYTES: [u8; 256] = {
    let mut table = [2; 256];
    let mut byte = 0;
    while byte < table.len() {
        match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => table[byte] = 0,
            b':' => table[byte] = 1,
            _ => {}
        }
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(&str, String)> {
        Labels::scanned(text).map(|(name, value)| (name, value.into_owned())).collect()
    }

    #[test]
    fn escapes_commas_and_braces_stay_inside_their_value() {
        assert_eq!(
            read(r#"a="x,y}{=", b = "\"\\\n\t" ,"c.d"="",metric="""#),
            [
                ("a", "x,y}{=".to_owned()),
                ("b", "\"\\\n\\t".to_owned()),
                ("c.d", String::new()),
                ("metric", String::new()),
            ]
        );
    }

    #[test]
    fn a_value_is_copied_only_for_an_escape() {
        let mut labels = Labels::scanned(r#"a="plain",b="new\nline""#);
        assert!(matches!(labels.next(), Some(("a", Cow::Borrowed("plain")))));
        assert!(matches!(labels.next(), Some(("b", Cow::Owned(_)))));
    }

    #[test]
    fn a_label_is_found_by_name_and_the_metric_name_is_none() {
        let labels = Labels::scanned(r#""my.metric",a="1""#);
        assert_eq!(labels.get("a").as_deref(), Some("1"));
        assert_eq!(labels.get("my.metric"), None);
        assert!(!labels.is_empty());
        assert!(Labels::scanned(r#""my.metric""#).is_empty());
    }
}
