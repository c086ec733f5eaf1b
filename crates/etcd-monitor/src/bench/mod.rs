//! `etcd-monitor bench` and `check`: measuring clusters and disks, and comparing results.
//!
//! The measuring is the crate [`mod@bench`]'s; here is what is typed and what is shown.

mod ab;
mod compared;
mod csv;
mod disk;
pub mod error;
mod find_max;
mod html;
mod live;
mod load;
mod mirror;
mod text;
mod trend;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;

use ::bench::Outcome;
use ::bench::compare::Comparison;
use ::bench::outcome::Ended;
use ::bench::spec::{Kind, Length, Spec};
use ::bench::store::Store;
use etcd::{ClientConfig, Endpoint};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::cli::Cli;
use crate::cli::bench::{
    BaselineCommand, BenchCommand, CheckCommand, Form, LeaseFlags, LoadFlags, Output, Place,
    SeedKind, WhichCluster,
};
use crate::cli::flags::RunFlags;
use crate::config::{Environment, compose, default_data_dir};
use crate::error::Error as ProgramError;
use error::Error;
use load::Manner;
pub(crate) use text::short;

/// Runs `command` and writes its answer to `out`.
pub fn run(
    command: BenchCommand,
    environment: &dyn Environment,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<(), ProgramError> {
    let (kind, flags) = match command {
        BenchCommand::Put(flags) => (Kind::Put, flags),
        BenchCommand::Get(flags) => (Kind::Get, flags),
        BenchCommand::Range(flags) => (Kind::Range, flags),
        BenchCommand::Mixed(flags) => (Kind::Mixed, flags),
        BenchCommand::TxnPut(flags) => (Kind::TxnPut, flags),
        BenchCommand::TxnMixed(flags) => (Kind::TxnMixed, flags),
        BenchCommand::Stm(flags) => (Kind::Stm, flags),
        BenchCommand::Delete(flags) => (Kind::Delete, flags),
        BenchCommand::Watch(flags) => (Kind::Watch, flags),
        BenchCommand::WatchLatency(flags) => (Kind::WatchLatency, flags),
        BenchCommand::Lock(flags) => (Kind::Lock, flags),
        BenchCommand::Connect(flags) => (Kind::Connect, flags),
        BenchCommand::Lease(flags) => return lease(&flags, environment, now, out),
        BenchCommand::Record(flags) => return mirror::record(&flags, environment, now, out),
        BenchCommand::Replay(flags) => return mirror::replay(&flags, environment, now, out),
        BenchCommand::FindMax(flags) => return find_max::run(&flags, environment, now, out),
        BenchCommand::Ab(flags) => return ab::run(&flags, environment, now, out),
        BenchCommand::Clean { prefix, cluster } => {
            return clean(&prefix, &cluster, environment, now, out);
        }
        BenchCommand::List { place } => return Ok(list(&place, environment, out)?),
        BenchCommand::Show { run, form, place } => {
            let outcome = store(&place, environment)?.read(&run).map_err(Error::from)?;
            return Ok(show(&outcome, &form, out)?);
        }
        BenchCommand::Compare { before, after, place } => {
            let store = store(&place, environment)?;
            return Ok(compare(&store, &before, &after, &Form::default(), out)?);
        }
        BenchCommand::Trend(flags) => {
            let store = store(&flags.place, environment)?;
            return Ok(trend::run(&flags, store, out)?);
        }
        BenchCommand::Baseline(command) => return Ok(baseline(command, environment, out)?),
    };
    let spec = load::spec(kind, &flags)?;
    measure(spec, &flags, environment, now, out)
}

fn lease(
    flags: &LeaseFlags,
    environment: &dyn Environment,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<(), ProgramError> {
    let kind = if flags.expire.is_some() { Kind::LeaseExpiry } else { Kind::Lease };
    let mut spec = load::spec(kind, &flags.load)?;
    spec.expire = flags.expire;
    let spec = load::checked(spec)?;
    measure(spec, &flags.load, environment, now, out)
}

/// Makes the benchmark of `--run-benchmark`.
pub fn run_seed(
    cli: Cli,
    environment: &dyn Environment,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<(), ProgramError> {
    let kind = match cli.benchmark.benchmark_type {
        SeedKind::Write => Kind::Put,
        SeedKind::Read => Kind::Get,
        SeedKind::Mixed => Kind::Mixed,
    };
    let length = Length::Operations(cli.benchmark.benchmark_ops);
    let spec = Spec { kind, length, ..Spec::default() };
    let place = Place { data_dir: cli.run.process.data_dir, ..Place::default() };
    let where_to = store(&place, environment)?;
    where_to.prepare().map_err(Error::from)?;
    let cluster = WhichCluster { config: cli.run.config, only: None, flags: cli.run.cluster };
    let outcome = with_runtime(async |interrupt| {
        let reached = reach(&cluster, environment, now).await?;
        let manner = Manner { is_quiet: false, heading: None };
        load::once(spec, reached, false, manner, now, interrupt).await
    })?;
    finish(outcome, &where_to, &Form::default(), None, out)
}

/// Runs `command` and writes its answer to `out`.
pub fn check(command: CheckCommand, out: &mut dyn Write) -> Result<(), ProgramError> {
    let CheckCommand::Disk { directory, json } = command;
    Ok(disk::run(&directory, json, out)?)
}

/// Makes a run, keeps it and shows it.
fn measure(
    spec: Spec,
    flags: &LoadFlags,
    environment: &dyn Environment,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<(), ProgramError> {
    let objectives = load::objectives(flags.slo.as_deref())?;
    let where_to = store(&flags.place, environment)?;
    where_to.prepare().map_err(Error::from)?;
    let outcome = with_runtime(async |interrupt| {
        let reached = reach(&flags.cluster, environment, now).await?;
        let manner = Manner { is_quiet: flags.quiet, heading: None };
        load::once(spec, reached, flags.force, manner, now, interrupt).await
    })?;
    finish(outcome, &where_to, &flags.form, objectives.as_ref(), out)
}

/// Runs `work` until it is done; the token is cancelled at the first Ctrl-C, and the second ends it.
fn with_runtime<T>(
    work: impl AsyncFnOnce(CancellationToken) -> Result<T, ProgramError>,
) -> Result<T, ProgramError> {
    // Only an error when it was done before, as by a test that runs twice in a process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // The load has threads of its own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| ProgramError::System("start the runtime", error))?;
    let outcome = runtime.block_on(async {
        let interrupt = CancellationToken::new();
        tokio::select! {
            biased;
            done = work(interrupt.clone()) => done,
            () = interrupted_twice(&interrupt) => Err(Error::Abandoned.into()),
        }
    });
    runtime.shutdown_background();
    outcome
}

async fn interrupted_twice(interrupt: &CancellationToken) {
    if signalled().await {
        interrupt.cancel();
        // The terminal shows ^C at the end of a line that is written over.
        let start = if io::stderr().is_terminal() { "\n" } else { "" };
        crate::say(&format!("{start}stopping; a second time ends it at once"));
        if signalled().await {
            return;
        }
    }
    std::future::pending::<()>().await;
}

/// Waits for a signal to stop; `false` when there will be none.
async fn signalled() -> bool {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return false };
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => pressed.is_ok(),
            told = terminate.recv() => told.is_some(),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.is_ok()
}

/// The cluster that is meant.
#[derive(Clone)]
struct Reached {
    client: ClientConfig,
    endpoints: Vec<Endpoint>,
    /// Its name in the configuration, or by `--cluster-name`.
    name: Option<String>,
}

/// How to reach the cluster that is meant.
async fn reach(
    cluster: &WhichCluster,
    environment: &dyn Environment,
    now: Timestamp,
) -> Result<Reached, ProgramError> {
    let (config, flags) = (cluster.config.clone(), cluster.flags.clone());
    let run = RunFlags { config, cluster: flags, ..RunFlags::default() };
    let mut clusters = compose(&run, environment, now)?.clusters;
    let names = clusters.iter().map(|cluster| cluster.name.clone()).collect();
    if let Some(wanted) = &cluster.only {
        clusters.retain(|cluster| cluster.name == *wanted);
    }
    let [cluster] = &clusters[..] else { return Err(Error::WhichCluster(names).into()) };
    let mut endpoints = cluster.parsed_endpoints();
    if let (true, Some(domain)) = (endpoints.is_empty(), &cluster.discovery_srv) {
        let is_tls = cluster.tls.is_some();
        endpoints = etcd::dns::discover(domain, is_tls).await.map_err(Error::from)?;
    }
    let is_named = run.config.is_some() || run.cluster.cluster_name.is_some();
    let name = is_named.then(|| cluster.name.clone());
    Ok(Reached { client: cluster.client(), endpoints, name })
}

fn store(place: &Place, environment: &dyn Environment) -> Result<Store, Error> {
    let given = place.results.clone();
    let of_data =
        || Some(place.data_dir.clone().or_else(|| default_data_dir(environment))?.join("bench"));
    given.or_else(of_data).map(Store::new).ok_or(Error::Nowhere)
}

/// Keeps and shows a result; an error says what is not well.
fn finish(
    mut outcome: Outcome,
    store: &Store,
    form: &Form,
    objectives: Option<&::bench::objectives::Objectives>,
    out: &mut dyn Write,
) -> Result<(), ProgramError> {
    // Shown first: a full disk must not cost the result.
    let kept = store.keep(&mut outcome);
    show(&outcome, form, out)?;
    let judgements = objectives.map(|objectives| objectives.judge(&outcome));
    for judgement in judgements.iter().flatten() {
        let word = if judgement.is_met { "met" } else { "NOT MET" };
        crate::say(&format!("{word}: {}: {}", judgement.name, judgement.text));
    }
    let path = kept.map_err(Error::from)?;
    crate::say(&format!("kept in {}", path.display()));
    match outcome.ended {
        Ended::Interrupted => return Err(Error::Interrupted.into()),
        Ended::Stopped(reason) => return Err(Error::Stopped(reason).into()),
        Ended::Complete if outcome.throughput == 0.0 => {
            return Err(Error::Unwell("no operation succeeded").into());
        }
        Ended::Complete => {}
    }
    match judgements {
        Some(told) if told.is_empty() => {
            Err(Error::Unwell("no objective is about what this run did").into())
        }
        Some(told) if told.iter().any(|judgement| !judgement.is_met) => {
            Err(Error::Unwell("objectives are not met").into())
        }
        _ => Ok(()),
    }
}

fn show(outcome: &Outcome, form: &Form, out: &mut dyn Write) -> Result<(), Error> {
    let written = match form.output {
        Output::Text => text::render(outcome),
        Output::Json => serde_json::to_string_pretty(outcome).unwrap_or_default() + "\n",
        Output::Csv => csv::time_line(outcome),
        Output::Hdr => csv::percentiles(outcome),
        Output::Html => html::render(outcome),
    };
    put(form, &written, out)
}

/// Writes what is to be told to the file that was wanted, or else to `out`.
fn put(form: &Form, written: &str, out: &mut dyn Write) -> Result<(), Error> {
    match &form.to {
        None => write(out, written),
        Some(path) => std::fs::write(path, written)
            .map_err(|source| Error::Write { path: path.clone(), source }),
    }
}

fn write(out: &mut dyn Write, text: &str) -> Result<(), Error> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // A reader that has seen enough, such as `head`, is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Write { path: PathBuf::from("standard output"), source: error })
        }
        _ => Ok(()),
    }
}

fn list(place: &Place, environment: &dyn Environment, out: &mut dyn Write) -> Result<(), Error> {
    let store = store(place, environment)?;
    let mut outcomes = Vec::new();
    for name in store.list()? {
        match store.read(&name) {
            Ok(outcome) => outcomes.push(outcome),
            Err(error) => crate::say(&format!("etcd-monitor: {error}")),
        }
    }
    write(out, &text::list(&outcomes))
}

fn compare(
    store: &Store,
    before: &[String],
    after: &[String],
    form: &Form,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let read = |names: &[String]| -> Result<Vec<Outcome>, ::bench::Error> {
        names.iter().map(|name| store.read(name)).collect()
    };
    let comparison = Comparison::of(&read(before)?, &read(after)?);
    let told = match form.output {
        Output::Json => serde_json::to_string_pretty(&comparison).unwrap_or_default() + "\n",
        _ => compared::render(&comparison),
    };
    put(form, &told, out)?;
    if comparison.is_worse() {
        return Err(Error::Unwell("the second side is worse"));
    }
    Ok(())
}

fn baseline(
    command: BaselineCommand,
    environment: &dyn Environment,
    out: &mut dyn Write,
) -> Result<(), Error> {
    match command {
        BaselineCommand::Set { name, runs, place } => {
            let store = store(&place, environment)?;
            for run in &runs {
                store.read(run)?;
            }
            let count = runs.len();
            store.set_baseline(&name, runs)?;
            write(out, &format!("{name}: {count} runs\n"))
        }
        BaselineCommand::Check { name, runs, place } => {
            let store = store(&place, environment)?;
            let before = store.baselines()?.remove(&name).ok_or(Error::NoBaseline(name))?;
            compare(&store, &before, &runs, &Form::default(), out)
        }
    }
}

fn clean(
    prefix: &str,
    cluster: &WhichCluster,
    environment: &dyn Environment,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<(), ProgramError> {
    let (removed, others) = with_runtime(async |_| {
        let Reached { client, endpoints, .. } = reach(cluster, environment, now).await?;
        Ok(::bench::clean(client, endpoints, prefix).await.map_err(Error::from)?)
    })?;
    let mut text = format!("{removed} keys under {prefix:?} removed\n");
    if others > 0 {
        let _ = writeln!(text, "{others} keys there are not a benchmark's and stay");
    }
    Ok(write(out, &text)?)
}
