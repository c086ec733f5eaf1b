//! The configuration of a run: composed from flags, environment, file and defaults, checked as a
//! whole, and compared with the one before when it is read again.
//!
//! ```text
//! file ─► document (YAML) ─► keys (unknown?) ─► decode (types) ─┐
//! flags, environment ───────────────────────────────────────────┴─► validate ─► compose ─► Settings
//! ```

mod compose;
mod contexts;
mod decode;
pub mod diff;
mod document;
mod from_file;
mod from_flags;
mod key_path;
mod keys;
pub mod schema;
mod settings;
pub mod show;

pub use compose::{Environment, SystemEnvironment, compose, default_data_dir};
pub use contexts::contexts;
pub use document::MAX_BYTES;
pub use settings::Settings;

/// A commented configuration file to start from.
pub const EXAMPLE: &str = include_str!("example.yaml");
