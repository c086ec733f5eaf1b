//! The task that watches one cluster: it keeps the schedule, asks, collects answers, has them judged
//! and publishes the verdict.
//!
//! A sweep begins on schedule, whatever the last one brought. It is closed when every question that
//! it asked is answered, or when its patience is over; answers that come later belong to the next
//! one. So a frozen member delays nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use etcd::{Connector, Endpoint, Member};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::config::ClusterConfig;
use crate::consistency::schedule::Checks;
use crate::discovery::{self, Found};
use crate::judge::{Brief, Judge};
use crate::keyspace::schedule::ScanSchedule;
use crate::probe::{Prober, Question, Reply};
use crate::record::Record;
use crate::scrape::Scraper;
use crate::skew;
use crate::sweep::Sweep;
use crate::target::Target;
use crate::targets::Configured;
use crate::write_probe::WriteProbe;

/// A sweep is judged this long after it began, with the answers that are there.
const PATIENCE: Duration = Duration::from_millis(500);

/// Answers that may wait to be taken; their senders wait when there are more.
const REPLIES: usize = 256;

/// While a member does not answer or has lost its leader, the metrics of all tell who reaches whom:
/// they are read this often, for this long, instead of at the usual interval.
const EAGER_SCRAPE: Duration = Duration::from_secs(2);
const EAGER_FOR: Duration = Duration::from_secs(20);

/// A target's first scrape waits so long for the member's name, which the first sweep tells: what
/// is scraped without it would be a series of its own.
const NAME_WITHIN: Duration = Duration::from_secs(3);

/// The keys are counted for the first time within this time, so that a monitor that is started again
/// leaves no gap of a whole interval.
const FIRST_SCAN_WITHIN: Duration = Duration::from_mins(10);

/// Watches one cluster until `stop`.
pub(crate) struct Watch {
    record: Arc<Record>,
    config: Arc<ClusterConfig>,
    connector: Arc<Connector>,
    prober: Arc<Prober>,
    scraper: Scraper,
    judge: Judge,
    targets: BTreeMap<Endpoint, Target>,
    questions: Vec<Question>,
    replies: mpsc::Receiver<(Endpoint, Reply)>,
    reply_to: mpsc::Sender<(Endpoint, Reply)>,
    open: Option<OpenSweep>,
    sweeps: u64,
    period: Duration,
    /// When the sweep that was begun last was due.
    begun: Instant,
    /// When the next one is.
    next: Instant,
    eager_until: Option<Instant>,
    /// What was undecided after the last sweep.
    undecided: BTreeSet<String>,
    discovered: Option<mpsc::Receiver<Found>>,
    checks: Checks,
    scans: ScanSchedule,
}

struct OpenSweep {
    started_at: jiff::Timestamp,
    close_by: Instant,
    /// Questions that are not answered yet.
    pending: usize,
}

/// What a judge is told about a cluster with this configuration.
pub(crate) fn brief(config: &ClusterConfig) -> Brief {
    let default_scheme = config.default_scheme();
    let parse = |text: &str| Endpoint::parse(text, default_scheme).ok();
    Brief {
        name: config.name.clone(),
        labels: config.labels.clone(),
        configured: Configured {
            endpoints: config.parsed_endpoints(),
            map: config
                .endpoint_map
                .iter()
                .filter_map(|(from, to)| Some((parse(from)?, parse(to)?)))
                .collect(),
            default_scheme,
        },
        is_anonymous: config.is_anonymous(),
        thresholds: config.thresholds.clone(),
        scrape_interval: config.intervals.metrics,
    }
}

impl Watch {
    /// `scrape_permits` bounds the pages that the process holds at once.
    pub(crate) fn new(
        record: Arc<Record>,
        connector: Arc<Connector>,
        judge: Judge,
        scrape_permits: Arc<Semaphore>,
    ) -> Self {
        let config = record.config();
        let clock = Arc::clone(record.clock());
        let write = config.write_probe.enabled;
        let mut questions = Question::READ_ONLY.to_vec();
        questions.extend(write.then_some(Question::Write));
        let (reply_to, replies) = mpsc::channel(REPLIES);
        Self {
            prober: Arc::new(Prober {
                clock: Arc::clone(&clock),
                timeouts: config.timeouts.clone(),
                write: write.then(|| WriteProbe::new(&config.write_probe.prefix)),
            }),
            scraper: Scraper {
                clock,
                deadline: config.timeouts.scrape,
                metrics_url: config.metrics_url.clone(),
                permits: scrape_permits,
                sink: record.sink().cloned(),
            },
            discovered: discovery::start(&config),
            checks: Checks::new(
                &config.consistency,
                phase((&config.name, "consistency"), config.consistency.interval),
                &record,
            ),
            scans: ScanSchedule::new(
                &config.key_scan,
                phase((&config.name, "keys"), config.key_scan.interval.min(FIRST_SCAN_WITHIN)),
                &record,
            ),
            period: config.intervals.health,
            begun: Instant::now(),
            next: Instant::now(),
            targets: BTreeMap::new(),
            open: None,
            sweeps: record.view().sweeps,
            eager_until: None,
            undecided: BTreeSet::new(),
            questions,
            replies,
            reply_to,
            record,
            config,
            connector,
            judge,
        }
    }

    /// Runs until `stop`, then hands the judge back with all that it has seen.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Judge {
        loop {
            let close_by = self.open.as_ref().map(|open| open.close_by);
            let next_scrape = self.next_scrape();
            let next_check = self.checks.due();
            let next_scan = self.scans.due();
            tokio::select! {
                biased;
                () = stop.cancelled() => return self.judge,
                Some((endpoint, reply)) = self.replies.recv() => {
                    self.take(&endpoint, reply);
                    while let Ok((endpoint, reply)) = self.replies.try_recv() {
                        self.take(&endpoint, reply);
                    }
                }
                Some(found) = next_found(&mut self.discovered) => self.discover(found),
                () = self.connector.connection_lost() => self.hurry(),
                () = until(close_by) => self.close(),
                () = sleep_until(self.next) => {
                    self.close();
                    self.begin();
                }
                () = until(next_scrape) => self.scrape_due(),
                Some(check) = self.checks.ended() => self.checks.finish(&self.record, check),
                () = until(next_check) => self.begin_check(),
                Some(keys) = self.scans.ended() => self.scans.finish(&self.record, keys),
                () = until(next_scan) => self.scans.begin(&self.record, &self.connections()),
                () = self.record.check_wanted() => self.begin_check(),
            }
            if self.open.as_ref().is_some_and(|open| open.pending == 0) {
                self.close();
            }
        }
    }

    /// Looks at once, since a connection ended: the process behind it may be gone. Not more often than
    /// when something is wrong anyway.
    fn hurry(&mut self) {
        let soonest = self.begun + self.config.intervals.health_alert;
        self.next = self.next.min(soonest.max(Instant::now()));
    }

    /// Begins a sweep: asks every target what is not under way already.
    fn begin(&mut self) {
        let now = Instant::now();
        self.record.sweep_began(now.saturating_duration_since(self.next));
        self.begun = self.next;
        // The second sweep comes at this cluster's own moment within the period, so that hundreds of
        // clusters do not ask all at once.
        let step =
            if self.sweeps == 0 { phase(&self.config.name, self.period) } else { self.period };
        // Sweeps that were missed are not made up for.
        self.next = (self.begun + step).max(now);
        self.sweeps += 1;
        self.follow_targets(now);

        let started_at = self.record.clock().now();
        let mut pending = 0;
        for target in self.targets.values_mut() {
            let questions = target.begin(&self.questions, now);
            pending += questions.len();
            if !questions.is_empty() {
                let prober = Arc::clone(&self.prober);
                let member = target.member.clone();
                tokio::spawn(prober.ask(member, questions, self.reply_to.clone()));
            }
        }
        self.open = Some(OpenSweep { started_at, close_by: now + PATIENCE, pending });
    }

    /// Takes the endpoints that the judge wants to know about, and no others.
    fn follow_targets(&mut self, now: Instant) {
        let wanted = self.judge.targets();
        let gone: Vec<Endpoint> =
            self.targets.keys().filter(|endpoint| !wanted.contains(endpoint)).cloned().collect();
        for endpoint in gone {
            self.targets.remove(&endpoint);
            self.record.forget(&endpoint);
            debug!(cluster = %self.config.name, %endpoint, "endpoint is no longer watched");
        }
        for endpoint in wanted {
            if !self.targets.contains_key(&endpoint) {
                debug!(cluster = %self.config.name, %endpoint, "endpoint is watched");
                let member = self.connector.member(endpoint.clone());
                self.targets.insert(endpoint, Target::new(member, now + NAME_WITHIN));
            }
        }
    }

    /// Takes the endpoints that discovery found; while it fails, the last ones stay.
    fn discover(&mut self, found: Found) {
        match found {
            Ok(endpoints) => {
                let mut brief = self.judge.brief().clone();
                if brief.configured.endpoints != endpoints {
                    info!(cluster = %self.config.name, count = endpoints.len(), "discovered endpoints");
                    brief.configured.endpoints = endpoints;
                    self.judge.rebrief(brief);
                    self.next = Instant::now();
                }
            }
            Err(error) => {
                warn!(cluster = %self.config.name, %error, "discovery failed");
                if self.targets.is_empty() {
                    self.record.publish_unseen(&error.to_string());
                }
            }
        }
    }

    /// Puts an answer in its place.
    fn take(&mut self, endpoint: &Endpoint, reply: Reply) {
        // The endpoint may have gone while its answer was on the way.
        let Some(target) = self.targets.get_mut(endpoint) else { return };
        match &reply {
            Reply::Scrape(scrape) => target.figures = self.record.scraped(endpoint, scrape),
            Reply::Aside(_) => {}
            other => {
                if let (Some(open), Some(sent_at)) = (&mut self.open, other.sent_at())
                    && sent_at >= open.started_at
                {
                    open.pending = open.pending.saturating_sub(1);
                }
                self.record.probed(endpoint, other);
            }
        }
        target.put(reply);
    }

    /// Closes the sweep that is open, has it judged and publishes the verdict.
    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        if self.targets.is_empty() {
            return;
        }
        let now = Instant::now();
        let sweep = Sweep {
            number: self.sweeps,
            started_at: open.started_at,
            closed_at: self.record.clock().now(),
            members: self.targets.values().map(|target| target.observed(now)).collect(),
            consistency: Some(self.record.consistency()),
            benchmark: self.record.benchmark(),
        };
        let slowest = self.record.slowest_probe();
        self.judge.declare(self.record.maintenance());
        let mut verdict = self.judge.advance(sweep, slowest);
        let intervals = &self.config.intervals;
        self.period = if verdict.is_calm {
            intervals.health
        } else {
            intervals.health_alert.min(intervals.health)
        };
        self.next = self.next.min((self.begun + self.period).max(now));
        self.follow_eagerness(std::mem::take(&mut verdict.undecided), now);
        self.checks.follow_restarts(self.judge.last_restart());
        self.record.publish(verdict, self.judge.closed_findings());
        self.scrape_named(now);
    }

    /// Has the members' data compared, unless that is under way or must not be.
    fn begin_check(&mut self) {
        let connections = self.connections();
        self.checks.begin(&self.record, &connections, self.config.timeouts.request);
    }

    fn connections(&self) -> BTreeMap<Endpoint, Member> {
        self.targets.iter().map(|(at, target)| (at.clone(), target.member.clone())).collect()
    }

    /// Has the metrics of members whose names are known by now read for the first time.
    fn scrape_named(&mut self, now: Instant) {
        for (endpoint, target) in &mut self.targets {
            let is_new = target.scrape.is_none() && !target.is_scraping;
            if is_new && !self.record.scraped_member(endpoint).member.is_empty() {
                target.next_scrape = target.next_scrape.min(now);
            }
        }
    }

    /// Reads metrics more often for a while after something came up that they help to decide.
    fn follow_eagerness(&mut self, undecided: BTreeSet<String>, now: Instant) {
        if !undecided.is_subset(&self.undecided) {
            self.eager_until = Some(now + EAGER_FOR);
        }
        self.undecided = undecided;
        if !self.undecided.is_empty() && self.eager_until.is_some_and(|until| now < until) {
            for target in self.targets.values_mut() {
                target.next_scrape = target.next_scrape.min(now + EAGER_SCRAPE);
            }
        }
    }

    fn next_scrape(&self) -> Option<Instant> {
        let idle = self.targets.values().filter(|target| !target.is_scraping);
        idle.map(|target| target.next_scrape).min()
    }

    fn scrape_due(&mut self) {
        let now = Instant::now();
        let interval = self.config.intervals.metrics;
        for (endpoint, target) in &mut self.targets {
            if target.is_scraping || target.next_scrape > now {
                continue;
            }
            self.record.scrape_began(now.saturating_duration_since(target.next_scrape));
            let is_first = target.scrape.is_none();
            let step = if is_first { phase(endpoint, interval) } else { interval };
            target.next_scrape = (target.next_scrape + step).max(now);
            target.is_scraping = true;
            let of = self.record.scraped_member(endpoint);
            let scrape = self.scraper.clone().scrape(target.member.clone(), of);
            let aside = self.scraper.clone().aside(target.member.clone(), target.profiler);
            let aside_after = skew::ask_after(target.scrapes);
            target.scrapes = target.scrapes.wrapping_add(1);
            let (endpoint, replies) = (endpoint.clone(), self.reply_to.clone());
            tokio::spawn(async move {
                let scrape = scrape.await;
                // The receiver is gone when the cluster is no longer watched.
                let _ = replies.send((endpoint.clone(), Reply::Scrape(scrape))).await;
                tokio::select! {
                    () = replies.closed() => return,
                    () = sleep(aside_after) => {}
                }
                let _ = replies.send((endpoint, Reply::Aside(aside.await))).await;
            });
        }
    }
}

/// A moment within `period`, the same for the same `key`, and never zero.
fn phase(key: impl Hash, period: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    period.mul_f64(((hasher.finish() % 1_000) + 1) as f64 / 1_000.0)
}

/// The next result of discovery; never, where there is none.
async fn next_found(discovered: &mut Option<mpsc::Receiver<Found>>) -> Option<Found> {
    match discovered {
        Some(discovered) => discovered.recv().await,
        None => std::future::pending().await,
    }
}

/// Sleeps until `deadline`; for ever without one.
async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
