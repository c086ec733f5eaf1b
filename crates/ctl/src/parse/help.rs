//! The help of a command, laid out as etcdctl's.

use std::fmt::Write as _;

use super::flag::{Flag, Kind};
use super::tabs;
use crate::command::Command;
use crate::compat::Compat;
use crate::go;

/// The full help of the last command of `path`.
pub fn help(path: &[&'static Command], compat: Compat) -> String {
    usage(path, compat)
}

/// What is printed after a mistake in the flags; etcdctl prints its full help then.
pub fn usage(path: &[&'static Command], compat: Compat) -> String {
    let command = *path.last().expect("invariant: a path begins with the root");
    let is_root = path.len() == 1;
    let names: Vec<&str> = path[1..].iter().map(|command| command.name).collect();
    let mut text = String::from("NAME:\n");
    let name = if is_root { command.name.to_owned() } else { names.join(" ") };
    let _ = writeln!(text, "  {name} - {}\n", command.short);
    let _ = writeln!(text, "USAGE:\n  {}", use_line(path));
    if is_root {
        let _ = writeln!(text, "\nVERSION:\n  {compat}");
    }
    if command.has_children() {
        let _ = writeln!(text, "\nAPI VERSION:\n  {compat}");
        text.push_str("\nCOMMANDS:\n");
        commands(command, "", compat, &mut text);
    }
    if !command.long.is_empty() {
        text.push_str("\nDESCRIPTION:\n");
        for line in command.long.trim().lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
    text.push_str("\nOPTIONS:\n");
    let own = command.flags.iter().chain(command.persistent);
    let own: Vec<Flag> = own.filter(|flag| flag.is_in(compat)).copied().collect();
    options(own, command.name, &mut text);
    if !is_root {
        text.push_str("\nGLOBAL OPTIONS:\n");
        let parents = path[..path.len() - 1].iter();
        let inherited = parents.flat_map(|parent| parent.persistent.iter());
        let inherited = inherited.filter(|flag| flag.is_in(compat)).copied().collect();
        options(inherited, "", &mut text);
    }
    text.push('\n');
    tabs::align(&text)
}

fn use_line(path: &[&'static Command]) -> String {
    let command = path[path.len() - 1];
    let parents: Vec<&str> = path[..path.len() - 1].iter().map(|parent| parent.name).collect();
    let parents = parents.join(" ");
    let gap = if parents.is_empty() { "" } else { " " };
    // A root's flags are its children's, so etcdctl does not count them here.
    let flags = if command.usage.contains("[flags]") || path.len() == 1 { "" } else { " [flags]" };
    format!("{parents}{gap}{}{flags}", command.usage)
}

/// The commands below one, each with the names that lead to it.
fn commands(command: &Command, parents: &str, compat: Compat, text: &mut String) {
    for child in command.children_in(compat) {
        let name = format!("{parents}{}", child.name);
        if child.run.is_some() {
            let _ = writeln!(text, "  {name}\t{}", child.short);
        }
        commands(child, &format!("{name} "), compat, text);
    }
}

fn options(mut flags: Vec<Flag>, command: &str, text: &mut String) {
    let of_help = format!("help for {command}");
    flags.sort_by_key(|flag| flag.name);
    let mut lines: Vec<(&str, String)> =
        flags.iter().map(|flag| (flag.name, option(flag, flag.help))).collect();
    if !command.is_empty() {
        let help = Flag::bool("help", "").short('h');
        let at = lines.partition_point(|(name, _)| *name < "help");
        lines.insert(at, ("help", option(&help, &of_help)));
    }
    for (_, line) in lines {
        text.push_str(&line);
    }
}

fn option(flag: &Flag, help: &str) -> String {
    let dashes = match flag.short {
        Some(short) => format!("  -{short}, --{}", flag.name),
        None => format!("      --{}", flag.name),
    };
    let value = match flag.kind {
        Kind::Bool => format!("[={}]", flag.default),
        Kind::Text => format!("={}", go::quote(flag.default.as_bytes())),
        Kind::List => format!("=[{}]", flag.default),
        Kind::Int | Kind::Duration => format!("={}", flag.default),
    };
    format!("{dashes}{value}\t{help}\n")
}
