//! The two sides: the real etcdctl as a process, ours as a call.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, Cursor, Write};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use ctl::compat::Compat;
use ctl::{Environment, Io};
use regex::{Captures, Regex};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use crate::script::Line;

/// Longest time for one invocation: etcdctl waits 5 s for who is not there.
const WITHIN: Duration = Duration::from_secs(20);

/// What differs from one cluster or moment to the other.
static MASKS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let masks = [
        (r"\b[0-9]{16,20}\b", "<id>"),
        (r"\b[0-9a-f]{12,16}\b", "<id>"),
        // An ID that happens to be short is padded.
        (" {2,}<id>", " <id>"),
        (r#"((?:raft_?[tT]erm|RaftTerm|raft(?:Applied)?Index|RAFT\w*)"? ?:\s?)[0-9]+"#, "$1<n>"),
        (r#"("?(?:took|Took)"? ?[:=] ?"?)[0-9.]+[a-z\u{b5}]+"#, "$1<time>"),
        (r"took [0-9.]+[a-z\u{b5}]+", "took <time>"),
        (r#"((?:[hH]ash|db_?[sS]ize\w*|DBSize\w*)"? ?:\s?)[0-9]+"#, "$1<n>"),
        (r"http://127\.0\.0\.1:[0-9]+", "<url>"),
    ];
    masks.into_iter().map(|(pattern, text)| (Regex::new(pattern).unwrap(), text)).collect()
});
static ID: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b[0-9a-f]{15,16}\b").unwrap());
static NAME: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\$([A-Z_]+)").unwrap());

/// What an invocation did.
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// One cluster, and the identifiers that were printed about it.
pub(crate) struct Side {
    /// With commas between.
    pub(crate) endpoints: String,
    /// What the scripts call `$NAME`.
    names: HashMap<String, String>,
    directory: PathBuf,
}

impl Side {
    pub(crate) fn new(endpoints: String, directory: &Path) -> Self {
        let names = HashMap::from([("ENDPOINT".to_owned(), endpoints.clone())]);
        Self { endpoints, names, directory: directory.to_owned() }
    }

    /// Keeps the first identifier of `stdout` as `$name`.
    pub(crate) fn keep(&mut self, name: &str, stdout: &[u8]) {
        let text = String::from_utf8_lossy(stdout);
        let found = ID.find(&text).map(|found| found.as_str().to_owned());
        self.names.insert(name.to_owned(), found.unwrap_or_default());
    }

    fn words(&self, line: &Line) -> Vec<OsString> {
        line.words.iter().map(|word| OsString::from_vec(self.filled(word))).collect()
    }

    fn filled(&self, word: &[u8]) -> Vec<u8> {
        let Ok(text) = std::str::from_utf8(word) else { return word.to_vec() };
        let filled = NAME.replace_all(text, |found: &Captures<'_>| {
            self.names.get(&found[1]).cloned().unwrap_or_else(|| found[0].to_owned())
        });
        filled.into_owned().into_bytes()
    }

    fn variables(&self, line: &Line) -> Vec<(String, String)> {
        let mut variables = line.variables.clone();
        let gives = line.words.iter().any(|word| word.starts_with(b"--endpoints"))
            || variables.iter().any(|(name, _)| name == "ETCDCTL_ENDPOINTS");
        if !gives {
            variables.push(("ETCDCTL_ENDPOINTS".into(), self.endpoints.clone()));
        }
        for (_, value) in &mut variables {
            *value = String::from_utf8(self.filled(value.as_bytes())).unwrap();
        }
        variables
    }

    /// Runs the real one.
    pub(crate) async fn real(&self, etcdctl: &Path, line: &Line) -> Outcome {
        let mut command = Command::new(etcdctl);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.args(self.words(line)).env_clear().env("PATH", path).env("ETCDCTL_API", "3");
        command.envs(self.variables(line)).current_dir(&self.directory).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = line.stdin.clone();
        // One that does not read its input is no failure.
        tokio::spawn(async move { drop(stdin.write_all(&input).await) });
        let output = timeout(WITHIN, child.wait_with_output()).await;
        let output = output.unwrap_or_else(|_| panic!("etcdctl hangs: {}", line.text)).unwrap();
        Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs ours.
    pub(crate) async fn ours(&self, compat: Compat, line: &Line) -> Outcome {
        let variables =
            self.variables(line).into_iter().map(|(name, value)| (name.into(), value.into()));
        let environment = Environment::new(
            variables.chain([("ETCDCTL_COMPAT".into(), OsString::from(compat.as_str()))]),
        );
        let (words, stdin) = (self.words(line), Cursor::new(line.stdin.clone()));
        let work = tokio::task::spawn_blocking(move || {
            let (stdout, stderr) = (Kept::default(), Kept::default());
            let mut io = Io::new(stdin, stdout.clone(), stderr.clone());
            let code = ctl::run(words, &environment, &mut io).into();
            let stderr = String::from_utf8_lossy(&stderr.taken()).into_owned();
            Outcome { code, stdout: stdout.taken(), stderr }
        });
        let outcome = timeout(WITHIN, work).await;
        outcome.unwrap_or_else(|_| panic!("ours hangs: {}", line.text)).unwrap()
    }

    /// `text` without what differs from one cluster or moment to the other.
    pub(crate) fn masked(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (index, endpoint) in self.endpoints.split(',').enumerate() {
            let authority = endpoint.trim_start_matches("http://").trim_start_matches("https://");
            text = text.replace(endpoint, &format!("<endpoint {index}>"));
            text = text.replace(authority, &format!("<endpoint {index}>"));
        }
        for (pattern, replacement) in MASKS.iter() {
            text = pattern.replace_all(&text, *replacement).into_owned();
        }
        text
    }
}

/// A writer that keeps what is written.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    pub(crate) fn taken(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
