//! Commands that answer and end: about the configuration, queries, data, completion, version.

use std::io::{self, Write};
use std::path::PathBuf;

use clap_complete::Shell;
use jiff::Timestamp;

use super::alert::AlertCommand;
use super::flags::RunFlags;
use super::routes::RoutesCommand;
use super::{Command, ConfigCommand};
use crate::config::show::ShownSettings;
use crate::config::{EXAMPLE, Environment, compose, schema};
use crate::error::{Error, Mistakes};
use crate::version::VERSION;
use crate::{alerting, bench, capacity, data, diagnose, maintenance, query, rule_files};

/// Runs `command` and writes its answer to `out`. `now` decides which certificates have expired.
pub fn run(
    command: Command,
    environment: &dyn Environment,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let answer = match command {
        Command::Config(ConfigCommand::Check { file, run }) => check(file, *run, environment, now)?,
        Command::Config(ConfigCommand::Show { run }) => show(&run, environment, now)?,
        Command::Config(ConfigCommand::Example) => EXAMPLE.to_owned(),
        Command::Config(ConfigCommand::Schema) => format!("{:#}\n", schema::file()),
        Command::Diagnose(flags) => return diagnose::run(&flags, environment, now, out),
        Command::Bench(command) => return bench::run(command, environment, now, out),
        Command::Check(command) => return bench::check(command, out),
        Command::Capacity(flags) => capacity::run(&flags)?,
        Command::Routes(command) => routes(command, environment, now)?,
        Command::Alert(command) => return alert(command, out),
        Command::Maintenance(command) => {
            return Ok(maintenance::run(command, environment, now, out)?);
        }
        Command::Query(flags) => query::run(*flags, now)?,
        Command::Data(command) => return Ok(data::run(command, environment, now, out)?),
        Command::Rules(command) => return Ok(rule_files::run(command, environment, now, out)?),
        // Main takes it before anything is parsed.
        Command::Ctl { .. } => return Err(Error::CtlFirst("ctl")),
        Command::Utl { .. } => return Err(Error::CtlFirst("utl")),
        Command::Completion { shell } => completion(shell),
        Command::Version => format!("etcd-monitor {}\n", *VERSION),
    };
    match out.write_all(answer.as_bytes()).and_then(|()| out.flush()) {
        // A reader that has seen enough, such as `head`, is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::System("write the answer", error))
        }
        _ => Ok(()),
    }
}

fn routes(
    command: RoutesCommand,
    environment: &dyn Environment,
    now: Timestamp,
) -> Result<String, Error> {
    let RoutesCommand::Test { labels, config, alertmanager_file } = command;
    let alerts = if config.is_some() {
        let run = RunFlags { config, ..RunFlags::default() };
        compose(&run, environment, now)?.alerts
    } else {
        alerting::Config { alertmanager_file, ..alerting::Config::default() }
    };
    let read = alerting::Routes::read(&alerts);
    let routes = read.map_err(|mistakes| Mistakes { file: None, mistakes })?;
    Ok(alerting::explained(&routes, &model::series::Labels::new(labels)))
}

fn alert(command: AlertCommand, out: &mut dyn Write) -> Result<(), Error> {
    let answer = alerting::command::run(command)?;
    let written = out.write_all(answer.text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| Error::System("write the answer", error))?;
    answer.trouble.map_or(Ok(()), |trouble| Err(trouble.into()))
}

fn check(
    file: Option<PathBuf>,
    mut run: RunFlags,
    environment: &dyn Environment,
    now: Timestamp,
) -> Result<String, Error> {
    run.config = file.or(run.config);
    let settings = compose(&run, environment, now)?;
    let clusters = match settings.clusters.len() {
        1 => "1 cluster".to_owned(),
        n => format!("{n} clusters"),
    };
    let source = run.config.map_or("flags".to_owned(), |file| file.display().to_string());
    Ok(format!("{source}: well, {clusters}\n"))
}

fn show(run: &RunFlags, environment: &dyn Environment, now: Timestamp) -> Result<String, Error> {
    let settings = compose(run, environment, now)?;
    serde_saphyr::to_string(&ShownSettings::from(&settings))
        .map_err(|error| Error::System("write YAML", io::Error::other(error)))
}

fn completion(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::command(), "etcd-monitor", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
