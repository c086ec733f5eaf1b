//! One command line from its words to its exit code.

use std::ffi::OsString;

use crate::call::Call;
use crate::command::{self, Command};
use crate::compat::Compat;
use crate::environment::{self, Environment};
use crate::failure::{Failure, exit};
use crate::io::Io;
use crate::parse::{self, Flag, FlagError, Flags, Unknown};
use crate::utl;

/// Does what `words` say, which are the arguments without the program's name; answers the exit code.
///
/// Blocks until it is done; the caller must not be inside a runtime.
pub fn run(
    words: impl IntoIterator<Item = OsString>,
    environment: &Environment,
    io: &mut Io,
) -> u8 {
    run_in(&command::ROOT, words, environment, io)
}

/// Does what `words` say to etcdutl; otherwise as [`run`].
pub fn run_utl(
    words: impl IntoIterator<Item = OsString>,
    environment: &Environment,
    io: &mut Io,
) -> u8 {
    run_in(&utl::ROOT, words, environment, io)
}

fn run_in(
    root: &'static Command,
    words: impl IntoIterator<Item = OsString>,
    environment: &Environment,
    io: &mut Io,
) -> u8 {
    let words: Vec<Vec<u8>> = words.into_iter().map(environment::bytes).collect();
    let code = match attempt(root, &words, environment, io) {
        Ok(()) => 0,
        Err(failure) => {
            // What was printed before it failed comes first.
            let _ = io.flush();
            complain(&failure, io);
            return failure.code;
        }
    };
    match io.flush() {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            io.complain(&format!("Error: cannot write the answer: {error}"));
            exit::ERROR
        }
        _ => code,
    }
}

fn complain(failure: &Failure, io: &mut Io) {
    if !failure.message.is_empty() {
        io.complain(&format!("Error: {}", failure.message));
    }
    for detail in &failure.details {
        io.complain(detail);
    }
}

fn attempt(
    root: &'static Command,
    words: &[Vec<u8>],
    environment: &Environment,
    io: &mut Io,
) -> Result<(), Failure> {
    let compat = compat(words, environment)?;
    let found =
        parse::resolve(root, words, compat).map_err(|unknown| unknown_command(root, &unknown))?;
    let path = found.path;
    let mut flags = Flags::new(flags_of(&path, compat));
    let parsed = match flags.parse(&found.rest) {
        Ok(parsed) => parsed,
        Err(FlagError::Help) => {
            help(&path, compat, io);
            return Ok(());
        }
        Err(FlagError::Wrong(text)) => {
            let usage = parse::usage(&path, compat);
            let moved = moved(&path, &found.rest, compat);
            let failure = |failure: Failure| match moved {
                Some(moved) => failure.with_detail(moved),
                None => failure,
            };
            if compat < Compat::V3_7 {
                io.out().extend_from_slice(usage.as_bytes());
                return Err(failure(Failure::error(text)));
            }
            return Err(failure(Failure::error(text).with_detail(usage)));
        }
    };
    let command = path[path.len() - 1];
    let Some(run) = command.run else {
        if let Some(moved) = moved(&path, &found.rest, compat) {
            io.complain(&moved);
        }
        help(&path, compat, io);
        return Ok(());
    };
    let mut call = Call::new(path, flags, compat, environment, io);
    call.args = parsed.args;
    call.before_dashes = parsed.before_dashes;
    // One thread is enough for one person, and starts in no time.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::error(format!("cannot start the runtime: {error}")))?;
    let outcome = runtime.block_on(run(&mut call));
    // A connection that is still being made must not hold the end up.
    runtime.shutdown_background();
    outcome.map_err(|failure| match &call.context {
        // Whoever chose it last week may not think of it.
        Some(context) if !failure.message.is_empty() => {
            failure.with_detail(format!("in {context}; --context='' does without it"))
        }
        _ => failure,
    })
}

/// The release to follow must be known before the flags are, as it decides which there are.
fn compat(words: &[Vec<u8>], environment: &Environment) -> Result<Compat, Failure> {
    let mut given = environment.get("ETCDCTL_COMPAT");
    let words = words.iter().take_while(|word| word.as_slice() != b"--");
    let mut takes_next = false;
    for word in words {
        if takes_next {
            given = Some(word);
        }
        takes_next = word.as_slice() == b"--compat";
        given = word.strip_prefix(b"--compat=").or(given);
    }
    let Some(given) = given else { return Ok(Compat::default()) };
    let text = String::from_utf8_lossy(given);
    Compat::parse(&text).ok_or_else(|| {
        Failure::bad_feature(format!("unknown release {text:?} in --compat: 3.4, 3.5, 3.6 or 3.7"))
    })
}

/// The flags that may stand behind a command: its own, and its parents' persistent ones.
fn flags_of(path: &[&'static Command], compat: Compat) -> impl Iterator<Item = Flag> {
    let (command, parents) = path.split_last().expect("invariant: a path begins with the root");
    let inherited = parents.iter().flat_map(|parent| parent.persistent.iter());
    let own = command.flags.iter().chain(command.persistent);
    own.chain(inherited).filter(move |flag| flag.is_in(compat)).copied()
}

fn help(path: &[&'static Command], compat: Compat, io: &mut Io) {
    io.out().extend_from_slice(parse::help(path, compat).as_bytes());
}

/// What does the work of a command that etcdctl had up to an older release, as it has etcdutl do it.
///
/// etcdctl prints the help of the group as if nothing were wrong, and a script goes on.
fn moved(path: &[&'static Command], rest: &[Vec<u8>], compat: Compat) -> Option<String> {
    let (root, groups) = path.split_first()?;
    let group = groups.last()?;
    let named = |child: &&&Command| rest.iter().any(|word| word == child.name.as_bytes());
    let child = group.children.iter().filter(|child| child.until < compat).find(named)?;
    let names: Vec<&str> = groups.iter().map(|one| one.name).chain([child.name]).collect();
    let name = names.join(" ");
    Some(format!(
        "{} {compat} has no `{name}` any more, and nothing was done: `etcd-monitor utl {name}` (or \
         etcdutl's) does it, and so does --compat={} here",
        root.name, child.until
    ))
}

fn unknown_command(root: &Command, unknown: &Unknown) -> Failure {
    let program = root.name;
    let mut text = format!("unknown command {:?} for {program:?}", unknown.name);
    if !unknown.suggestions.is_empty() {
        text.push_str("\n\nDid you mean this?\n");
        for suggestion in &unknown.suggestions {
            text.push('\t');
            text.push_str(suggestion);
            text.push('\n');
        }
    }
    Failure::error(text).with_detail(format!("Run '{program} --help' for usage."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_etcdctl_leaves_to_etcdutl_is_named_where_help_is_printed_instead() {
        let said = |words: &[&str]| {
            let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().into()).collect();
            let compat = compat(&words, &Environment::default()).unwrap();
            let found = parse::resolve(&command::ROOT, &words, compat).ok().unwrap();
            moved(&found.path, &found.rest, compat)
        };
        let restore = said(&["snapshot", "restore", "file", "--data-dir=d"]).unwrap();
        assert!(restore.starts_with("etcdctl 3.6 has no `snapshot restore` any more"), "{restore}");
        assert!(restore.contains("`etcd-monitor utl snapshot restore`"), "{restore}");
        assert!(said(&["snapshot", "status"]).is_some());
        assert_eq!(said(&["snapshot"]), None);
        assert_eq!(said(&["--compat=3.5", "snapshot", "status", "file"]), None);
    }
}
