//! Keys in a file of JSON lines: a header, a line for each key in order, and a trailer that tells
//! how many there are and their SHA-256, so that a part of a file is never taken for the whole.

mod line;
mod read;
mod write;

pub use line::{Header, KeyLine, Trailer};
pub use read::{KeyFile, KeyLines, Summary};
pub use write::{Encoder, KeyFileWriter};
