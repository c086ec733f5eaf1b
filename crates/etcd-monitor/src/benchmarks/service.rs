//! The task that keeps the schedule, takes requests, and tells the judges what came of it all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bench::outcome::Origin;
use bench::store::Store;
use bench::summary::Summary;
use bench::{Error, Outcome};
use jiff::Timestamp;
use monitor::benchmark::Benchmark;
use monitor::fleet::{ClusterHandle, Fleet};
use server::Benchmarks;
use server::benchmarks::{Ask, Planned, Refusal, Running};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Config;
use super::gate::{due, obstacle, of_monitor, over_budget};
use super::made::{self, Order};
use super::told;

/// How often the schedule, and what speaks against the run under way, is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// After a run that could not be made, the next try of the schedule comes so much later at most.
const TRY_AGAIN: Duration = Duration::from_mins(10);

/// Keeps the schedule and takes requests.
pub(crate) struct Service {
    config: Config,
    fleet: Fleet,
    benchmarks: Benchmarks,
    asked: mpsc::Receiver<Ask>,
    current: Option<Current>,
    /// Tries of the schedule that came to nothing, by cluster.
    failures: BTreeMap<String, Failure>,
    runs: Arc<Vec<Arc<Summary>>>,
    /// What was told to whom, so that it is worked out and told once.
    told: BTreeMap<String, Told>,
}

/// What the judge of a cluster was told.
struct Told {
    /// The newest run that it rests on, and the runs of the baseline.
    basis: (Option<String>, Vec<String>),
    known: Benchmark,
}

/// The run under way.
struct Current {
    cluster: String,
    stop: CancellationToken,
    task: JoinHandle<Result<Outcome, Error>>,
    origin: Origin,
    /// Why the monitor ends it.
    stopped_because: Option<String>,
}

struct Failure {
    at: Instant,
    reason: String,
    /// Whether it was keys of a benchmark that were in the way.
    is_of_leftovers: bool,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let is_of_leftovers = error.is_of_leftovers();
        Self { at: Instant::now(), reason: error.line(), is_of_leftovers }
    }
}

impl From<&str> for Failure {
    fn from(reason: &str) -> Self {
        Self { at: Instant::now(), reason: reason.to_owned(), is_of_leftovers: false }
    }
}

impl Service {
    /// With results in `store`, and the handle by which the API reaches it.
    pub(crate) fn new(config: Config, fleet: Fleet, store: Store) -> (Self, Benchmarks) {
        let (benchmarks, asked) = Benchmarks::new(store);
        let service = Self {
            config,
            fleet,
            benchmarks: benchmarks.clone(),
            asked,
            current: None,
            failures: BTreeMap::new(),
            runs: Arc::default(),
            told: BTreeMap::new(),
        };
        (service, benchmarks)
    }

    /// Runs until `stop`; a run under way is ended in good order, its result kept.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        self.read().await;
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                ended = ended(&mut self.current) => self.finish(ended).await,
                Some(ask) = self.asked.recv() => self.answer(ask),
                _ = ticks.tick() => self.look(),
            }
        }
        if let Some(current) = &self.current {
            current.stop.cancel();
            let last = ended(&mut self.current).await;
            self.finish(last).await;
        }
    }

    /// Reads the results that are kept.
    async fn read(&mut self) {
        let benchmarks = self.benchmarks.clone();
        let keep = self.config.keep;
        let read = tokio::task::spawn_blocking(move || {
            let index = benchmarks.index()?;
            prune(index.store(), index.all(), keep);
            Some(index.all())
        });
        match read.await {
            Ok(Some(Ok((runs, broken)))) => {
                for error in broken {
                    warn!(%error, "a result of a benchmark cannot be read");
                }
                self.runs = Arc::new(runs);
            }
            Ok(Some(Err(error))) => warn!(%error, "results of benchmarks cannot be read"),
            Ok(None) | Err(_) => {}
        }
    }

    /// Looks at all clusters: tells their judges, stops what should not go on, begins what is due.
    fn look(&mut self) {
        let now = self.fleet.clock().now();
        let clusters = self.fleet.clusters();
        let own = self.fleet.own_findings();
        self.tell(&clusters);
        if let Some(current) = self.current.as_mut().filter(|c| c.stopped_because.is_none()) {
            let cluster = clusters.iter().find(|cluster| cluster.name() == current.cluster);
            let why = match cluster {
                Some(cluster) => obstacle(&cluster.view(), &own),
                None => Some("the cluster is not watched any more".to_owned()),
            };
            if let Some(why) = why {
                current.stop.cancel();
                current.stopped_because = Some(why);
            }
        }
        if !self.config.enabled {
            return;
        }
        let mut schedule = Vec::new();
        let mut first: Option<(Timestamp, usize)> = None;
        for (place, cluster) in clusters.iter().enumerate() {
            let name = cluster.name();
            let next_at = due(&self.runs, &name, self.config.interval, now);
            let waits_for = next_at.and_then(|_| self.waits_for(cluster, now));
            if let (Some(at), None) = (next_at, &waits_for)
                && at <= now
                && first.is_none_or(|(earliest, _)| at < earliest)
            {
                first = Some((at, place));
            }
            schedule.push(Planned { cluster: name, next_at, waits_for });
        }
        self.benchmarks.show_schedule(schedule);
        if let (Some((_, place)), None) = (first, &self.current) {
            let config = self.config.clone();
            self.begin(&clusters[place], &config, Origin::Schedule, now, None);
        }
    }

    /// What keeps a run of the schedule from being made now.
    fn waits_for(&self, cluster: &ClusterHandle, now: Timestamp) -> Option<String> {
        let name = cluster.name();
        let (wanted, most) = (self.config.operations, self.config.max_operations_per_day);
        let failed = self.failures.get(&name).filter(|failure| {
            let rest = TRY_AGAIN.min(self.config.interval);
            failure.at.elapsed() < rest
        });
        obstacle(&cluster.view(), &self.fleet.own_findings())
            .or_else(|| over_budget(&self.runs, &name, wanted, most, now))
            .or_else(|| failed.map(|failure| failure.reason.clone()))
    }

    /// Takes a request, or says why not.
    fn answer(&mut self, ask: Ask) {
        let (wanted, reply) = match self.wanted(&ask) {
            Ok(wanted) => (wanted, ask.reply),
            Err(refused) => {
                // Nobody waits any more where this fails.
                let _ = ask.reply.send(Err(refused));
                return;
            }
        };
        let Some(cluster) = self.fleet.cluster(&ask.cluster) else {
            let gone = Refusal::Obstacle("the cluster is not watched any more".to_owned());
            let _ = reply.send(Err(gone));
            return;
        };
        let now = self.fleet.clock().now();
        self.begin(&cluster, &wanted, Origin::Request, now, Some(reply));
    }

    /// The configuration with what is asked for in its place.
    fn wanted(&self, ask: &Ask) -> Result<Config, Refusal> {
        if !self.config.enabled {
            return Err(Refusal::Off);
        }
        if let Some(current) = &self.current {
            return Err(Refusal::Busy(current.cluster.clone()));
        }
        let operations = ask.operations.unwrap_or(self.config.operations);
        if operations == 0 || operations > self.config.operations {
            let most = self.config.operations;
            let detail = format!("operations={operations} is not accepted; use 1 to {most}");
            return Err(Refusal::TooMuch(detail));
        }
        let rate = ask.rate.unwrap_or(self.config.rate);
        if !(rate > 0.0 && rate <= self.config.rate) {
            let most = self.config.rate;
            let detail = format!("rate={rate} is not accepted; use more than 0, at most {most}");
            return Err(Refusal::TooMuch(detail));
        }
        let cluster = self.fleet.cluster(&ask.cluster);
        let view = cluster.map(|cluster| cluster.view());
        let now = self.fleet.clock().now();
        let most = self.config.max_operations_per_day;
        let against = view
            .and_then(|view| obstacle(&view, &self.fleet.own_findings()))
            .or_else(|| over_budget(&self.runs, &ask.cluster, operations, most, now));
        match against {
            Some(why) => Err(Refusal::Obstacle(why)),
            None => Ok(Config { operations, rate, ..self.config.clone() }.of_kind(ask.kind)),
        }
    }

    fn begin(
        &mut self,
        cluster: &ClusterHandle,
        config: &Config,
        origin: Origin,
        now: Timestamp,
        reply: Option<oneshot::Sender<Result<Running, Refusal>>>,
    ) {
        let name = cluster.name();
        let (client, endpoints) = made::reach(cluster);
        // What is in the way for the second time is of a run that could not end.
        let clean = self.failures.get(&name).is_some_and(|failure| failure.is_of_leftovers);
        let order = Order {
            cluster: name.clone(),
            client,
            endpoints,
            spec: config.spec(),
            origin,
            now,
            clean,
            stop: CancellationToken::new(),
        };
        let running = made::shown(&order, config.operations, config.rate);
        self.benchmarks.show_running(Some(running.clone()));
        let (begun, told) = oneshot::channel();
        let stop = order.stop.clone();
        let task = tokio::spawn(made::make(order, self.benchmarks.clone(), begun));
        if let Some(reply) = reply {
            tokio::spawn(async move {
                let answer = match told.await {
                    Ok(Ok(())) => Ok(running),
                    Ok(Err(why)) => Err(Refusal::Obstacle(why)),
                    Err(_) => Err(Refusal::Stopping),
                };
                // Nobody waits any more where this fails.
                let _ = reply.send(answer);
            });
        }
        info!(cluster = %name, ?origin, "benchmark begins");
        self.current = Some(Current { cluster: name, stop, task, origin, stopped_because: None });
    }

    /// Keeps what came of the run that ended.
    async fn finish(&mut self, ended: Ended) {
        let Ended { current, result } = ended;
        self.benchmarks.show_running(None);
        let cluster = current.cluster;
        match result {
            Ok(mut outcome) => {
                made::mark(&mut outcome, current.stopped_because);
                let ended = outcome.ended.clone();
                let benchmarks = self.benchmarks.clone();
                let kept = tokio::task::spawn_blocking(move || {
                    benchmarks.index().map(|index| index.store().keep(&mut outcome))
                });
                match kept.await {
                    Ok(Some(Ok(path))) => {
                        info!(%cluster, path = %path.display(), ?ended, "benchmark ended");
                        self.failures.remove(&cluster);
                    }
                    Ok(Some(Err(error))) => self.failed(cluster, (&error).into()),
                    Ok(None) | Err(_) => self.failed(cluster, "it cannot be kept".into()),
                }
                self.read().await;
                self.tell(&self.fleet.clusters());
            }
            Err(why) if current.origin == Origin::Schedule => self.failed(cluster, why),
            Err(why) => info!(%cluster, why = why.reason, "benchmark was not made"),
        }
    }

    fn failed(&mut self, cluster: String, failure: Failure) {
        let before = self.failures.get(&cluster);
        if before.is_none_or(|before| before.reason != failure.reason) {
            warn!(%cluster, reason = %failure.reason, "benchmark cannot be made");
        }
        self.failures.insert(cluster, failure);
    }

    /// Tells the judges what is worse, where that is another than before or they were not told.
    fn tell(&mut self, clusters: &[ClusterHandle]) {
        let index = self.benchmarks.index().filter(|_| self.config.enabled);
        let mut baselines = match index.map(|index| index.store().baselines()) {
            Some(Ok(baselines)) => baselines,
            _ => BTreeMap::new(),
        };
        for cluster in clusters {
            let name = cluster.name();
            let newest = of_monitor(&self.runs, &name).next_back().map(|run| run.id.clone());
            let basis = (newest, baselines.remove(&name).unwrap_or_default());
            let is_new = self.told.get(&name).is_none_or(|told| told.basis != basis);
            if !is_new && cluster.benchmark().is_some() {
                continue;
            }
            let known = if self.config.enabled {
                let of_baseline = |id: &String| self.runs.iter().find(|run| run.id == *id).cloned();
                let baseline: Vec<_> = basis.1.iter().filter_map(of_baseline).collect();
                told::benchmark(&self.runs, &name, &baseline)
            } else {
                Benchmark::default()
            };
            if cluster.benchmark().is_none()
                || self.told.get(&name).is_none_or(|told| told.known != known)
            {
                cluster.tell_benchmark(known.clone());
            }
            self.told.insert(name, Told { basis, known });
        }
    }
}

impl Config {
    fn of_kind(self, kind: Option<bench::spec::Kind>) -> Self {
        use super::Load;
        let found = [Load::Put, Load::Get, Load::Mixed]
            .into_iter()
            .find(|load| Some(bench::spec::Kind::from(*load)) == kind);
        Self { kind: found.unwrap_or(self.kind), ..self }
    }
}

/// A run that is over.
struct Ended {
    current: Current,
    result: Result<Outcome, Failure>,
}

/// Waits until the run under way is over; for ever where there is none.
async fn ended(current: &mut Option<Current>) -> Ended {
    let Some(running) = current.as_mut() else { return std::future::pending().await };
    let joined = (&mut running.task).await;
    let result = match joined {
        Ok(made) => made.map_err(|error| (&error).into()),
        Err(_) => Err("an error in the monitor itself; its log has more".into()),
    };
    match current.take() {
        Some(current) => Ended { current, result },
        None => std::future::pending().await,
    }
}

/// Removes the oldest results of each cluster that are more than `keep`, and of no baseline.
fn prune(store: &Store, all: Result<(Vec<Arc<Summary>>, Vec<Error>), Error>, keep: usize) {
    let (Ok((runs, _)), Ok(baselines)) = (all, store.baselines()) else { return };
    let mut clusters: Vec<_> = runs.iter().filter_map(|run| run.cluster.clone()).collect();
    clusters.sort();
    clusters.dedup();
    for cluster in clusters {
        let surplus = of_monitor(&runs, &cluster).rev().skip(keep);
        for run in surplus {
            if baselines.values().flatten().any(|id| *id == run.id) {
                continue;
            }
            if let Err(error) = store.remove(&run.id) {
                warn!(%error, "an old result of a benchmark cannot be removed");
            }
        }
    }
}
