//! What fuzzers do with any bytes: each function takes them as one kind of input, and panics when
//! something does not hold that must hold for all of them.
//!
//! The fuzzers themselves are in `fuzz/`, a workspace of its own, since they need a nightly compiler.
//! Here the same functions run as tests, on the seeds and on some mutations of them.

#![forbid(unsafe_code)]

mod databases;
mod pages;
mod queries;

pub use databases::databases;
pub use pages::pages;
pub use queries::queries;

/// Takes the bytes as a block of the history, as each of its parts, and as values to write and read
/// back.
pub fn blocks(bytes: &[u8]) {
    tsdb::fuzzing::decode(bytes);
    tsdb::fuzzing::write_and_read(bytes);
}
