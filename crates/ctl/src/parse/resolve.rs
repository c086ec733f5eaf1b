//! From the words of a command line to a command, as cobra finds it.

use crate::command::Command;
use crate::compat::Compat;
use crate::parse::flag::{Flag, Kind};

/// A command that was found.
pub struct Found {
    /// The commands from the root to it.
    pub path: Vec<&'static Command>,
    /// The words without the names of the commands.
    pub rest: Vec<Vec<u8>>,
}

/// A word that names no command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The word.
    pub name: String,
    /// Commands that may have been meant.
    pub suggestions: Vec<&'static str>,
}

/// Finds the command that `words` name, below `root`; names may be cut short where only one fits.
pub fn resolve(
    root: &'static Command,
    words: &[Vec<u8>],
    compat: Compat,
) -> Result<Found, Unknown> {
    let mut path = vec![root];
    let mut rest = words.to_vec();
    let mut known: Vec<Flag> = root.flags_in(compat).collect();
    let mut command = root;
    while let Some(at) = first_argument(&rest, &known) {
        let name = String::from_utf8_lossy(&rest[at]).into_owned();
        let Some(child) = find(command, &name, compat) else { break };
        rest.remove(at);
        // A parent's own flags are not its children's, but its persistent ones are.
        known.retain(|flag| !command.flags.iter().any(|own| own.name == flag.name));
        known.extend(child.flags_in(compat));
        path.push(child);
        command = child;
    }
    if path.len() == 1
        && let Some(at) = first_argument(&rest, &known)
    {
        let name = String::from_utf8_lossy(&rest[at]).into_owned();
        let suggestions = suggestions(root, &name, compat);
        return Err(Unknown { name, suggestions });
    }
    Ok(Found { path, rest })
}

/// Where the first word stands that is no flag and no flag's value.
fn first_argument(words: &[Vec<u8>], known: &[Flag]) -> Option<usize> {
    let takes_none = |flag: &Flag| flag.kind == Kind::Bool;
    let mut at = 0;
    while at < words.len() {
        match words[at].as_slice() {
            b"--" => return None,
            [b'-', b'-', name @ ..] => {
                let is_whole = name.contains(&b'=')
                    || name == b"help"
                    || known.iter().any(|flag| flag.name.as_bytes() == name && takes_none(flag));
                at += if is_whole { 1 } else { 2 };
            }
            [b'-', letter] => {
                let letter = char::from(*letter);
                let is_whole = letter == 'h'
                    || known.iter().any(|flag| flag.short == Some(letter) && takes_none(flag));
                at += if is_whole { 1 } else { 2 };
            }
            [b'-', _, ..] | [] => at += 1,
            _ => return Some(at),
        }
    }
    None
}

/// The child of that name, or the only one whose name begins so.
fn find(command: &Command, name: &str, compat: Compat) -> Option<&'static Command> {
    let children: Vec<_> = command.children_in(compat).collect();
    if let Some(exact) = children.iter().find(|child| child.name == name) {
        return Some(exact);
    }
    // Ours must not take a short form away from etcdctl's: `mem` is `member`, not `members`.
    let only = |is_ours: bool| {
        let mut fitting = children
            .iter()
            .filter(|child| child.is_ours == is_ours && child.name.starts_with(name));
        (fitting.next().copied(), fitting.next().is_some())
    };
    match (only(false), only(true)) {
        ((Some(found), false), _) | ((None, _), (Some(found), false)) => Some(found),
        _ => None,
    }
}

fn suggestions(root: &Command, typed: &str, compat: Compat) -> Vec<&'static str> {
    let typed = typed.to_lowercase();
    let is_near = |name: &str| distance(&typed, name) <= 2 || name.starts_with(&typed);
    root.children_in(compat).map(|child| child.name).filter(|name| is_near(name)).collect()
}

/// The name that is closest to what was typed, if one is close.
pub fn nearest<'a>(typed: &str, names: &[&'a str]) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let near = names.iter().map(|name| (distance(&typed, &name.to_lowercase()), *name));
    // A third of the letters may be wrong; two in a short name.
    let limit = (typed.chars().count() / 3).max(2);
    near.filter(|(distance, _)| *distance <= limit).min().map(|(_, name)| name)
}

/// How many letters must be put in, taken out or replaced.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}
