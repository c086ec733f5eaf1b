//! One pass over a page, line by line, with names and labels borrowed from it.

use std::borrow::Cow;
use std::ops::ControlFlow;

use crate::error::ParseError;
use crate::format::Format;
use crate::kind::Kind;
use crate::labels::{Item, Labels, Mismatch, NameClass, Scanner, unescape};
use crate::number::{parse_timestamp_ms, parse_value};

/// How much of a page is taken before it is refused.
///
/// The defaults are a hundred times what a busy etcd member shows (150 kB, 1,300 series).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in a page.
    pub body_bytes: usize,
    /// Bytes in a line.
    pub line_bytes: usize,
    /// Samples in a page.
    pub samples: usize,
    /// Labels of a series.
    pub labels: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes: 16 << 20, line_bytes: 64 << 10, samples: 100_000, labels: 64 }
    }
}

/// One line that says something. Comments and empty lines are passed over.
#[derive(Debug, Clone, PartialEq)]
pub enum Line<'a> {
    /// A value of a series.
    Sample(Sample<'a>),
    /// What a family means.
    Help {
        /// The family's name.
        name: &'a str,
        /// The text, without escapes.
        text: Cow<'a, str>,
    },
    /// What type a family has.
    Type {
        /// The family's name.
        name: &'a str,
        /// The type.
        kind: Kind,
    },
    /// What unit a family has (OpenMetrics only).
    Unit {
        /// The family's name.
        name: &'a str,
        /// The unit, such as `seconds`.
        unit: &'a str,
    },
    /// The end of an OpenMetrics page.
    Eof,
}

/// One value of one series. An exemplar, if there is one, is not looked at.
#[derive(Debug, Clone)]
pub struct Sample<'a> {
    /// Name and labels exactly as on the page: the key of the series for as long as the process
    /// behind the page writes them the same way. See [`ScrapeCache`](crate::ScrapeCache).
    pub series: &'a str,
    /// The metric's name, with its suffix (`_total`, `_bucket`).
    pub name: &'a str,
    /// The labels.
    pub labels: Labels<'a>,
    /// The value.
    pub value: f64,
    /// Milliseconds since 1970, where the page tells; almost no page does.
    pub timestamp_ms: Option<i64>,
}

impl PartialEq for Sample<'_> {
    /// Equal as text and bits: a NaN equals itself.
    fn eq(&self, other: &Self) -> bool {
        self.series == other.series
            && self.value.to_bits() == other.value.to_bits()
            && self.timestamp_ms == other.timestamp_ms
    }
}

/// Reads a page.
///
/// After a line that does not follow the format, the next call goes on with the line after it: the
/// caller chooses between dropping the page and dropping the line. Any other error is the end.
/// `\r\n` is taken for a line feed, and the last line needs none.
pub fn parse(body: &[u8], format: Format, limits: Limits) -> Reader<'_> {
    let (rest, failed) = if body.len() > limits.body_bytes {
        let (limit, found) = (limits.body_bytes, body.len());
        ("", Some(ParseError::BodyTooLong { limit, found }))
    } else {
        match str::from_utf8(body) {
            Ok(text) => (text, None),
            Err(error) => {
                let line = 1 + memchr::memchr_iter(b'\n', &body[..error.valid_up_to()]).count();
                ("", Some(ParseError::NotUtf8 { line }))
            }
        }
    };
    let ended = failed.is_some();
    Reader { rest, failed, ended, line: 0, samples: 0, saw_eof: false, name: "", format, limits }
}

/// The lines of a page; made by [`parse`].
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a str,
    line: usize,
    samples: usize,
    saw_eof: bool,
    /// The name of the sample before: the next one is likely to have it too.
    name: &'a str,
    /// Nothing more comes but what `failed` holds.
    ended: bool,
    failed: Option<ParseError>,
    format: Format,
    limits: Limits,
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Line<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            match self.read_line() {
                Ok(ControlFlow::Break(line)) => return Some(Ok(line)),
                Ok(ControlFlow::Continue(())) => {}
                Err(error) => {
                    self.ended |= !matches!(error, ParseError::Syntax { .. });
                    return Some(Err(error));
                }
            }
        }
        self.failed.take().map(Err)
    }
}

impl<'a> Reader<'a> {
    /// Reads one line: `Continue` if it says nothing or there is none.
    fn read_line(&mut self) -> Result<ControlFlow<Line<'a>>, ParseError> {
        if self.rest.is_empty() {
            self.ended = true;
            if self.format == Format::OpenMetrics && !self.saw_eof {
                return Err(ParseError::Truncated { line: self.line });
            }
            return Ok(ControlFlow::Continue(()));
        }
        let line = self.take_line()?;
        if self.saw_eof {
            return Err(ParseError::AfterEof { line: self.line });
        }
        let mut scanner = Scanner { text: line, at: 0 };
        scanner.skip_spaces();
        let read = match scanner.peek() {
            None => return Ok(ControlFlow::Continue(())),
            Some(b'#') => read_comment(scanner, self.format),
            Some(_) => return self.read_sample(scanner).map(ControlFlow::Break),
        };
        match read {
            Ok(Some(line)) => {
                self.saw_eof = line == Line::Eof;
                Ok(ControlFlow::Break(line))
            }
            Ok(None) => Ok(ControlFlow::Continue(())),
            Err(mismatch) => Err(self.syntax(line, &mismatch)),
        }
    }

    fn take_line(&mut self) -> Result<&'a str, ParseError> {
        self.line += 1;
        let (line, rest) = match memchr::memchr(b'\n', self.rest.as_bytes()) {
            Some(end) => (&self.rest[..end], &self.rest[end + 1..]),
            None => (self.rest, ""),
        };
        self.rest = rest;
        let limit = self.limits.line_bytes;
        if line.len() > limit {
            return Err(ParseError::LineTooLong { line: self.line, limit, found: line.len() });
        }
        Ok(line.strip_suffix('\r').unwrap_or(line))
    }

    fn read_sample(&mut self, mut scanner: Scanner<'a>) -> Result<Line<'a>, ParseError> {
        let text = scanner.text;
        let (sample, labels) = read_sample(&mut scanner, self.name, self.format)
            .map_err(|mismatch| self.syntax(text, &mismatch))?;
        // One in quotes may be any text, which without them is no name.
        self.name = if sample.series.starts_with('{') { "" } else { sample.name };
        self.samples += 1;
        let (line, limits) = (self.line, self.limits);
        if self.samples > limits.samples {
            return Err(ParseError::TooManySamples { line, limit: limits.samples });
        }
        if labels > limits.labels {
            return Err(ParseError::TooManyLabels { line, limit: limits.labels });
        }
        Ok(Line::Sample(sample))
    }

    fn syntax(&self, line: &str, mismatch: &Mismatch) -> ParseError {
        // Enough to recognise an HTML page or a cut line, too little to flood a log.
        const EXCERPT_CHARS: usize = 24;
        let at = line.floor_char_boundary(mismatch.at);
        let found = line[at..].chars().take(EXCERPT_CHARS).collect();
        ParseError::Syntax { line: self.line, column: at + 1, expected: mismatch.expected, found }
    }
}

/// Reads what follows a `#`: metadata, the end of an OpenMetrics page, or a comment (`None`).
fn read_comment(mut scanner: Scanner<'_>, format: Format) -> Result<Option<Line<'_>>, Mismatch> {
    scanner.at += 1;
    scanner.skip_spaces();
    let line = match scanner.token() {
        "HELP" => {
            let name = read_family_name(&mut scanner)?;
            // One space ends the name; more of them belong to the text.
            let text = scanner.text.get(scanner.at + 1..).unwrap_or_default();
            Line::Help { name, text: unescape(text) }
        }
        "TYPE" => {
            let name = read_family_name(&mut scanner)?;
            scanner.skip_spaces();
            let start = scanner.at;
            let expected = "a metric type, such as `counter` or `gauge`";
            let kind = Kind::from_word(scanner.token()).ok_or(Mismatch { at: start, expected })?;
            expect_end(&mut scanner)?;
            Line::Type { name, kind }
        }
        "UNIT" if format == Format::OpenMetrics => {
            let name = read_family_name(&mut scanner)?;
            scanner.skip_spaces();
            let unit = scanner.token();
            expect_end(&mut scanner)?;
            Line::Unit { name, unit }
        }
        "EOF" if format == Format::OpenMetrics => {
            expect_end(&mut scanner)?;
            Line::Eof
        }
        _ => return Ok(None),
    };
    Ok(Some(line))
}

fn read_family_name<'a>(scanner: &mut Scanner<'a>) -> Result<&'a str, Mismatch> {
    scanner.skip_spaces();
    let name = if scanner.peek() == Some(b'"') {
        scanner.quoted_name()?
    } else {
        scanner.bare_name(NameClass::Metric)
    };
    if name.is_empty() || !matches!(scanner.peek(), None | Some(b' ' | b'\t')) {
        return scanner.expected("a metric name");
    }
    Ok(name)
}

/// Reads a sample and counts its labels; its name may be `expected`, that of another sample.
fn read_sample<'a>(
    scanner: &mut Scanner<'a>,
    expected: &str,
    format: Format,
) -> Result<(Sample<'a>, usize), Mismatch> {
    let text = scanner.text;
    let start = scanner.at;
    let mut name = scanner.metric_name(expected);
    let mut end = scanner.at;
    let mut labels = Labels::default();
    let mut label_count = 0;
    scanner.skip_spaces();
    if scanner.peek() == Some(b'{') {
        scanner.at += 1;
        let inside = scanner.at;
        loop {
            let item_start = scanner.at;
            match scanner.next_item()? {
                Some(Item::Label { .. }) => label_count += 1,
                Some(Item::Name(quoted)) if name.is_empty() => name = quoted,
                Some(Item::Name(_)) => {
                    return Err(Mismatch { at: item_start, expected: "one metric name" });
                }
                None => break,
            }
        }
        if scanner.peek() != Some(b'}') {
            return scanner.expected("`}` after the labels");
        }
        labels = Labels::scanned(&text[inside..scanner.at]);
        scanner.at += 1;
        end = scanner.at;
        scanner.skip_spaces();
    } else if scanner.at == end && scanner.at < text.len() {
        return scanner.expected(if name.is_empty() {
            "a metric name or `#`"
        } else {
            "`{` or a space"
        });
    }
    if name.is_empty() {
        return Err(Mismatch { at: start, expected: "a metric name" });
    }

    let value_start = scanner.at;
    let expected = "a value, such as `1`, `0.5`, `1e+06`, `NaN` or `+Inf`";
    let value = parse_value(scanner.token()).ok_or(Mismatch { at: value_start, expected })?;
    scanner.skip_spaces();
    let mut timestamp_ms = None;
    if !matches!(scanner.peek(), None | Some(b'#')) {
        let timestamp_start = scanner.at;
        let expected = match format {
            Format::Text => "a timestamp in milliseconds",
            Format::OpenMetrics => "a timestamp in seconds",
        };
        let token = scanner.token();
        timestamp_ms = Some(
            parse_timestamp_ms(token, format).ok_or(Mismatch { at: timestamp_start, expected })?,
        );
        scanner.skip_spaces();
    }
    let is_exemplar = format == Format::OpenMetrics && scanner.peek() == Some(b'#');
    if !is_exemplar {
        expect_end(scanner)?;
    }
    let series = &text[start..end];
    Ok((Sample { series, name, labels, value, timestamp_ms }, label_count))
}

fn expect_end(scanner: &mut Scanner<'_>) -> Result<(), Mismatch> {
    scanner.skip_spaces();
    if scanner.at < scanner.text.len() {
        return scanner.expected("the end of the line");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
