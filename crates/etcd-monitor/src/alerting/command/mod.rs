//! `etcd-monitor alert`: alerts of a running monitor, for whoever is on call.

mod history;
mod list;
mod show;
mod silences;

use serde_json::{Value, json};

use crate::cli::alert::{AlertCommand, Asked};
use crate::cli::data::Output;
use crate::error::Error as ProgramError;
use crate::query::grid::{Align, Grid, printable};
use crate::rest::{self, Api};

/// Why an alert command fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The monitor does not answer, or refuses.
    #[error(transparent)]
    Rest(#[from] rest::Error),
    /// No alert has this fingerprint, or several begin with it.
    #[error(
        "{found} alerts have a fingerprint that begins with {given:?}; etcd-monitor alert list shows them"
    )]
    Fingerprint {
        /// What was given.
        given: String,
        /// How many there are.
        found: usize,
    },
    /// Trying a receiver out failed.
    #[error("{0}")]
    Failed(String),
    /// A critical alert is active; the answer is on standard output.
    #[error("{0} critical")]
    Critical(usize),
}

impl Error {
    /// The exit code that tells scripts what kind of trouble this is.
    pub fn exit_code(&self) -> u8 {
        use crate::cli::exit_code;
        match self {
            Self::Rest(error) => error.exit_code(),
            Self::Fingerprint { .. } => exit_code::BAD_INPUT,
            Self::Failed(_) | Self::Critical(_) => exit_code::FAILED,
        }
    }
}

/// What is said, and whether the exit code tells of trouble all the same.
pub(crate) struct Answer {
    /// For standard output.
    pub(crate) text: String,
    /// Said after it.
    pub(crate) trouble: Option<Error>,
}

impl From<String> for Answer {
    fn from(text: String) -> Self {
        Self { text, trouble: None }
    }
}

/// Runs `command` against the monitor that it names.
pub(crate) fn run(command: AlertCommand) -> Result<Answer, ProgramError> {
    rest::run(answer(command))
}

async fn answer(command: AlertCommand) -> Result<Answer, Error> {
    match command {
        AlertCommand::List { cluster, severity, state, matchers, asked } => {
            let wanted = list::Wanted { cluster, severity, state, matchers };
            list::run(&api(&asked)?, &wanted, asked.output).await
        }
        AlertCommand::Show { fingerprint, asked } => {
            let alert = find(&api(&asked)?, &fingerprint).await?;
            Ok(shown(asked.output, &alert, show::text).into())
        }
        AlertCommand::Ack { fingerprint, by, note, undo, asked } => {
            let api = api(&asked)?;
            let alert = find(&api, &fingerprint).await?;
            let id = text(&alert, "fingerprint");
            let path = format!("/api/v1/alerts/{id}/acknowledgement");
            if undo {
                api.delete(&path).await?;
                return Ok(format!("{}: nobody takes care of it any more\n", title(&alert)).into());
            }
            let ack = api.post(&path, &json!({"by": by, "note": note})).await?;
            let title = title(&alert);
            Ok(shown(asked.output, &ack, |_| format!("{title}: {by} takes care of it\n")).into())
        }
        AlertCommand::Silence(command) => silences::run(command).await,
        AlertCommand::History { notifications, cluster, severity, text, since, limit, asked } => {
            let wanted = history::Wanted { notifications, cluster, severity, text, since, limit };
            history::run(&api(&asked)?, &wanted, asked.output).await
        }
        AlertCommand::Receivers { asked } => {
            let found = api(&asked)?.get("/api/v1/receivers").await?;
            Ok(shown(asked.output, &found, receivers).into())
        }
        AlertCommand::Test { receiver, asked } => {
            let path = format!("/api/v1/receivers/{}/test", escaped(&receiver));
            let found = api(&asked)?.post(&path, &json!({})).await?;
            let failed = items(&found, "channels").filter(|channel| channel["ok"] != true).count();
            let failure = || Error::Failed(format!("{receiver}: {failed} failed"));
            let trouble = (failed > 0).then(failure);
            Ok(Answer { text: shown(asked.output, &found, tested), trouble })
        }
    }
}

fn api(asked: &Asked) -> Result<Api, Error> {
    Ok(Api::new(&asked.url, asked.cacert.as_deref(), asked.timeout)?)
}

/// The alert whose fingerprint is, or begins with, `given`.
async fn find(api: &Api, given: &str) -> Result<Value, Error> {
    let list = api.get("/api/v1/alerts").await?;
    let mut found: Vec<Value> = items(&list, "alerts")
        .filter(|alert| text(alert, "fingerprint").starts_with(given))
        .cloned()
        .collect();
    match (found.pop(), found.len()) {
        (Some(only), 0) => Ok(only),
        (found, more) => Err(Error::Fingerprint {
            given: given.to_owned(),
            found: more + usize::from(found.is_some()),
        }),
    }
}

fn receivers(found: &Value) -> String {
    let mut grid = Grid::new(vec![
        Align::Left,
        Align::Left,
        Align::Right,
        Align::Right,
        Align::Right,
        Align::Left,
    ]);
    grid.add(
        ["RECEIVER", "CHANNEL", "DELIVERED", "FAILED", "WAITING", "LAST ERROR"].map(str::to_owned),
    );
    for receiver in items(found, "receivers") {
        for channel in items(receiver, "channels") {
            grid.add([
                text(receiver, "name").to_owned(),
                text(channel, "name").to_owned(),
                channel["delivered"].to_string(),
                channel["failed"].to_string(),
                channel["waiting"].to_string(),
                text(channel, "last_error").to_owned(),
            ]);
        }
    }
    grid.lines().join("\n") + "\n"
}

fn tested(found: &Value) -> String {
    let mut out = String::new();
    for channel in items(found, "channels") {
        let outcome = if channel["ok"] == true { "ok" } else { "FAILED" };
        let took = channel["took_seconds"].as_f64().unwrap_or_default() * 1_000.0;
        let (name, detail) = (text(channel, "name"), printable(text(channel, "detail")));
        out.push_str(format!("{name}: {outcome} in {took:.0} ms  {detail}").trim_end());
        out.push('\n');
    }
    out
}

/// `value` as JSON, or as `table` says it.
fn shown(output: Output, value: &Value, table: impl Fn(&Value) -> String) -> String {
    match output {
        Output::Json => format!("{value:#}\n"),
        Output::Table => table(value),
    }
}

/// The text in the field `name`; empty where there is none.
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// The list in the field `name`.
fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

/// `EtcdMemberDown prod m1`.
fn title(alert: &Value) -> String {
    let labels = &alert["labels"];
    let parts = [text(alert, "name"), text(labels, "cluster"), text(labels, "member")];
    printable(parts.map(str::trim).join(" ").trim())
}

/// A time as people read it: `2026-11-28 05:40:12Z`.
fn time(text: &str) -> String {
    let parsed = text.parse::<jiff::Timestamp>();
    parsed.map_or_else(|_| text.to_owned(), |at| at.strftime("%F %H:%M:%SZ").to_string())
}

/// `text` as one part of a URL's path or query.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            use std::fmt::Write as _;
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// `?a=b&c=d` of those that have a value.
fn query(parts: &[(&str, Option<&str>)]) -> String {
    let given = parts.iter().filter_map(|(name, value)| Some((name, (*value)?)));
    let given: Vec<_> = given.map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    if given.is_empty() { String::new() } else { format!("?{}", given.join("&")) }
}

#[cfg(test)]
mod tests;
