//! The command line's grammar: flags, commands, help; pflag's and cobra's, as etcdctl's users know it.

mod flag;
mod flags;
mod help;
mod resolve;
mod tabs;
mod words;

pub use flag::{Flag, Kind};
pub use flags::{FlagError, Flags, Parsed};
pub use help::{help, usage};
pub use resolve::{Found, Unknown, nearest, resolve};
pub use words::words;
