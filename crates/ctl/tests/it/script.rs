//! The scripts in `tests/golden/`: one command line in each line.
//!
//! ```text
//! # A comment. A first line with `fresh` asks for clusters of the file's own, `members: 3` for larger ones.
//! put key value
//! ETCDCTL_WRITE_OUT=json get key
//! put key < "from standard input\n"
//! [3.6+] get key --min-mod-rev 1
//! [-3.5] del a b
//! [same] get key -w protobuf
//! [code] help get
//! lease grant 60 => LEASE
//! put key value --lease=$LEASE
//! ```
//!
//! Words are split as in transactions: `"…"` with Go's escapes, `'…'` as it stands. `$ENDPOINT` is the
//! cluster's; it is in the environment unless the line gives it. `=> NAME` keeps the first identifier
//! that was printed. In brackets, with spaces between: releases of etcdctl that know the line; `same` has
//! both sides ask the same cluster, for answers that are compared byte by byte; `code` compares exit
//! code and errors only, for help.

use std::path::{Path, PathBuf};

use ctl::compat::Compat;
use ctl::go;
use ctl::parse::words;

/// One file.
pub(crate) struct Script {
    pub(crate) name: String,
    pub(crate) is_fresh: bool,
    pub(crate) members: usize,
    pub(crate) lines: Vec<Line>,
}

/// One invocation.
pub(crate) struct Line {
    /// As it stands in the file.
    pub(crate) text: String,
    pub(crate) number: usize,
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) words: Vec<Vec<u8>>,
    pub(crate) stdin: Vec<u8>,
    pub(crate) keep_as: Option<String>,
    pub(crate) is_same: bool,
    pub(crate) is_code_only: bool,
    since: Compat,
    until: Compat,
}

impl Line {
    pub(crate) fn is_for(&self, compat: Compat) -> bool {
        self.since <= compat && compat <= self.until
    }
}

/// All files, in order of their names.
pub(crate) fn all() -> Vec<Script> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    files.iter().map(|file| read(file)).collect()
}

fn read(file: &Path) -> Script {
    let text = std::fs::read_to_string(file).unwrap();
    let first = text.lines().next().unwrap_or_default();
    let members = first.split_once("members: ").map_or(1, |(_, count)| {
        count.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
    });
    let is_command = |line: &str| !line.trim().is_empty() && !line.starts_with('#');
    let lines = text.lines().enumerate().filter(|(_, line)| is_command(line));
    Script {
        name: file.file_name().unwrap().to_string_lossy().into_owned(),
        is_fresh: first.starts_with('#') && first.contains("fresh"),
        members,
        lines: lines.map(|(index, line)| parse(index + 1, line)).collect(),
    }
}

impl Line {
    /// Reads one line.
    pub(crate) fn read(number: usize, text: &str) -> Self {
        parse(number, text)
    }
}

fn parse(number: usize, text: &str) -> Line {
    let mut line = Line {
        text: text.to_owned(),
        number,
        variables: Vec::new(),
        words: Vec::new(),
        stdin: Vec::new(),
        keep_as: None,
        is_same: false,
        is_code_only: false,
        since: Compat::V3_4,
        until: Compat::V3_7,
    };
    let mut rest = text.trim();
    if let Some((marks, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        marks.split(' ').for_each(|mark| line.mark(mark));
        rest = after;
    }
    if let Some((before, name)) = rest.split_once(" => ") {
        line.keep_as = Some(name.trim().to_owned());
        rest = before;
    }
    if let Some((before, stdin)) = rest.split_once(" < ") {
        line.stdin = go::scan_quoted(stdin.as_bytes()).unwrap().0;
        rest = before;
    }
    for word in words(rest.as_bytes()).unwrap() {
        let text = String::from_utf8_lossy(&word).into_owned();
        match text.split_once('=') {
            Some((name, value)) if line.words.is_empty() && name.starts_with("ETCD") => {
                line.variables.push((name.to_owned(), value.to_owned()));
            }
            _ => line.words.push(word),
        }
    }
    line
}

impl Line {
    fn mark(&mut self, mark: &str) {
        let release = |text: &str| {
            Compat::parse(text).unwrap_or_else(|| panic!("line {}: mark {mark}", self.number))
        };
        match mark {
            "same" => self.is_same = true,
            "code" => self.is_code_only = true,
            _ => match (mark.strip_suffix('+'), mark.strip_prefix('-')) {
                (Some(since), _) => self.since = release(since),
                (_, Some(until)) => self.until = release(until),
                _ => (self.since, self.until) = (release(mark), release(mark)),
            },
        }
    }
}
