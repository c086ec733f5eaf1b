//! Only the commands of etcdutl, without the rest of the program: to try them while working on them.

use std::process::ExitCode;

use ctl::{Environment, Io};

fn main() -> ExitCode {
    let words = std::env::args_os().skip(1);
    let environment = Environment::new(std::env::vars_os());
    ExitCode::from(ctl::run_utl(words, &environment, &mut Io::system()))
}
