//! The life of a run: what is started, in which order, and how it ends.

mod blind;
mod demo;
mod reload;
mod signals;
mod storage;

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::clock::{Clock, SystemClock};
use model::secret::Secret;
use monitor::fleet::Fleet;
use server::rules::Rules;
use server::{BuildInfo, Server, State};
use store::Records;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use crate::alerting::{Lateness, Service, Surroundings};
use crate::benchmarks;
use crate::cli::flags::RunFlags;
use crate::cli::values::UserPassword;
use crate::config::{Environment as _, Settings, SystemEnvironment, compose};
use crate::console::Console;
use crate::error::Error;
use crate::history::History;
use crate::maintenance;
use crate::records;
use crate::version::VERSION;
use signals::Signals;

/// From the first signal to the end.
const STOP_WITHIN: Duration = Duration::from_secs(4);

/// Watches what `flags` say until a signal comes.
pub async fn run(mut flags: RunFlags) -> Result<(), Error> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let started_at = clock.now();
    // Taken first: a signal during the start must end it in good order.
    let mut signals = Signals::take()?;
    // Only an error when it was done before, as by a test that runs twice in a process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    complete_password(&mut flags)?;

    let console = Console::of_this_process();
    let demo = if flags.demo { Some(demo::start(&console).await?) } else { None };
    if let Some(demo) = &demo {
        flags.cluster.endpoints = demo.endpoints();
        flags.cluster.cluster_name.get_or_insert_with(|| "demo".to_owned());
        flags.process.data_dir.get_or_insert_with(|| demo.data_dir().to_owned());
    }
    let settings = compose(&flags, &SystemEnvironment, clock.now())?;
    let log = settings.log.init().unwrap_or_default();
    prepare_data_dir(&settings)?;

    let history = open_history(&settings)?;
    let records = open_records(&settings, clock.as_ref())?;
    let sink = history.as_ref().map(History::sink);
    let fleet = Fleet::with_stores(Arc::clone(&clock), records.clone(), sink);
    let server = Server::bind(&settings.server).await?;
    let url = format!("http://{}", server.local_addr());
    let lateness = Lateness::default();
    let around = Surroundings {
        data_dir: settings.data_dir.clone(),
        history: history.as_ref().map(History::store),
        url: url.clone(),
        clock: Arc::clone(&clock),
        fleet: fleet.clone(),
        rules: Rules::default(),
        alerts: server::Alerts::default(),
        lateness: lateness.clone(),
    };
    let (rules, alerts) = (around.rules.clone(), around.alerts.clone());
    let alerting = Service::new(around);
    alerting.start(&settings.alerts).await?;
    info!(version = VERSION.version, %url, clusters = settings.clusters.len(), "started");
    console.started(&url, settings.clusters.len());

    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let events = fleet.events().subscribe();
    fleet.apply(settings.clusters.clone());
    // After the clusters are known: what is known of others is over.
    alerting.feed(&stop).await;
    let benchmarks = begin_benchmarks(&settings, &fleet, &tasks, &stop);
    let state = state(&fleet, history.as_ref(), alerts, benchmarks, rules, &clock, started_at);
    tasks.spawn(server.serve(state, stop.clone()));
    if let Some(history) = &history {
        tasks.spawn(history.clone().tidy(Arc::clone(&clock), stop.clone()));
        tasks.spawn(history.clone().record_own(fleet.clone(), stop.clone()));
    }
    if let Some(records) = records.clone() {
        tasks.spawn(records::retain(records, Arc::clone(&clock), stop.clone()));
    }
    let store = history.as_ref().map(History::store);
    tasks.spawn(storage::watch(fleet.clone(), store, records.clone(), lateness, stop.clone()));
    if let Some(data_dir) = settings.data_dir.clone() {
        tasks.spawn(maintenance::follow(fleet.clone(), data_dir, stop.clone()));
    }
    tasks.spawn(console.follow(fleet.clone(), events, url, stop.clone()));
    if flags.config.is_some() {
        let (fleet, alerting) = (fleet.clone(), alerting.clone());
        let reload = reload::Reload { flags, settings, fleet, alerting, log, console, clock };
        tasks.spawn(reload.run(signals.hangups(), stop.clone()));
    }
    tasks.close();

    signals.stop().await;
    info!("stopping");
    let ending = async {
        stop.cancel();
        fleet.shutdown().await;
        tasks.wait().await;
        alerting.end().await;
        if let Some(history) = history {
            history.close().await;
        }
        if let Some(records) = records {
            records::close(records).await;
        }
        if let Some(demo) = demo {
            demo.stop();
        }
    };
    tokio::select! {
        () = ending => Ok(()),
        () = tokio::time::sleep(STOP_WITHIN) => Ok(()),
        () = signals.stop() => Err(Error::Interrupted),
    }
}

/// None where nothing is to be kept, or nowhere.
fn open_history(settings: &Settings) -> Result<Option<History>, Error> {
    let directory = settings.data_dir.as_deref().filter(|_| settings.history.enabled);
    Ok(directory.map(|directory| History::open(directory, &settings.history)).transpose()?)
}

/// None where there is no place for them: then the latest ones are kept in memory.
fn open_records(settings: &Settings, clock: &dyn Clock) -> Result<Option<Records>, Error> {
    let directory = settings.data_dir.as_deref();
    let records = directory.map(|path| records::open(path, &settings.records, clock));
    Ok(records.transpose()?)
}

/// None where results cannot be kept.
fn begin_benchmarks(
    settings: &Settings,
    fleet: &Fleet,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> server::Benchmarks {
    let Some(data_dir) = &settings.data_dir else { return server::Benchmarks::default() };
    let store = bench::store::Store::new(data_dir.join("bench"));
    let (service, benchmarks) =
        benchmarks::Service::new(settings.benchmark.clone(), fleet.clone(), store);
    tasks.spawn(service.run(stop.clone()));
    benchmarks
}

fn state(
    fleet: &Fleet,
    history: Option<&History>,
    alerts: server::Alerts,
    benchmarks: server::Benchmarks,
    rules: Rules,
    clock: &Arc<dyn Clock>,
    started_at: Timestamp,
) -> State {
    let build = BuildInfo {
        version: VERSION.version,
        commit: VERSION.commit,
        date: VERSION.date.as_str(),
        rustc: VERSION.rustc,
    };
    State {
        fleet: fleet.clone(),
        history: history.map(History::store),
        alerts,
        benchmarks,
        rules,
        clock: Arc::clone(clock),
        build,
        started_at,
    }
}

/// Asks for a password that nobody gave, where there is somebody to ask.
fn complete_password(flags: &mut RunFlags) -> Result<(), Error> {
    let has_other_source = flags.cluster.password_file.is_some()
        || SystemEnvironment.variable("ETCD_MONITOR_PASSWORD").is_some();
    match &flags.cluster.user {
        Some(user) if user.password.is_some() => {
            crate::say(
                "etcd-monitor: a password on the command line is seen by everybody on this \
                 machine; use --password-file or ETCD_MONITOR_PASSWORD",
            );
        }
        Some(user) if !has_other_source && io::stdin().is_terminal() => {
            let prompt = format!("Password of {}: ", user.user);
            let password = rpassword::prompt_password(prompt)
                .map_err(|error| Error::System("read the password", error))?;
            let user = user.user.clone();
            let password = Some(Secret::new(password));
            flags.cluster.user = Some(UserPassword { user, password });
        }
        _ => {}
    }
    Ok(())
}

/// Makes the data directory and sees that it can be written to, before anything depends on it.
fn prepare_data_dir(settings: &Settings) -> Result<(), Error> {
    let Some(path) = &settings.data_dir else { return Ok(()) };
    try_to_write(path).map_err(|source| Error::DataDir { path: path.clone(), source })
}

fn try_to_write(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let probe = directory.join(format!(".write-probe-{}", std::process::id()));
    fs::write(&probe, b"")?;
    fs::remove_file(&probe)
}
