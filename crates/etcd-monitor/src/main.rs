//! The etcd-monitor program: parse, configure, watch, serve, stop.

use std::num::NonZero;
use std::process::ExitCode;

use etcd_monitor::cli::{self, Cli, commands, exit_code};
use etcd_monitor::config::SystemEnvironment;
use etcd_monitor::error::Error;
use etcd_monitor::{app, bench, say};
use model::clock::{Clock as _, SystemClock};

fn main() -> ExitCode {
    // Scripts call etcdctl in loops: nothing that watching needs is prepared for it.
    if let Some((role, words)) = cli::ctl::words(std::env::args_os()) {
        return ExitCode::from(cli::ctl::run(role, words));
    }
    let cli = match Cli::parse_from_arguments(std::env::args_os()) {
        Ok(cli) => cli,
        // Help and version come this way too, and are no mistake.
        Err(error) => {
            let code = if error.use_stderr() { exit_code::BAD_ARGUMENTS } else { 0 };
            // A reader that has seen enough, such as `head`, is no failure.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let now = SystemClock.now();
    let outcome = match cli.command {
        Some(command) => {
            commands::run(command, &SystemEnvironment, now, &mut std::io::stdout().lock())
        }
        None if cli.benchmark.run_benchmark => {
            bench::run_seed(cli, &SystemEnvironment, now, &mut std::io::stdout().lock())
        }
        None => watch(cli),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("etcd-monitor: {}", chain(&error)));
            ExitCode::from(error.exit_code())
        }
    }
}

fn watch(cli: Cli) -> Result<(), Error> {
    // One for two processors: queries and writing have threads of their own, and of workers that are mostly
    // idle each wakes another one to take the next task, which costs more than the task.
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get).div_ceil(2);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .map_err(|error| Error::System("start the runtime", error))?;
    let outcome = runtime.block_on(app::run(cli.run));
    // Probes that are under way must not hold the end up.
    runtime.shutdown_background();
    outcome
}

/// An error and what caused it, on one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
