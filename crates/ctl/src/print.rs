//! The formats: each file owns how one is written, the answers say what.

pub mod fields;
pub mod human;
pub mod json;
mod protobuf;
pub mod simple;
mod table;

pub use table::Table;

use crate::answer::Answer;
use crate::compat::Compat;
use crate::failure::Failure;

/// A format of what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Simple,
    /// One name and value on each line.
    Fields,
    /// As Go's `encoding/json` writes the answer.
    Json,
    /// The bytes of the answer.
    Protobuf,
    /// Columns.
    Table,
}

impl Format {
    /// Reads what users write.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "simple" => Self::Simple,
            "fields" => Self::Fields,
            "json" => Self::Json,
            "protobuf" => Self::Protobuf,
            "table" => Self::Table,
            _ => return None,
        })
    }

    /// As users write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Fields => "fields",
            Self::Json => "json",
            Self::Protobuf => "protobuf",
            Self::Table => "table",
        }
    }
}

/// What changes how an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Bytes and identifiers in hexadecimal.
    pub is_hex: bool,
    /// Values without keys, in the simple format.
    pub is_value_only: bool,
    /// The release of etcdctl to follow.
    pub compat: Compat,
}

/// Appends `answer` to `out`; fails with code 4 if it has no such format.
pub fn print(
    answer: &impl Answer,
    format: Format,
    style: Style,
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    let is_done = match format {
        Format::Simple => {
            answer.simple(style, out);
            true
        }
        Format::Fields => answer.fields(style, out),
        Format::Json => answer.json(style, out),
        Format::Protobuf => protobuf::print(answer, out),
        Format::Table => table::print(answer, style, out),
    };
    if is_done {
        return Ok(());
    }
    Err(Failure::bad_feature(format!("{} not supported as output format", format.as_str())))
}
