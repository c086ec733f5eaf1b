//! A YAML document as a tree that knows the line of everything in it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// From 1.
    pub(crate) line: usize,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Nothing,
    /// Any scalar, as it is written when it is no text: `1.10` stays that.
    Scalar(String),
    List(Vec<Node>),
    /// In order of the document.
    Map(Vec<(String, Node)>),
}

impl Kind {
    /// How a message names it.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Scalar(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// Reads a document; an error says what is wrong, with the line where that is known.
pub(crate) fn read(text: &str) -> Result<Node, (Option<usize>, String)> {
    let options = serde_saphyr::options! { with_snippet: false };
    let raw: Result<Option<Spanned<Raw>>, _> = serde_saphyr::from_str_with_options(text, options);
    match raw {
        Ok(Some(raw)) => Ok(finish(raw, text)),
        Ok(None) => Ok(Node { kind: Kind::Nothing, line: 1 }),
        Err(error) => {
            let line = error.location().map(|location| location.line() as usize);
            // This part speaks to programmers.
            let hint = ", set DuplicateKeyPolicy in Options if acceptable";
            let message = error.without_snippet().to_string().replace(hint, "");
            Err((line, format!("is not accepted as YAML: {message}")))
        }
    }
}

enum Raw {
    Nothing,
    Text(String),
    /// A number, a boolean: the document has its text.
    Typed,
    List(Vec<Spanned<Raw>>),
    Map(Vec<(String, Spanned<Raw>)>),
}

fn finish(raw: Spanned<Raw>, text: &str) -> Node {
    let written = || {
        let span = raw.defined.span();
        let start = usize::try_from(span.byte_offset()?).ok()?;
        let length = usize::try_from(span.byte_len()?).ok()?;
        text.get(start..start + length)
    };
    let line = raw.referenced.line() as usize;
    let kind = match raw.value {
        Raw::Nothing => Kind::Nothing,
        Raw::Typed => Kind::Scalar(written().unwrap_or_default().to_owned()),
        Raw::Text(text) => Kind::Scalar(text),
        Raw::List(items) => Kind::List(items.into_iter().map(|item| finish(item, text)).collect()),
        Raw::Map(pairs) => {
            Kind::Map(pairs.into_iter().map(|(key, value)| (key, finish(value, text))).collect())
        }
    };
    Node { kind, line }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Nothing)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(pair) = pairs.next_entry()? {
            map.push(pair);
        }
        Ok(Raw::Map(map))
    }
}
