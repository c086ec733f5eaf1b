//! All clusters that are watched: started, changed and stopped by configuration, read through
//! handles.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use etcd::Connector;
use model::clock::Clock;
use model::finding::{Finding, MemberRef};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::cluster::{self, Watch};
use crate::config::ClusterConfig;
use crate::event_log::EventLog;
use crate::judge::Judge;
use crate::latency::{Probe, ProbeHistogram};
use crate::record::{MemberLatencies, MemberMetrics, Record};
use crate::schedule::ScheduleStats;
use crate::sink::PageSink;
use crate::view::ClusterView;

/// Pages of metrics that the process reads and parses at once. A page is some 150 kB.
const SCRAPES_AT_ONCE: usize = 32;

/// How long a stop waits for a cluster's task.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// How long a task that failed rests before it is started again.
const RESTART_AFTER: Duration = Duration::from_secs(1);

/// All clusters that are watched. A clone is another handle on the same fleet.
#[derive(Clone)]
pub struct Fleet {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Arc<dyn Clock>,
    events: Arc<EventLog>,
    sink: Option<Arc<dyn PageSink>>,
    scrape_permits: Arc<Semaphore>,
    clusters: Mutex<BTreeMap<String, Running>>,
}

struct Running {
    record: Arc<Record>,
    stop: CancellationToken,
    task: JoinHandle<Judge>,
}

/// What a new configuration changed, by the clusters' names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Watched from now on.
    pub added: Vec<String>,
    /// No longer watched.
    pub removed: Vec<String>,
    /// Watched with other settings; what was seen of them stays.
    pub changed: Vec<String>,
    /// Not touched.
    pub unchanged: Vec<String>,
}

impl Fleet {
    /// A fleet without clusters.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_sink(clock, None)
    }

    /// A fleet without clusters whose pages of metrics also go to `sink`.
    pub fn with_sink(clock: Arc<dyn Clock>, sink: Option<Arc<dyn PageSink>>) -> Self {
        Self {
            inner: Arc::new(Inner {
                clock,
                events: Arc::default(),
                sink,
                scrape_permits: Arc::new(Semaphore::new(SCRAPES_AT_ONCE)),
                clusters: Mutex::default(),
            }),
        }
    }

    /// Watches these clusters and no others. Must be called within a tokio runtime; the
    /// configurations must be valid.
    pub fn apply(&self, clusters: Vec<ClusterConfig>) -> Applied {
        let mut running = self.running();
        let mut applied = Applied::default();
        let mut gone = std::mem::take(&mut *running);
        for config in clusters {
            let name = config.name.clone();
            let config = Arc::new(config);
            let cluster = match gone.remove(&name) {
                None => {
                    applied.added.push(name.clone());
                    self.start(config)
                }
                Some(cluster) if *cluster.record.config() == *config => {
                    applied.unchanged.push(name.clone());
                    cluster
                }
                Some(cluster) => {
                    applied.changed.push(name.clone());
                    self.restart(cluster, config)
                }
            };
            running.insert(name, cluster);
        }
        for (name, cluster) in gone {
            cluster.stop.cancel();
            cluster.record.forget_all();
            applied.removed.push(name);
        }
        applied
    }

    /// The clusters, by name.
    pub fn clusters(&self) -> Vec<ClusterHandle> {
        self.running().values().map(|c| ClusterHandle { record: Arc::clone(&c.record) }).collect()
    }

    /// The cluster of this name.
    pub fn cluster(&self, name: &str) -> Option<ClusterHandle> {
        let running = self.running();
        running.get(name).map(|c| ClusterHandle { record: Arc::clone(&c.record) })
    }

    /// The events of all clusters.
    pub fn events(&self) -> &EventLog {
        &self.inner.events
    }

    /// The clock that everything is stamped with.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// Stops all tasks and waits for them, two seconds at most.
    pub async fn shutdown(&self) {
        let stopping = std::mem::take(&mut *self.running());
        for cluster in stopping.values() {
            cluster.stop.cancel();
        }
        let all = futures::future::join_all(stopping.into_values().map(|cluster| cluster.task));
        // What has not ended by then ends with the process; nothing is lost by it.
        let _ = tokio::time::timeout(STOP_WITHIN, all).await;
    }

    fn start(&self, config: Arc<ClusterConfig>) -> Running {
        let clock = Arc::clone(&self.inner.clock);
        let events = Arc::clone(&self.inner.events);
        let record = Arc::new(Record::new(clock, events, self.inner.sink.clone(), config));
        self.launch(record, None)
    }

    /// Starts a cluster's task anew with other settings, keeping what was seen.
    fn restart(&self, cluster: Running, config: Arc<ClusterConfig>) -> Running {
        cluster.stop.cancel();
        cluster.record.set_config(config);
        self.launch(cluster.record, Some(cluster.task))
    }

    fn launch(&self, record: Arc<Record>, previous: Option<JoinHandle<Judge>>) -> Running {
        let stop = CancellationToken::new();
        let permits = Arc::clone(&self.inner.scrape_permits);
        let task = tokio::spawn(supervise(Arc::clone(&record), previous, permits, stop.clone()));
        Running { record, stop, task }
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.inner.clusters.lock().expect("invariant: no holder of this lock panics")
    }
}

/// Keeps the task of one cluster running until `stop`; hands over what its judge has seen.
async fn supervise(
    record: Arc<Record>,
    previous: Option<JoinHandle<Judge>>,
    permits: Arc<Semaphore>,
    stop: CancellationToken,
) -> Judge {
    let config = record.config();
    let name = config.name.clone();
    let mut judge = match previous {
        Some(task) => task.await.ok(),
        None => None,
    };
    loop {
        let brief = cluster::brief(&config);
        let ready = match judge.take() {
            Some(mut judge) => {
                judge.rebrief(brief);
                judge
            }
            None => Judge::new(brief),
        };
        match Connector::new(config.client()) {
            Ok(connector) => {
                let watch = Watch::new(Arc::clone(&record), connector, ready, Arc::clone(&permits));
                match tokio::spawn(watch.run(stop.clone())).await {
                    Ok(judge) => return judge,
                    Err(failure) => {
                        error!(cluster = %name, error = %failure, "watching failed, starting again");
                    }
                }
            }
            // Valid when it was checked, and not any more: a certificate file that went away.
            Err(failure) => {
                info!(cluster = %name, error = %failure, "cannot connect yet");
                record.publish_unseen(&failure.to_string());
                judge = Some(ready);
            }
        }
        tokio::select! {
            () = stop.cancelled() => {
                return judge.unwrap_or_else(|| Judge::new(cluster::brief(&config)));
            }
            () = tokio::time::sleep(RESTART_AFTER) => {}
        }
    }
}

/// Reads what is known of one cluster.
#[derive(Clone)]
pub struct ClusterHandle {
    record: Arc<Record>,
}

impl ClusterHandle {
    /// Its name.
    pub fn name(&self) -> String {
        self.record.config().name.clone()
    }

    /// Its configuration.
    pub fn config(&self) -> Arc<ClusterConfig> {
        self.record.config()
    }

    /// How it was at its last sweep; `sweeps` is 0 before the first.
    pub fn view(&self) -> Arc<ClusterView> {
        self.record.view()
    }

    /// The figures of its members.
    pub fn metrics(&self) -> Vec<MemberMetrics> {
        self.record.metrics()
    }

    /// How fast its members answered our probes.
    pub fn latencies(&self) -> Vec<MemberLatencies> {
        self.record.latencies()
    }

    /// The same as histograms since the start, for the exporter.
    pub fn probe_histograms(&self) -> Vec<(MemberRef, Probe, ProbeHistogram)> {
        self.record.probe_histograms()
    }

    /// Findings that are over, newest first; bounded.
    pub fn closed_findings(&self) -> Arc<Vec<Arc<Finding>>> {
        self.record.closed_findings()
    }

    /// How well its schedule is kept.
    pub fn schedule(&self) -> ScheduleStats {
        self.record.stats()
    }

    /// Changes after each sweep.
    pub fn swept(&self) -> watch::Receiver<u64> {
        self.record.swept()
    }
}
