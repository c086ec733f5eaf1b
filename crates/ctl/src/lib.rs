//! etcdctl's commands, and safer ones: parsing, running, printing.
//!
//! [`run`] does one command line of etcdctl, [`run_utl`] one of etcdutl, with its environment and its streams given, and answers the exit
//! code. Commands are data: [`command`] says how to add one. What they print follows the release of
//! etcdctl that [`compat::Compat`] names, in each format of [`mod@print`].

#![forbid(unsafe_code)]

pub mod answer;
pub mod call;
pub mod command;
pub mod compat;
pub mod confirm;
pub mod context;
pub mod decode;
pub mod environment;
pub mod failure;
pub mod global;
pub mod go;
pub mod io;
pub mod load;
pub mod mirror;
pub mod operate;
pub mod parse;
pub mod password;
pub mod print;
pub mod queue;
mod run;
pub mod scan;
pub mod session;
mod signal;
pub mod transfer;
pub mod utl;

pub use context::Context;
pub use environment::{ClustersOf, Environment};
pub use io::Io;
pub use run::{run, run_utl};
