//! `help`: the help of a command that is named as an argument.

use std::future::ready;

use super::{Command, ROOT};
use crate::call::Call;
use crate::parse;

/// `help`.
pub(super) const HELP: Command =
    Command::new("help", "help [command]", "Prints the help of a command", |call| {
        run(call);
        Box::pin(ready(Ok(())))
    });

fn run(call: &mut Call<'_>) {
    let text = if let Ok(found) = parse::resolve(&ROOT, &call.args, call.compat) {
        parse::help(&found.path, call.compat)
    } else {
        let words: Vec<String> = (0..call.args.len()).map(|at| call.arg(at)).collect();
        call.io.complain(&format!("Unknown help topic [`{}`]", words.join(" ")));
        parse::help(&[&ROOT], call.compat)
    };
    call.io.out().extend_from_slice(text.as_bytes());
}
