//! The flags of one command line, parsed as pflag does.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use super::flag::{Flag, Kind};
use crate::go;

/// What a flag holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Bool(bool),
    Int(i64),
    Text(Vec<u8>),
    Duration(Duration),
    List(Vec<String>),
}

/// Flags that do not parse; prints as pflag's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlagError {
    /// `-h` or `--help`.
    Help,
    /// Anything else.
    Wrong(String),
}

/// All flags that a command knows, with what they hold.
///
/// Asking for a flag that the command does not declare, or for another kind, is a mistake in the
/// command, and answers the kind's empty value.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    known: BTreeMap<&'static str, Flag>,
    values: BTreeMap<&'static str, Value>,
    /// Those that the command line or the environment gave.
    changed: Vec<&'static str>,
}

/// What is left of a command line without its flags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The arguments.
    pub args: Vec<Vec<u8>>,
    /// How many of them stood before `--`; `None` without one.
    pub before_dashes: Option<usize>,
}

impl Flags {
    /// These flags at their defaults.
    pub fn new(flags: impl IntoIterator<Item = Flag>) -> Self {
        let mut set = Self::default();
        for flag in flags {
            let value = read(&flag, flag.default.as_bytes());
            set.values.insert(flag.name, value.expect("invariant: a default is a valid value"));
            set.known.insert(flag.name, flag);
        }
        set
    }

    /// Takes the flags out of `words`; the last of several counts.
    pub fn parse(&mut self, words: &[Vec<u8>]) -> Result<Parsed, FlagError> {
        let mut parsed = Parsed::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_slice() {
                b"--" => {
                    parsed.before_dashes = Some(parsed.args.len());
                    parsed.args.extend(words.cloned());
                    break;
                }
                [b'-', b'-', long @ ..] => self.long(word, long, &mut words)?,
                [b'-', short @ ..] if !short.is_empty() => self.shorts(short, &mut words)?,
                _ => parsed.args.push(word.clone()),
            }
        }
        Ok(parsed)
    }

    fn long<'a>(
        &mut self,
        word: &[u8],
        long: &[u8],
        words: &mut impl Iterator<Item = &'a Vec<u8>>,
    ) -> Result<(), FlagError> {
        let shown = String::from_utf8_lossy(word);
        if matches!(long.first(), Some(b'-' | b'=')) {
            return wrong(format!("bad flag syntax: {shown}"));
        }
        let (name, given) = match long.iter().position(|byte| *byte == b'=') {
            Some(at) => (&long[..at], Some(&long[at + 1..])),
            None => (long, None),
        };
        let name = String::from_utf8_lossy(name);
        let Some(flag) = self.known.get(name.as_ref()).copied() else {
            if name == "help" {
                return Err(FlagError::Help);
            }
            return wrong(format!("unknown flag: --{name}"));
        };
        let value = match (given, flag.kind) {
            (Some(value), _) => value,
            (None, Kind::Bool) => b"true",
            (None, _) => match words.next() {
                Some(value) => value,
                None => return wrong(format!("flag needs an argument: {shown}")),
            },
        };
        self.set(&flag, value)
    }

    fn shorts<'a>(
        &mut self,
        shorts: &[u8],
        words: &mut impl Iterator<Item = &'a Vec<u8>>,
    ) -> Result<(), FlagError> {
        let mut rest = shorts;
        while let Some((letter, after)) = rest.split_first() {
            let shown = String::from_utf8_lossy(shorts).into_owned();
            let letter = char::from(*letter);
            let flag = self.known.values().find(|flag| flag.short == Some(letter)).copied();
            let Some(flag) = flag else {
                if letter == 'h' {
                    return Err(FlagError::Help);
                }
                let shown = String::from_utf8_lossy(rest);
                return wrong(format!("unknown shorthand flag: '{letter}' in -{shown}"));
            };
            match (flag.kind, after) {
                (_, [b'=', value @ ..]) => return self.set(&flag, value),
                (Kind::Bool, _) => self.set(&flag, b"true")?,
                (_, []) => match words.next() {
                    Some(value) => return self.set(&flag, value),
                    None => {
                        return wrong(format!("flag needs an argument: '{letter}' in -{shown}"));
                    }
                },
                (_, value) => return self.set(&flag, value),
            }
            rest = after;
        }
        Ok(())
    }

    fn set(&mut self, flag: &Flag, text: &[u8]) -> Result<(), FlagError> {
        let value = read(flag, text).map_err(|why| {
            let (text, flag) = (go::quote(text), flag.shown());
            FlagError::Wrong(format!("invalid argument {text} for \"{flag}\" flag: {why}"))
        })?;
        let is_again = self.changed.contains(&flag.name);
        match (self.values.get_mut(flag.name), value) {
            (Some(Value::List(list)), Value::List(more)) if is_again => list.extend(more),
            (_, value) => {
                self.values.insert(flag.name, value);
            }
        }
        if !is_again {
            self.changed.push(flag.name);
        }
        Ok(())
    }

    /// Sets a flag as if it stood on the command line.
    pub fn set_by_name(&mut self, name: &str, text: &[u8]) -> Result<(), FlagError> {
        match self.known.get(name).copied() {
            Some(flag) => self.set(&flag, text),
            None => wrong(format!("unknown flag: --{name}")),
        }
    }

    /// Whether the flag was given, be it with its default.
    pub fn is_given(&self, name: &str) -> bool {
        self.changed.contains(&name)
    }

    /// The flag of a switch.
    pub fn bool(&self, name: &str) -> bool {
        matches!(self.values.get(name), Some(Value::Bool(true)))
    }

    /// A number.
    pub fn int(&self, name: &str) -> i64 {
        match self.values.get(name) {
            Some(Value::Int(number)) => *number,
            _ => 0,
        }
    }

    /// A text, as bytes.
    pub fn bytes(&self, name: &str) -> &[u8] {
        match self.values.get(name) {
            Some(Value::Text(text)) => text,
            _ => b"",
        }
    }

    /// A text; what is not UTF-8 in it is replaced.
    pub fn text(&self, name: &str) -> Cow<'_, str> {
        String::from_utf8_lossy(self.bytes(name))
    }

    /// A duration.
    pub fn duration(&self, name: &str) -> Duration {
        match self.values.get(name) {
            Some(Value::Duration(duration)) => *duration,
            _ => Duration::ZERO,
        }
    }

    /// A list of texts.
    pub fn list(&self, name: &str) -> &[String] {
        match self.values.get(name) {
            Some(Value::List(list)) => list,
            _ => &[],
        }
    }

    /// Every flag as `name` and what it holds, in order of names; secrets are left out.
    pub fn shown(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        self.values.iter().map(|(name, value)| {
            let text = match value {
                Value::Bool(value) => value.to_string(),
                Value::Int(number) => number.to_string(),
                Value::Text(_) if matches!(*name, "user" | "password" | "auth-jwt-token") => {
                    String::from("(not shown)")
                }
                Value::Text(text) => String::from_utf8_lossy(text).into_owned(),
                Value::Duration(duration) => go::show_duration(*duration),
                Value::List(list) => format!("[{}]", list.join(",")),
            };
            (*name, text)
        })
    }
}

fn wrong<T>(text: String) -> Result<T, FlagError> {
    Err(FlagError::Wrong(text))
}

fn read(flag: &Flag, text: &[u8]) -> Result<Value, String> {
    let utf8 = String::from_utf8_lossy(text);
    Ok(match flag.kind {
        Kind::Bool => Value::Bool(go::parse_bool(&utf8)?),
        Kind::Int => Value::Int(go::int64(&utf8)?),
        Kind::Text => Value::Text(text.to_vec()),
        Kind::Duration => Value::Duration(go::duration(&utf8)?),
        Kind::List if utf8.is_empty() => Value::List(Vec::new()),
        Kind::List => Value::List(utf8.split(',').map(|part| unquoted(part).to_owned()).collect()),
    })
}

/// One field of comma-separated values, without the quotes around it.
fn unquoted(field: &str) -> &str {
    field.strip_prefix('"').and_then(|field| field.strip_suffix('"')).unwrap_or(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAGS: [Flag; 5] = [
        Flag::text("write-out", "simple", "").short('w'),
        Flag::bool("prefix", ""),
        Flag::bool("interactive", "").short('i'),
        Flag::int("rev", "0", ""),
        Flag::list("endpoints", "127.0.0.1:2379", ""),
    ];

    fn parse(line: &str) -> Result<(Flags, Parsed), String> {
        let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        let mut flags = Flags::new(FLAGS);
        match flags.parse(&words) {
            Ok(parsed) => Ok((flags, parsed)),
            Err(FlagError::Help) => Err("help".into()),
            Err(FlagError::Wrong(text)) => Err(text),
        }
    }

    #[test]
    fn flags_stand_anywhere_and_the_last_counts() {
        let (flags, parsed) =
            parse("-w json a --prefix=false b -wsimple --rev 7 -i -- --rev").unwrap();
        assert_eq!(flags.text("write-out"), "simple");
        assert!(!flags.bool("prefix") && flags.bool("interactive"));
        assert_eq!(flags.int("rev"), 7);
        assert_eq!(parsed.args, [b"a".to_vec(), b"b".to_vec(), b"--rev".to_vec()]);
        assert_eq!(parsed.before_dashes, Some(2));
        let (flags, _) = parse("--endpoints a,b -w=json --endpoints=c").unwrap();
        assert_eq!(flags.list("endpoints"), ["a", "b", "c"]);
        assert_eq!(flags.text("write-out"), "json");
    }

    #[test]
    fn mistakes_are_told_as_pflag_does() {
        let table = [
            ("--foo", "unknown flag: --foo"),
            ("--foo=1", "unknown flag: --foo"),
            ("-x", "unknown shorthand flag: 'x' in -x"),
            ("-ix", "unknown shorthand flag: 'x' in -x"),
            ("--rev", "flag needs an argument: --rev"),
            ("-w", "flag needs an argument: 'w' in -w"),
            ("---rev", "bad flag syntax: ---rev"),
            ("--=1", "bad flag syntax: --=1"),
            (
                "--rev=abc",
                "invalid argument \"abc\" for \"--rev\" flag: strconv.ParseInt: parsing \"abc\": invalid syntax",
            ),
            (
                "--interactive=x",
                "invalid argument \"x\" for \"-i, --interactive\" flag: strconv.ParseBool: parsing \"x\": invalid syntax",
            ),
            ("-h", "help"),
            ("a --help", "help"),
        ];
        for (line, text) in table {
            assert_eq!(parse(line).err().as_deref(), Some(text), "{line}");
        }
    }
}
