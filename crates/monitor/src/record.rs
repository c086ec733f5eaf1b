//! What is known of one cluster, written by its task and read by everybody else.
//!
//! The view is replaced as a whole; what grows per member sits behind one short lock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use etcd::{Endpoint, ErrorClass};
use jiff::Timestamp;
use model::clock::Clock;
use model::finding::{Finding, MemberRef};
use model::maintenance::Maintenance;
use store::{Past, Records};
use tokio::sync::{Notify, watch};
use tracing::warn;

use crate::benchmark::Benchmark;
use crate::config::ClusterConfig;
use crate::consistency::Consistency;
use crate::event_log::EventLog;
use crate::judge::Verdict;
use crate::keyspace::Scans;
use crate::latency::{Latencies, LatencySummary, Outcome, Probe, ProbeHistogram, WINDOWS};
use crate::leader;
use crate::membership;
use crate::metrics::figures::Figures;
use crate::metrics::window::PageWindow;
use crate::probe::{Reply, proves_the_path};
use crate::schedule::ScheduleStats;
use crate::scrape::Scrape;
use crate::sink::{PageSink, ScrapedMember};
use crate::sweep::Call;
use crate::view::ClusterView;

/// What is known of one cluster.
pub(crate) struct Record {
    clock: Arc<dyn Clock>,
    events: Arc<EventLog>,
    records: Option<Records>,
    sink: Option<Arc<dyn PageSink>>,
    config: ArcSwap<ClusterConfig>,
    view: ArcSwap<ClusterView>,
    closed_findings: ArcSwap<Vec<Arc<Finding>>>,
    inner: Mutex<Inner>,
    maintenance: ArcSwap<Vec<Maintenance>>,
    swept: watch::Sender<u64>,
    consistency: watch::Sender<Arc<Consistency>>,
    benchmark: ArcSwapOption<Benchmark>,
    key_scans: ArcSwap<Scans>,
    /// Somebody wants the members' data compared now.
    check_wanted: Notify,
}

#[derive(Default)]
struct Inner {
    stats: ScheduleStats,
    members: BTreeMap<Endpoint, MemberRecord>,
}

/// What grows with time about one endpoint.
#[derive(Default)]
struct MemberRecord {
    latencies: Latencies,
    pages: PageWindow,
    figures: Option<Arc<Figures>>,
    scrape_error: Option<String>,
    scraped_at: Option<Timestamp>,
    slowest: Option<Duration>,
}

/// The figures of one member.
#[derive(Debug, Clone)]
pub struct MemberMetrics {
    /// Whose.
    pub member: MemberRef,
    /// The figures of the last scrape that brought a page; `None` before the first.
    pub figures: Option<Arc<Figures>>,
    /// When metrics were last asked for.
    pub last_scrape_at: Option<Timestamp>,
    /// Why the last scrape brought no page.
    pub error: Option<String>,
}

/// How fast one member answered our probes.
#[derive(Debug, Clone)]
pub struct MemberLatencies {
    /// Whose.
    pub member: MemberRef,
    /// One entry per probe and window that has data.
    pub probes: Vec<ProbeLatency>,
}

/// How fast one kind of probe was answered.
#[derive(Debug, Clone)]
pub struct ProbeLatency {
    /// The kind.
    pub probe: Probe,
    /// Over which time.
    pub window: Duration,
    /// The distribution.
    pub summary: LatencySummary,
}

impl Record {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        events: Arc<EventLog>,
        records: Option<Records>,
        sink: Option<Arc<dyn PageSink>>,
        config: Arc<ClusterConfig>,
    ) -> Self {
        let known = Arc::new(Consistency::new(clock.now()));
        let view = ClusterView::unseen(&config.name, &config.labels, "not looked at yet");
        Self {
            clock,
            events,
            records,
            sink,
            view: ArcSwap::from_pointee(view),
            config: ArcSwap::new(config),
            closed_findings: ArcSwap::default(),
            inner: Mutex::default(),
            maintenance: ArcSwap::default(),
            swept: watch::channel(0).0,
            consistency: watch::channel(known).0,
            benchmark: ArcSwapOption::empty(),
            key_scans: ArcSwap::default(),
            check_wanted: Notify::new(),
        }
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// What was recorded of this cluster before. Reads the disk.
    pub(crate) fn past(&self) -> Past {
        let Some(records) = &self.records else { return Past::default() };
        let name = self.config().name.clone();
        records.past(&name, leader::HISTORY.max(membership::HISTORY)).unwrap_or_else(|error| {
            warn!(cluster = %name, %error, "what was recorded before cannot be read");
            Past::default()
        })
    }

    pub(crate) fn sink(&self) -> Option<&Arc<dyn PageSink>> {
        self.sink.as_ref()
    }

    /// An endpoint as the sink is to know it.
    pub(crate) fn scraped_member(&self, endpoint: &Endpoint) -> ScrapedMember {
        let (config, view) = (self.config(), self.view());
        let instance = endpoint.to_string();
        let mut listed = view.members.iter().filter(|member| member.is_listed);
        let known = listed.find(|member| member.endpoint.as_ref() == Some(&instance));
        ScrapedMember {
            cluster: config.name.clone(),
            labels: config.labels.clone(),
            member: known.map(|member| member.name.clone()).unwrap_or_default(),
            instance,
        }
    }

    pub(crate) fn config(&self) -> Arc<ClusterConfig> {
        self.config.load_full()
    }

    pub(crate) fn set_config(&self, config: Arc<ClusterConfig>) {
        self.config.store(config);
    }

    pub(crate) fn maintenance(&self) -> Arc<Vec<Maintenance>> {
        self.maintenance.load_full()
    }

    pub(crate) fn set_maintenance(&self, windows: Vec<Maintenance>) {
        self.maintenance.store(Arc::new(windows));
    }

    pub(crate) fn view(&self) -> Arc<ClusterView> {
        self.view.load_full()
    }

    pub(crate) fn closed_findings(&self) -> Arc<Vec<Arc<Finding>>> {
        self.closed_findings.load_full()
    }

    pub(crate) fn swept(&self) -> watch::Receiver<u64> {
        self.swept.subscribe()
    }

    pub(crate) fn consistency(&self) -> Arc<Consistency> {
        Arc::clone(&self.consistency.borrow())
    }

    pub(crate) fn benchmark(&self) -> Option<Arc<Benchmark>> {
        self.benchmark.load_full()
    }

    pub(crate) fn set_benchmark(&self, known: Benchmark) {
        self.benchmark.store(Some(Arc::new(known)));
    }

    pub(crate) fn key_scans(&self) -> Arc<Scans> {
        self.key_scans.load_full()
    }

    /// Only the cluster's task writes them.
    pub(crate) fn update_key_scans(&self, change: impl FnOnce(&mut Scans)) {
        let mut known = (*self.key_scans()).clone();
        change(&mut known);
        self.key_scans.store(Arc::new(known));
    }

    /// Has the members' data compared as soon as may be, and waits for what comes of it.
    pub(crate) async fn check_consistency(&self) -> Arc<Consistency> {
        let mut known = self.consistency.subscribe();
        let before = known.borrow_and_update().attempts;
        self.check_wanted.notify_one();
        match known.wait_for(|known| known.attempts > before).await {
            Ok(known) => Arc::clone(&known),
            // The sender lives as long as this record.
            Err(_) => self.consistency(),
        }
    }

    /// Returns when somebody wants the members' data compared.
    pub(crate) async fn check_wanted(&self) {
        self.check_wanted.notified().await;
    }

    pub(crate) fn update_consistency(&self, change: impl FnOnce(&mut Consistency)) {
        self.consistency.send_modify(|known| change(Arc::make_mut(known)));
    }

    pub(crate) fn stats(&self) -> ScheduleStats {
        self.inner().stats
    }

    // Written by the cluster's task.

    pub(crate) fn sweep_began(&self, late: Duration) {
        let stats = &mut self.inner().stats;
        stats.sweeps += 1;
        stats.sweep_lateness.observe(late);
    }

    pub(crate) fn scrape_began(&self, late: Duration) {
        let stats = &mut self.inner().stats;
        stats.scrapes += 1;
        stats.scrape_lateness.observe(late);
    }

    /// Takes the result of a scrape; returns what it and those before amount to.
    pub(crate) fn scraped(&self, endpoint: &Endpoint, scrape: &Scrape) -> Option<Arc<Figures>> {
        let mut inner = self.inner();
        inner.stats.scrape_failures += u64::from(scrape.page.is_err());
        let member = inner.members.entry(endpoint.clone()).or_default();
        member.scraped_at = Some(scrape.at);
        member.slowest = slowest(&member.latencies, scrape.at);
        match &scrape.page {
            Ok(page) => {
                member.pages.push(Arc::clone(page));
                if let Some(figures) = member.pages.figures() {
                    member.figures = Some(Arc::new(figures));
                }
                member.scrape_error = None;
            }
            Err(error) => member.scrape_error = Some(error.clone()),
        }
        member.figures.clone()
    }

    /// Takes the latency of a probe.
    pub(crate) fn probed(&self, endpoint: &Endpoint, reply: &Reply) {
        let (probe, at, took, outcome) = match reply {
            Reply::SerializableRead(call) => {
                (Probe::SerializableRead, call.sent_at, call.took, outcome(call))
            }
            Reply::LinearizableRead(call) => {
                (Probe::LinearizableRead, call.sent_at, call.took, outcome(call))
            }
            Reply::Write(call) => (Probe::Write, call.sent_at, call.took, outcome(call)),
            _ => return,
        };
        let Some(outcome) = outcome else { return };
        let mut inner = self.inner();
        inner
            .members
            .entry(endpoint.clone())
            .or_default()
            .latencies
            .record(probe, at, took, outcome);
    }

    /// The slowest probe of the last minute, by the median, and whose it was.
    pub(crate) fn slowest_probe(&self) -> Option<(String, Duration)> {
        let inner = self.inner();
        let slowest = inner.members.iter().filter_map(|(endpoint, m)| Some((endpoint, m.slowest?)));
        slowest.max_by_key(|(_, median)| *median).map(|(who, median)| (who.to_string(), median))
    }

    /// Drops what is known of an endpoint that is no longer watched.
    pub(crate) fn forget(&self, endpoint: &Endpoint) {
        self.inner().members.remove(endpoint);
        if let Some(sink) = &self.sink {
            sink.ended(&self.config().name, &endpoint.to_string(), self.clock.now());
        }
    }

    /// Drops what is known of all endpoints: the cluster is no longer watched.
    pub(crate) fn forget_all(&self) {
        let endpoints: Vec<Endpoint> = self.inner().members.keys().cloned().collect();
        for endpoint in endpoints {
            self.forget(&endpoint);
        }
    }

    /// Publishes a verdict: first the view, then the events, so that whoever hears of an event finds
    /// it in the view.
    pub(crate) fn publish<'a>(
        &self,
        verdict: Verdict,
        closed: impl Iterator<Item = &'a Arc<Finding>>,
    ) {
        let at = verdict.view.as_of.unwrap_or_else(|| self.clock.now());
        let number = verdict.view.sweeps;
        let name = verdict.view.name.clone();
        let known = self.closed_findings.load();
        let closed: Vec<Arc<Finding>> = closed.cloned().collect();
        if closed.len() != known.len() || closed.first() != known.first() {
            self.closed_findings.store(Arc::new(closed));
        }
        self.view.store(Arc::new(verdict.view));
        // Before the events: when one of them is told, what it tells of is on disk.
        if let Some(records) = &self.records {
            for record in verdict.records {
                records.put(record);
            }
        }
        self.events.tell_overdue();
        for event in verdict.events {
            self.events.append(&name, at, event);
        }
        self.swept.send_replace(number);
    }

    /// Publishes that nothing can be said, and why.
    pub(crate) fn publish_unseen(&self, reason: &str) {
        let config = self.config();
        self.view.store(Arc::new(ClusterView::unseen(&config.name, &config.labels, reason)));
    }

    // Read by everybody else.

    pub(crate) fn metrics(&self) -> Vec<MemberMetrics> {
        self.each_member(|member, record| MemberMetrics {
            member,
            figures: record.figures.clone(),
            last_scrape_at: record.scraped_at,
            error: record.scrape_error.clone(),
        })
    }

    pub(crate) fn latencies(&self) -> Vec<MemberLatencies> {
        let now = self.clock.now();
        self.each_member(|member, record| MemberLatencies {
            member,
            probes: Probe::ALL
                .into_iter()
                .flat_map(|probe| WINDOWS.map(|window| (probe, window)))
                .filter_map(|(probe, window)| {
                    let summary = record.latencies.summary(probe, window, now)?;
                    Some(ProbeLatency { probe, window, summary })
                })
                .collect(),
        })
    }

    pub(crate) fn probe_histograms(&self) -> Vec<(MemberRef, Probe, ProbeHistogram)> {
        let of_members = self.each_member(|member, record| {
            let histograms = Probe::ALL.into_iter().filter_map(|probe| {
                let histogram = record.latencies.histogram(probe);
                (histogram.count > 0).then(|| (member.clone(), probe, *histogram))
            });
            histograms.collect::<Vec<_>>()
        });
        of_members.into_iter().flatten().collect()
    }

    /// Applies `read` to every member that is in the view and was asked, in the view's order.
    fn each_member<T>(&self, mut read: impl FnMut(MemberRef, &MemberRecord) -> T) -> Vec<T> {
        let view = self.view();
        let inner = self.inner();
        let by_name: BTreeMap<String, &MemberRecord> =
            inner.members.iter().map(|(endpoint, record)| (endpoint.to_string(), record)).collect();
        view.members
            .iter()
            .filter_map(|member| {
                let record = by_name.get(member.endpoint.as_deref()?)?;
                Some(read(member.reference(), record))
            })
            .collect()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("invariant: no holder of this lock panics")
    }
}

/// What a probe's time says about the member's speed; `None`: nothing, since it was never served (no
/// connection, a learner, a wrong password).
fn outcome<T>(call: &Call<T>) -> Option<Outcome> {
    match &call.result {
        Ok(_) => Some(Outcome::Answered),
        Err(error) if proves_the_path(error) => Some(Outcome::Answered),
        Err(error) => match error.class() {
            ErrorClass::Deadline => Some(Outcome::TimedOut),
            ErrorClass::NoLeader
            | ErrorClass::TooManyRequests
            | ErrorClass::Nospace
            | ErrorClass::Corrupt => Some(Outcome::Failed),
            _ => None,
        },
    }
}

/// With fewer probes in the last minute than this, a median says too little: the first ones also
/// wait for their connection.
const MIN_PROBES: u64 = 5;

/// The slower of the two read probes over the last minute, by the median: of the thirty probes of a
/// minute p99 is the worst, and one of them slow is no state of a cluster.
fn slowest(latencies: &Latencies, now: Timestamp) -> Option<Duration> {
    [Probe::SerializableRead, Probe::LinearizableRead]
        .into_iter()
        .filter_map(|probe| latencies.summary(probe, WINDOWS[0], now))
        .filter(|summary| summary.count >= MIN_PROBES)
        .filter_map(|summary| Some(summary.quantiles?.p50))
        .max()
}
