//! Words of a query with their places.

use crate::error::Error;

/// One word.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A name or a keyword; may hold colons.
    Word(String),
    Number(f64),
    /// Milliseconds.
    Duration(i64),
    String(String),
    /// Punctuation and operators.
    Sign(&'static str),
    End,
}

impl Token {
    /// How a message shows the word.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Word(word) => format!("{word:?}"),
            Self::Number(number) => format!("number {number}"),
            Self::Duration(ms) => format!("duration of {ms} ms"),
            Self::String(text) => format!("string {text:?}"),
            Self::Sign(sign) => format!("{sign:?}"),
            Self::End => "end of input".to_owned(),
        }
    }
}

/// Longest first, so that `=~` is not read as `=`.
const SIGNS: &[&str] = &[
    "==", "!=", ">=", "<=", "=~", "!~", "(", ")", "{", "}", "[", "]", ",", "+", "-", "*", "/", "%",
    "^", "=", ">", "<", "@", ":",
];

/// Splits `text` into words with their byte offsets; the last is [`Token::End`].
pub(crate) fn split(text: &str) -> Result<Vec<(Token, usize)>, Error> {
    let mut lexer = Lexer { text, at: 0, is_in_brackets: false };
    let mut tokens = Vec::new();
    loop {
        let (token, at) = lexer.next()?;
        let is_end = token == Token::End;
        tokens.push((token, at));
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Between `[` and `]` a colon stands alone and never belongs to a name.
    is_in_brackets: bool,
}

impl Lexer<'_> {
    fn next(&mut self) -> Result<(Token, usize), Error> {
        self.skip_blanks();
        let at = self.at;
        let rest = &self.text[at..];
        let Some(first) = rest.chars().next() else { return Ok((Token::End, at)) };
        let starts_number = first.is_ascii_digit()
            || (first == '.' && rest[1..].starts_with(|next: char| next.is_ascii_digit()));
        let starts_word =
            is_word_start(first) || (first == ':' && !self.is_in_brackets && rest.len() > 1);
        let token = if starts_number {
            self.number()?
        } else if starts_word {
            let length = rest
                .find(|next: char| !is_word_start(next) && !next.is_ascii_digit() && next != ':')
                .unwrap_or(rest.len());
            self.at += length;
            word(&rest[..length])
        } else if matches!(first, '"' | '\'' | '`') {
            self.string(first)?
        } else {
            let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) else {
                return Err(Error::parse(self.text, at, format!("unexpected character {first:?}")));
            };
            self.at += sign.len();
            match *sign {
                "[" => self.is_in_brackets = true,
                "]" => self.is_in_brackets = false,
                _ => {}
            }
            Token::Sign(sign)
        };
        Ok((token, at))
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r']);
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    fn number(&mut self) -> Result<Token, Error> {
        let at = self.at;
        let rest = &self.text[at..];
        let mut length = 0;
        let bytes = rest.as_bytes();
        while let Some(byte) = bytes.get(length) {
            let is_exponent_sign = matches!(byte, b'+' | b'-')
                && matches!(bytes[length - 1], b'e' | b'E')
                && !rest.starts_with("0x")
                && !rest.starts_with("0X");
            if !byte.is_ascii_alphanumeric() && *byte != b'.' && *byte != b'_' && !is_exponent_sign
            {
                break;
            }
            length += 1;
        }
        self.at += length;
        let text = &rest[..length];
        if let Some(number) = parse_number(text) {
            return Ok(Token::Number(number));
        }
        match parse_duration(text) {
            Some(0) => Err(Error::parse(self.text, at, "duration must be greater than 0".into())),
            Some(ms) => Ok(Token::Duration(ms)),
            None => Err(Error::parse(
                self.text,
                at,
                format!("bad number or duration {text:?}, expected one such as 1.5, 5m or 1h30m"),
            )),
        }
    }

    fn string(&mut self, quote: char) -> Result<Token, Error> {
        let start = self.at;
        let mut value = Vec::new();
        let mut chars = self.text[start + 1..].char_indices();
        while let Some((offset, next)) = chars.next() {
            let at = start + 1 + offset;
            let mut buffer = [0; 4];
            if next == quote {
                self.at = at + 1;
                let text = String::from_utf8_lossy(&value).into_owned();
                return Ok(Token::String(text));
            }
            match next {
                '\n' if quote != '`' => {
                    return Err(Error::parse(self.text, at, "unterminated quoted string".into()));
                }
                '\\' if quote != '`' => escape(&mut chars, quote, &mut value).ok_or_else(|| {
                    Error::parse(self.text, at, "unknown escape sequence in string".into())
                })?,
                _ => value.extend_from_slice(next.encode_utf8(&mut buffer).as_bytes()),
            }
        }
        let message = format!("unterminated quoted string, expected a closing {quote}");
        Err(Error::parse(self.text, start, message))
    }
}

fn is_word_start(letter: char) -> bool {
    letter.is_ascii_alphabetic() || letter == '_'
}

fn word(text: &str) -> Token {
    if text.eq_ignore_ascii_case("inf") {
        Token::Number(f64::INFINITY)
    } else if text.eq_ignore_ascii_case("nan") {
        Token::Number(f64::NAN)
    } else {
        Token::Word(text.to_owned())
    }
}

/// As Go reads integers of base 0 and then floats: `0x1F`, `017`, `1e3`, `.5`.
fn parse_number(text: &str) -> Option<f64> {
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return i64::from_str_radix(hex, 16).ok().map(|number| number as f64);
    }
    let is_octal = text.len() > 1 && text.starts_with('0');
    if is_octal && let Ok(number) = i64::from_str_radix(text, 8) {
        return Some(number as f64);
    }
    text.parse().ok()
}

const UNITS: &[(&str, i64)] = &[
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Milliseconds of `1h30m`; units fall from large to small, each at most once.
pub fn parse_duration(mut text: &str) -> Option<i64> {
    let mut total = 0_i64;
    let mut next_unit = 0;
    while !text.is_empty() {
        let digits = text.find(|next: char| !next.is_ascii_digit())?;
        let amount: i64 = text[..digits].parse().ok()?;
        text = &text[digits..];
        let letters = text.find(|next: char| next.is_ascii_digit()).unwrap_or(text.len());
        let unit = UNITS[next_unit..].iter().position(|(name, _)| *name == &text[..letters])?;
        next_unit += unit;
        total = total.checked_add(amount.checked_mul(UNITS[next_unit].1)?)?;
        next_unit += 1;
        text = &text[letters..];
    }
    Some(total)
}

fn escape(chars: &mut std::str::CharIndices<'_>, quote: char, out: &mut Vec<u8>) -> Option<()> {
    let (_, kind) = chars.next()?;
    let mut digits = |count: usize, radix: u32, seed: u32| -> Option<u32> {
        (0..count)
            .try_fold(seed, |number, _| Some(number * radix + chars.next()?.1.to_digit(radix)?))
    };
    let byte = match kind {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        _ if kind == quote => kind as u8,
        'x' => digits(2, 16, 0)? as u8,
        '0'..='7' => u8::try_from(digits(2, 8, kind.to_digit(8)?)?).ok()?,
        'u' | 'U' => {
            let letter = char::from_u32(digits(if kind == 'u' { 4 } else { 8 }, 16, 0)?)?;
            out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(());
        }
        _ => return None,
    };
    out.push(byte);
    Some(())
}
