//! Hand-made clusters for tests: what their members say, sweep by sweep, and what a judge makes of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use etcd::{Alarm, Endpoint, Header, MemberInfo, MemberList, Scheme, Status};
use jiff::{SignedDuration, Timestamp};
use model::finding::{Finding, FindingKind, FindingState};
use model::id::{ClusterId, MemberId};
use model::maintenance::Maintenance;
use store::Past;

use crate::benchmark::Benchmark;
use crate::chronicle::Chronicle;
use crate::config::Thresholds;
use crate::consistency::Consistency;
use crate::judge::{Brief, Judge, Verdict};
use crate::metrics::page::Page;
use crate::metrics::window::PageWindow;
use crate::scrape::{ProfilerAnswer, Scrape};
use crate::skew::ClockReading;
use crate::sweep::{Call, MemberSweep, Observed, Sweep};
use crate::targets::Configured;

/// The time between two scrapes.
pub(crate) const SCRAPES: Duration = Duration::from_secs(15);

/// What one endpoint says.
#[derive(Debug, Clone)]
pub(crate) struct Says {
    /// Where it is asked.
    pub(crate) endpoint: Endpoint,
    /// Whether it answers at all; if not, everything is late.
    pub(crate) answers: bool,
    /// Whether its linearizable read succeeds; if not, it is late.
    pub(crate) reads: bool,
    /// Its Status; the header of every other answer is that of it.
    pub(crate) status: Status,
    /// The member list as it has it.
    pub(crate) local_members: Vec<MemberInfo>,
    /// The alarms that it reports.
    pub(crate) alarms: Vec<Alarm>,
    /// Whether its serializable read succeeds; if not, it is late.
    pub(crate) serves_reads: bool,
    /// When the certificate that it shows expires.
    pub(crate) certificate_expires_at: Option<Timestamp>,
    /// The lines of its `/metrics`; none is served while it is empty.
    pub(crate) page: BTreeMap<String, f64>,
    /// How far its clock is ahead of ours, milliseconds.
    pub(crate) clock_ms: i64,
    /// Whether it serves its profiler.
    pub(crate) profiler: bool,
    /// How long its answers take.
    pub(crate) took: Duration,
}

/// A cluster of members `m1`, `m2`, …, all well and led by `m1`, before a test changes what they say.
pub(crate) struct Scene {
    /// What each endpoint says from now on.
    pub(crate) says: Vec<Says>,
    /// The member list as the quorum has it.
    pub(crate) members: Vec<MemberInfo>,
    /// The time of the next sweep.
    pub(crate) now: Timestamp,
    /// What is known of the equality of the members' data.
    pub(crate) consistency: Option<Consistency>,
    /// What is known of its benchmarks.
    pub(crate) benchmark: Option<Arc<Benchmark>>,
    judge: Judge,
    sweeps: u64,
    windows: BTreeMap<Endpoint, PageWindow>,
    scrapes: BTreeMap<Endpoint, Arc<Scrape>>,
}

/// The member `m{id}` in a member list.
pub(crate) fn listed(id: u64) -> MemberInfo {
    MemberInfo {
        id: MemberId(id),
        name: format!("m{id}"),
        peer_urls: vec![format!("http://m{id}:2380")],
        client_urls: vec![format!("http://m{id}:2379")],
        is_learner: false,
    }
}

fn endpoint(id: u64) -> Endpoint {
    Endpoint::parse(&format!("m{id}:2379"), Scheme::Http).unwrap()
}

fn says(id: u64, members: &[MemberInfo]) -> Says {
    let header =
        Header { cluster_id: ClusterId(0xc1), member_id: MemberId(id), revision: 70, raft_term: 2 };
    Says {
        endpoint: endpoint(id),
        answers: true,
        reads: true,
        status: Status {
            header,
            version: "3.6.14".into(),
            db_size_bytes: 4 << 20,
            db_size_in_use_bytes: Some(3 << 20),
            leader: Some(MemberId(1)),
            raft_index: 90,
            raft_term: 2,
            raft_applied_index: 90,
            errors: Vec::new(),
            is_learner: false,
            storage_version: None,
            db_size_quota_bytes: None,
            downgrade: None,
        },
        local_members: members.to_vec(),
        alarms: Vec::new(),
        serves_reads: true,
        certificate_expires_at: None,
        page: BTreeMap::new(),
        clock_ms: 0,
        profiler: false,
        took: Duration::from_millis(2),
    }
}

impl Scene {
    /// A cluster of `size` members.
    pub(crate) fn new(size: u64) -> Self {
        let members: Vec<MemberInfo> = (1..=size).map(listed).collect();
        let brief = Brief {
            name: "test".into(),
            labels: BTreeMap::new(),
            configured: Configured {
                endpoints: (1..=size).map(endpoint).collect(),
                map: BTreeMap::new(),
                default_scheme: Scheme::Http,
            },
            is_anonymous: true,
            thresholds: Thresholds::default(),
            scrape_interval: SCRAPES,
        };
        Self {
            says: (1..=size).map(|id| says(id, &members)).collect(),
            members,
            now: Timestamp::from_second(1_800_000_000).unwrap(),
            consistency: None,
            benchmark: None,
            judge: Judge::new(brief, Past::default()),
            sweeps: 0,
            windows: BTreeMap::new(),
            scrapes: BTreeMap::new(),
        }
    }

    /// Changes what the judge is told once.
    pub(crate) fn rebrief(&mut self, change: impl FnOnce(&mut Brief)) {
        let mut brief = self.judge.brief().clone();
        change(&mut brief);
        self.judge.rebrief(brief);
    }

    /// What the judge remembers.
    pub(crate) fn chronicle(&self) -> &Chronicle {
        self.judge.chronicle()
    }

    /// What `m{id}` says.
    pub(crate) fn member(&mut self, id: u64) -> &mut Says {
        &mut self.says[id as usize - 1]
    }

    /// Adds one more endpoint, which speaks for `m{id}` and is asked because it is configured.
    pub(crate) fn also_says(&mut self, id: u64, at: &str) -> &mut Says {
        let endpoint = Endpoint::parse(at, Scheme::Http).unwrap();
        self.rebrief(|brief| brief.configured.endpoints.push(endpoint.clone()));
        self.says.push(Says { endpoint, ..says(id, &self.members) });
        self.says.last_mut().unwrap()
    }

    /// Declares maintenance windows, in place of those before.
    pub(crate) fn declare(&mut self, windows: Vec<Maintenance>) {
        self.judge.declare(Arc::new(windows));
    }

    /// The monitor is started again, with these findings on record.
    pub(crate) fn restart_monitor(&mut self, open_findings: Vec<Finding>) {
        let past = Past { open_findings, ..Past::default() };
        self.judge = Judge::new(self.judge.brief().clone(), past);
    }

    /// From now on the monitor says who it is.
    pub(crate) fn present_credentials(&mut self) {
        let brief = Brief { is_anonymous: false, ..self.judge.brief().clone() };
        self.judge.rebrief(brief);
    }

    /// Sets one line of the `/metrics` of `m{id}`, such as `etcd_server_has_leader`.
    pub(crate) fn metric(&mut self, id: u64, series: &str, value: f64) {
        self.member(id).page.insert(series.to_owned(), value);
    }

    /// Reads the `/metrics` of all members that answer, as they are now.
    pub(crate) fn scrape(&mut self) {
        let at = self.now;
        for says in self.says.iter().filter(|says| says.answers && !says.page.is_empty()) {
            let lines = says.page.iter().map(|(series, value)| format!("{series} {value}"));
            let text = lines.collect::<Vec<_>>().join("\n");
            let page = Arc::new(Page::parse(text.as_bytes(), at).unwrap());
            self.windows.entry(says.endpoint.clone()).or_default().push(Arc::clone(&page));
            let scrape =
                Scrape { clock: dates(at, says.clock_ms), ..Scrape::of_page(at, Ok(page)) };
            self.scrapes.insert(says.endpoint.clone(), Arc::new(scrape));
        }
    }

    /// Takes one sweep, and two seconds pass.
    pub(crate) fn sweep(&mut self) -> Verdict {
        self.sweeps += 1;
        let started_at = self.now;
        let sweep = Sweep {
            number: self.sweeps,
            started_at,
            closed_at: started_at + SignedDuration::from_millis(5),
            members: self.says.iter().map(|says| self.member_sweep(says, started_at)).collect(),
            consistency: self.consistency.clone().map(Arc::new),
            benchmark: self.benchmark.clone(),
        };
        self.now += SignedDuration::from_secs(2);
        self.judge.advance(sweep, None)
    }

    /// Takes so many sweeps; the last verdict.
    pub(crate) fn sweeps(&mut self, count: u32) -> Verdict {
        (1..count).for_each(|_| drop(self.sweep()));
        self.sweep()
    }

    /// Takes sweeps for `time`, with a scrape whenever one is due; `each` is called before each
    /// scrape with how many there were. The last verdict.
    pub(crate) fn run(&mut self, time: Duration, mut each: impl FnMut(&mut Self, u32)) -> Verdict {
        let end = self.now + SignedDuration::try_from(time).unwrap();
        let mut next_scrape = self.now;
        let mut scrapes = 0;
        loop {
            if self.now >= next_scrape {
                each(self, scrapes);
                self.scrape();
                scrapes += 1;
                next_scrape += SignedDuration::try_from(SCRAPES).unwrap();
            }
            let verdict = self.sweep();
            if self.now >= end {
                return verdict;
            }
        }
    }

    fn member_sweep(&self, says: &Says, started_at: Timestamp) -> MemberSweep {
        let header = says.status.header;
        let list = |members: &Vec<MemberInfo>| MemberList { header, members: members.clone() };
        let when = |condition: bool| condition.then_some(());
        let (answers, reads) = (when(says.answers), when(says.answers && says.reads));
        MemberSweep {
            status: observed(started_at, says.took, answers.map(|()| says.status.clone())),
            local_members: observed(
                started_at,
                says.took,
                answers.map(|()| list(&says.local_members)),
            ),
            members: observed(started_at, says.took, reads.map(|()| list(&self.members))),
            alarms: observed(started_at, says.took, answers.map(|()| says.alarms.clone())),
            serializable_read: observed(
                started_at,
                says.took,
                when(says.answers && says.serves_reads).map(|()| header),
            ),
            certificate_expires_at: says.certificate_expires_at,
            linearizable_read: observed(started_at, says.took, reads.map(|()| header)),
            scrape: self.scrapes.get(&says.endpoint).cloned(),
            profiler: self
                .scrapes
                .get(&says.endpoint)
                .map(|scrape| ProfilerAnswer { at: scrape.at, is_served: says.profiler }),
            figures: self.windows.get(&says.endpoint).and_then(PageWindow::figures).map(Arc::new),
            ..MemberSweep::of(says.endpoint.clone())
        }
    }
}

/// The dates of the two replies of a scrape that begins at `at`; it comes at another part of the
/// second each time.
fn dates(at: Timestamp, ahead_ms: i64) -> Vec<ClockReading> {
    let part = at.as_second() * 137 % 1_000;
    let reply = |n: i64| {
        let sent_at = at + SignedDuration::from_millis(part + 3 * n);
        let written = sent_at + SignedDuration::from_millis(1 + ahead_ms);
        let date = Timestamp::from_second(written.as_millisecond().div_euclid(1_000)).unwrap();
        ClockReading { sent_at, took: Duration::from_millis(2), date }
    };
    (0..2).map(reply).collect()
}

fn observed<T>(started_at: Timestamp, took: Duration, answer: Option<T>) -> Observed<T> {
    match answer {
        Some(answer) => Observed {
            last: Some(Arc::new(Call { sent_at: started_at, took, result: Ok(answer) })),
            waiting: None,
        },
        None => Observed { last: None, waiting: Some(Duration::from_secs(2)) },
    }
}

/// The findings of a kind in the view of a verdict.
pub(crate) fn of_kind(verdict: &Verdict, kind: FindingKind) -> Vec<Arc<Finding>> {
    verdict.view.findings.iter().filter(|finding| finding.kind == kind).cloned().collect()
}

/// The open findings of a verdict in words: `kind member/about`, worst first.
pub(crate) fn open(verdict: &Verdict) -> Vec<String> {
    let is_open = |finding: &&Arc<Finding>| finding.state == FindingState::Open;
    let word = |finding: &Arc<Finding>| {
        let member = finding.member.as_ref().map_or("", |member| member.name.as_str());
        let about = match finding.about.as_str() {
            "" => String::new(),
            about => format!("/{about}"),
        };
        format!("{} {member}{about}", finding.kind).trim_end().to_owned()
    };
    verdict.view.findings.iter().filter(is_open).map(word).collect()
}

mod tests {
    use super::*;

    #[test]
    fn a_scene_that_nobody_changed_is_a_healthy_cluster() {
        let mut scene = Scene::new(3);
        for id in 1..=3 {
            scene.metric(id, "etcd_server_has_leader", 1.0);
        }
        let verdict = scene.run(Duration::from_mins(2), |_, _| {});
        assert_eq!(open(&verdict), [""; 0]);
        assert!(verdict.is_calm);
        assert!(of_kind(&verdict, FindingKind::QuorumLost).is_empty());
        scene.member(1).answers = false;
        scene.also_says(2, "m9:2379");
        assert!(!scene.sweeps(2).is_calm);
    }
}
