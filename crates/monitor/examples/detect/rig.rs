//! A real cluster, the fleet that watches it at default intervals, and a clock beside both.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use etcd::{Connector, Endpoint, Scheme};
use model::clock::SystemClock;
use model::finding::{Finding, FindingKind, FindingState};
use model::health::Health;
use model::id::MemberId;
use model::severity::Severity;
use monitor::config::ClusterConfig;
use monitor::fleet::{ClusterHandle, Fleet};
use monitor::sink::PageSink;
use testbed::{Cluster, EtcdVersion, Login};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::faults::{Fault, Made};
use crate::trace;

/// How often the view is looked at, which is how exact the times are.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The clients of the load, and the rest of each between two writes.
const WRITERS: usize = 8;
const WRITE_EVERY: Duration = Duration::from_millis(50);

/// What a fault is made on.
pub(crate) struct Rig {
    pub(crate) etcd: Cluster,
    /// A second cluster, where the fault takes one.
    pub(crate) other: Option<Cluster>,
    pub(crate) fleet: Fleet,
    load: Option<JoinHandle<()>>,
    /// What was told before, where that is written down.
    trace: Option<Mutex<trace::Told>>,
}

impl Rig {
    pub(crate) async fn start(fault: Fault, version: EtcdVersion, is_traced: bool) -> Self {
        let etcd = fault.cluster(version).start().await.expect("the cluster starts");
        let mut other = None;
        if fault.needs_other() {
            other = Some(Cluster::builder(version).members(1).start().await.expect("it starts"));
        }
        let sink = is_traced.then(|| Arc::new(trace::Pages::default()) as Arc<dyn PageSink>);
        let fleet = Fleet::with_stores(Arc::new(SystemClock), None, sink);
        let load = fault.needs_load().then(|| tokio::spawn(write(client_of(&etcd))));
        let trace = is_traced.then(Mutex::default);
        let rig = Self { etcd, other, fleet, load, trace };
        rig.watch(rig.etcd.endpoints());
        rig
    }

    /// Watches these endpoints from now on.
    pub(crate) fn watch(&self, endpoints: Vec<String>) {
        self.fleet.apply(vec![ClusterConfig {
            name: "bench".to_owned(),
            endpoints,
            ..ClusterConfig::default()
        }]);
    }

    fn handle(&self) -> ClusterHandle {
        self.fleet.cluster("bench").expect("it is watched")
    }

    /// Waits until all members are healthy, no finding is worse than a note, and a few sweeps at the
    /// usual pace have been taken since. Returns why not, when that takes longer than `within`.
    pub(crate) async fn well(&self, within: Duration) -> Result<(), Vec<String>> {
        let start = Instant::now();
        self.etcd.wait_ready().await.expect("the cluster is ready");
        // That leaders change often is true after a few repetitions.
        let is_expected = |finding: &Finding| {
            finding.severity == Severity::Info || finding.kind == FindingKind::LeaderFlapping
        };
        let is_well = || {
            let view = self.handle().view();
            view.as_of.is_some()
                && view.members.iter().all(|member| member.health == Health::Healthy)
                && view.findings.iter().all(|finding| is_expected(finding))
        };
        let mut since = None;
        // Somewhere within the period, as faults come: never always at the same moment.
        let pause = Duration::from_millis(2_500 + fastrand::u64(0..2_000));
        while since.is_none_or(|since: Instant| since.elapsed() < pause) {
            if start.elapsed() > within {
                return Err(self.handle().view().reasons.clone());
            }
            since = if is_well() { since.or_else(|| Some(Instant::now())) } else { None };
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// How long after it was made the fault is told; none when it is not.
    pub(crate) async fn told(
        &self,
        fault: Fault,
        made: &Made,
        within: Duration,
    ) -> Option<Duration> {
        while !self.is_open(fault, made.subject) {
            if made.at.elapsed() > within {
                return None;
            }
            sleep(LOOK_EVERY).await;
        }
        Some(made.at.elapsed())
    }

    /// How long after `repaired` the finding is over; none when it is not.
    pub(crate) async fn over(
        &self,
        fault: Fault,
        subject: Option<MemberId>,
        repaired: Instant,
        within: Duration,
    ) -> Option<Duration> {
        while self.is_there(fault, subject) {
            if repaired.elapsed() > within {
                return None;
            }
            sleep(LOOK_EVERY).await;
        }
        Some(repaired.elapsed())
    }

    /// Writes it down, where what was told is.
    pub(crate) fn say(&self, text: &str) {
        if self.trace.is_some() {
            trace::line(text);
        }
    }

    fn is_open(&self, fault: Fault, subject: Option<MemberId>) -> bool {
        self.any(fault, subject, |finding| finding.state == FindingState::Open)
    }

    fn is_there(&self, fault: Fault, subject: Option<MemberId>) -> bool {
        self.any(fault, subject, |_| true)
    }

    fn any(
        &self,
        fault: Fault,
        subject: Option<MemberId>,
        is_wanted: impl Fn(&Finding) -> bool,
    ) -> bool {
        let of = |finding: &Finding| {
            finding.member.as_ref().and_then(|member| member.id) == subject || subject.is_none()
        };
        let view = self.handle().view();
        if let Some(told) = &self.trace {
            told.lock().unwrap_or_else(PoisonError::into_inner).look(&view);
        }
        view.findings
            .iter()
            .any(|finding| fault.tells(finding) && of(finding) && is_wanted(finding))
    }

    /// Has the members' data compared, soon; returns when that was asked for.
    pub(crate) fn ask_for_comparison(&self) -> Instant {
        let handle = self.handle();
        let at = Instant::now();
        tokio::spawn(async move { handle.check_consistency().await });
        at
    }

    /// Waits until all members are healthy, whatever their data is.
    pub(crate) async fn well_but_for_data(&self, within: Duration) {
        let start = Instant::now();
        self.etcd.wait_ready().await.expect("the cluster is ready");
        let is_healthy = || {
            let view = self.handle().view();
            view.members.iter().all(|member| member.health == Health::Healthy)
        };
        while !is_healthy() {
            assert!(start.elapsed() < within, "not well: {:#?}", self.handle().view().reasons);
            sleep(LOOK_EVERY).await;
        }
    }

    pub(crate) async fn end(self) {
        if let Some(load) = self.load {
            load.abort();
        }
        self.fleet.shutdown().await;
    }
}

fn client_of(etcd: &Cluster) -> etcd::Cluster {
    let connector = Connector::new(etcd.client_config(Login::Root)).expect("it can connect");
    let endpoint = |text: &String| Endpoint::parse(text, Scheme::Http).expect("it is one");
    connector.cluster(etcd.endpoints().iter().map(endpoint).collect())
}

/// Writes a small value again and again, by several clients.
async fn write(client: etcd::Cluster) {
    let one = async |number: usize| loop {
        let key = format!("load/{number}");
        // While the cluster has no leader, that is no matter.
        let _ = client.put(key, "value", None, Duration::from_secs(5)).await;
        sleep(WRITE_EVERY).await;
    };
    futures::future::join_all((0..WRITERS).map(one)).await;
}
