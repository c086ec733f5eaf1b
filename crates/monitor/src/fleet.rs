//! All clusters that are watched: started, changed and stopped by configuration, read through
//! handles.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use etcd::Connector;
use model::clock::Clock;
use model::finding::{Finding, MemberRef};
use model::leader::LeaderChange;
use model::maintenance::Maintenance;
use model::membership::MembershipChange;
use store::{ChangeQuery, FindingQuery, Page, Past, Records};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::benchmark::Benchmark;
use crate::changes;
use crate::cluster::{self, Watch};
use crate::config::ClusterConfig;
use crate::consistency::Consistency;
use crate::detect::Condition;
use crate::event_log::EventLog;
use crate::findings;
use crate::judge::Judge;
use crate::keyspace::Scans;
use crate::latency::{Probe, ProbeHistogram};
use crate::own::{self, Own};
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
    records: Option<Records>,
    sink: Option<Arc<dyn PageSink>>,
    scrape_permits: Arc<Semaphore>,
    own: Own,
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
        Self::with_stores(clock, None, None)
    }

    /// A fleet without clusters. What happens also goes to `records`, and goes on where they end;
    /// pages of metrics also go to `sink`.
    pub fn with_stores(
        clock: Arc<dyn Clock>,
        records: Option<Records>,
        sink: Option<Arc<dyn PageSink>>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                clock,
                events: records.as_ref().map(EventLog::with_records).unwrap_or_default(),
                records,
                sink,
                scrape_permits: Arc::new(Semaphore::new(SCRAPES_AT_ONCE)),
                own: Own::default(),
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
        self.abandon_findings(running.keys().cloned().collect());
        applied
    }

    /// Closes the findings on record whose end nobody will see: of clusters that are not watched, and
    /// of the monitor itself when it last ran.
    fn abandon_findings(&self, watched: Vec<String>) {
        let Some(records) = self.inner.records.clone() else { return };
        let now = self.inner.clock.now();
        let own = self.own_findings();
        tokio::task::spawn_blocking(move || {
            // The records have microseconds.
            let key = |of: &Finding| (of.kind, of.since.as_microsecond());
            let is_own = |of: &Finding| own.iter().any(|finding| key(finding) == key(of));
            let open = FindingQuery { is_closed: Some(false), ..FindingQuery::default() };
            match records.findings(&open, usize::MAX) {
                Ok(page) => {
                    for (cluster, finding) in page.items {
                        let why = if cluster == own::NAME && !is_own(&finding) {
                            "the monitor was started again, and looks anew"
                        } else if cluster != own::NAME && !watched.contains(&cluster) {
                            "the cluster is not watched any more"
                        } else {
                            continue;
                        };
                        let finding = findings::over(&finding, now, why);
                        records.put(store::Record::Finding { cluster, finding });
                    }
                }
                Err(error) => warn!(%error, "findings on record cannot be read"),
            }
        });
    }

    /// The findings that are over and wanted, each with its cluster, those opened last first; at
    /// most `limit`. Reads the disk; without records, the last ones of the clusters that are watched.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn closed_findings(
        &self,
        query: &FindingQuery,
        limit: usize,
    ) -> Result<Page<(String, Arc<Finding>)>, store::Error> {
        let query = FindingQuery { is_closed: Some(true), ..query.clone() };
        if let Some(records) = &self.inner.records {
            return records.findings(&query, limit);
        }
        let mut items: Vec<_> = self
            .clusters()
            .iter()
            .flat_map(|cluster| {
                let name = cluster.name();
                let closed = cluster.record.closed_findings();
                closed.iter().map(|f| (name.clone(), Arc::clone(f))).collect::<Vec<_>>()
            })
            .filter(|(cluster, finding)| query.accepts(cluster, finding))
            .collect();
        items.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.opened_at));
        items.truncate(limit);
        Ok(Page { items, next_before: None })
    }

    /// The changes of a cluster's leader, newest first, at most `limit`. Reads the disk; without
    /// records, the last ones.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn leader_changes(
        &self,
        query: &ChangeQuery,
        limit: usize,
    ) -> Result<Page<LeaderChange>, store::Error> {
        if let Some(records) = &self.inner.records {
            return records.leader_changes(query, limit);
        }
        let history = self.cluster(&query.cluster).map(|c| Arc::clone(&c.view().leader_history));
        let history = history.unwrap_or_default();
        let wanted = history.iter().filter(|change| query.accepts(change.at));
        Ok(Page { items: wanted.take(limit).cloned().collect(), next_before: None })
    }

    /// What happened to a cluster's member list, newest first, at most `limit`. Reads the disk;
    /// without records, the last changes.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn membership_changes(
        &self,
        query: &ChangeQuery,
        limit: usize,
    ) -> Result<Page<MembershipChange>, store::Error> {
        if let Some(records) = &self.inner.records {
            return records.membership_changes(query, limit);
        }
        let cluster = self.cluster(&query.cluster);
        let history = cluster.map(|c| Arc::clone(&c.view().membership_history)).unwrap_or_default();
        let wanted = history.iter().filter(|change| query.accepts(change.at));
        Ok(Page { items: wanted.take(limit).cloned().collect(), next_before: None })
    }

    /// Takes the maintenance windows of all clusters, in place of those before.
    pub fn declare(&self, windows: &[Maintenance]) {
        for (name, cluster) in self.running().iter() {
            let of_it = windows.iter().filter(|window| window.cluster == *name).cloned();
            cluster.record.set_maintenance(of_it.collect());
        }
    }

    /// Takes all that is wrong with the monitor itself now; what is no longer among it is over.
    pub fn observe_own(&self, conditions: Vec<Condition>) {
        let now = self.inner.clock.now();
        for turn in self.inner.own.observe(conditions, now) {
            if let Some(event) = changes::of_finding(&turn) {
                self.inner.events.append(own::NAME, now, event);
            }
            if let Some(records) = &self.inner.records {
                let (cluster, finding) = (own::NAME.to_owned(), turn.into_finding());
                records.put(store::Record::Finding { cluster, finding });
            }
        }
    }

    /// What is wrong with the monitor itself, worst first.
    pub fn own_findings(&self) -> Arc<Vec<Arc<Finding>>> {
        self.inner.own.active()
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
        let (records, sink) = (self.inner.records.clone(), self.inner.sink.clone());
        let record = Arc::new(Record::new(clock, events, records, sink, config));
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
            None => Judge::new(brief, past(&record).await),
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
                return judge.unwrap_or_else(|| Judge::new(cluster::brief(&config), Past::default()));
            }
            () = tokio::time::sleep(RESTART_AFTER) => {}
        }
    }
}

/// What was recorded of a cluster before.
async fn past(record: &Arc<Record>) -> Past {
    let record = Arc::clone(record);
    // An error says that it panicked, which the log has.
    tokio::task::spawn_blocking(move || record.past()).await.unwrap_or_default()
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

    /// Its last findings that are over, newest first.
    pub fn closed_findings(&self) -> Arc<Vec<Arc<Finding>>> {
        self.record.closed_findings()
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

    /// The slowest probe of the last minute, by the median, and who answered it.
    pub fn slowest_probe(&self) -> Option<(String, Duration)> {
        self.record.slowest_probe()
    }

    /// What is known of the equality of its members' data.
    pub fn consistency(&self) -> Arc<Consistency> {
        self.record.consistency()
    }

    /// Has its members' data compared now and returns what is known then; also where no checks are
    /// scheduled. A cluster that is not well is not checked: the last check then says why.
    ///
    /// Waits for a minute for each member at worst, and for ever once the cluster is not watched any
    /// more: give it a deadline.
    pub async fn check_consistency(&self) -> Arc<Consistency> {
        self.record.check_consistency().await
    }

    /// What the scans of its keys brought.
    pub fn key_scans(&self) -> Arc<Scans> {
        self.record.key_scans()
    }

    /// What its benchmarks came to; `None` until somebody told.
    pub fn benchmark(&self) -> Option<Arc<Benchmark>> {
        self.record.benchmark()
    }

    /// Takes what its benchmarks came to; the next sweep judges it.
    pub fn tell_benchmark(&self, known: Benchmark) {
        self.record.set_benchmark(known);
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
