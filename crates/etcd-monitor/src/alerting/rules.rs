//! Rules at work: evaluated on schedule, their series kept and their alerts handed on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alert::Engine;
use jiff::Timestamp;
use model::alert::Alert;
use model::clock::Clock;
use model::rule_alert::{RuleAlert, RuleState};
use model::series::Labels;
use promql::Cancel;
use rules::{Evaluation, Evaluator, Group};
use server::rules::Rules as Shown;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use tsdb::Tsdb;

use super::config::Config;
use super::lateness::Lateness;
use super::rule_trouble::{self as trouble, Moment};
use super::shown_rules;
use crate::history::SeriesSets;

/// While an alert waits for its `for`, that it still does is stored this often: after a crash it has
/// waited until then.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// Evaluation that has not come round for so many intervals stands still.
const STANDS_STILL_AFTER: u32 = 4;

/// What rules work with.
pub(crate) struct Surroundings {
    /// What they are evaluated over, and where their series go.
    pub(crate) store: Tsdb,
    /// Who takes their alerts.
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<dyn Clock>,
    /// Where people reach this monitor.
    pub(crate) external_url: String,
    /// Where the API looks.
    pub(crate) shown: Shown,
    /// Where it is noted that evaluations are missed.
    pub(crate) lateness: Lateness,
    /// Whether findings become alerts.
    pub(crate) tells_findings: bool,
}

/// Evaluates groups until it is told to stop.
pub(crate) struct Rules {
    evaluator: Arc<Mutex<Evaluator>>,
    around: Surroundings,
    series: SeriesSets,
    interval: Duration,
    cancel: Cancel,
    pulse: Pulse,
}

/// When evaluation was last seen to go on.
#[derive(Debug, Clone)]
pub(crate) struct Pulse {
    last: Arc<Mutex<Instant>>,
    limit: Duration,
}

impl Pulse {
    /// Whether evaluation goes on.
    pub(crate) fn is_alive(&self) -> bool {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < self.limit
    }

    fn beat(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// One group between two evaluations.
struct Scheduled {
    key: String,
    interval: Duration,
    next: Instant,
    saved_at: Option<Instant>,
    /// The series that it gave last.
    samples: Vec<(Labels, f64)>,
    /// Rules that failed last time.
    failed: Vec<String>,
    is_late: bool,
    /// Evaluations that were left out so far.
    missed: u64,
}

impl Scheduled {
    /// Sets the time of the next evaluation; gives back how many were missed.
    fn move_on(&mut self) -> u32 {
        let now = Instant::now();
        let mut missed = 0;
        self.next += self.interval;
        while self.next + self.interval <= now {
            self.next += self.interval;
            missed += 1;
        }
        self.missed += u64::from(missed);
        missed
    }
}

impl Rules {
    /// Begins where `saved` left off.
    pub(crate) async fn start(
        config: &Config,
        groups: Vec<Group>,
        saved: Vec<RuleAlert>,
        around: Surroundings,
    ) -> Self {
        let Surroundings { engine, external_url, .. } = &around;
        let mut evaluator = Evaluator::new(groups, Labels::default(), external_url);
        let now = around.clock.now();
        let down_at = saved.iter().filter_map(|alert| alert.last_sent_at).max().unwrap_or(now);
        let groups_of_gone: Vec<String> = saved.iter().map(|alert| alert.group.clone()).collect();
        let restored = evaluator.restore(saved, down_at, now);
        // Rules that are gone, or at another place: what is saved of their groups is written anew.
        for group in groups_of_gone.into_iter().collect::<std::collections::BTreeSet<_>>() {
            if restored.gone.iter().any(|alert| alert.group == group) {
                let states = states_of(&evaluator, &group, now);
                let _ = engine.receive_of_rules(group, Some(states), Vec::new()).await;
            }
        }
        if let Err(error) = engine.receive(restored.alerts).await {
            warn!(%error, "alerts of rules that are gone cannot be ended");
        }
        let interval = config.evaluation_interval;
        // It wakes for the group that is evaluated most often.
        let intervals = (0..evaluator.len()).map(|at| evaluator.group(at).interval);
        let shortest = intervals.map(|own| own.unwrap_or(interval)).min().unwrap_or(interval);
        let limit = shortest * STANDS_STILL_AFTER;
        let pulse = Pulse { last: Arc::new(Mutex::new(Instant::now())), limit };
        let cancel = evaluator.cancel();
        let evaluator = Arc::new(Mutex::new(evaluator));
        let series = SeriesSets::new(around.store.clone());
        Self { evaluator, around, series, interval, cancel, pulse }
    }

    /// Whether it goes on, for others to see.
    pub(crate) fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Evaluates each group at its interval until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut groups = self.schedule();
        self.resume(&mut groups).await;
        self.around.shown.show(shown_rules::of(&self.lock(), &[]));
        if groups.is_empty() {
            // Nothing that could stand still.
            loop {
                self.pulse.beat();
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(self.interval) => {}
                }
            }
        }
        info!(groups = groups.len(), "rules are evaluated");
        loop {
            let Some(next) = groups.iter().map(|group| group.next).min() else { return };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep_until(next) => {}
            }
            let now = self.around.clock.now();
            tokio::select! {
                () = stop.cancelled() => {
                    self.cancel.cancel();
                    return;
                }
                () = self.evaluate(&mut groups, now) => {}
            }
            self.keep(&groups, now);
            self.pulse.beat();
        }
    }

    /// Keeps what all groups gave last. Series of one store with the same labels in common are one
    /// set, in which what is not there is over; so those of all groups are written together.
    fn keep(&self, groups: &[Scheduled], now: Timestamp) {
        let all: Vec<_> = groups.iter().flat_map(|group| group.samples.iter().cloned()).collect();
        if let Err(error) = self.series.append("rules", &Labels::default(), now, &all) {
            warn!(%error, "series of rules are not kept");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Evaluator> {
        self.evaluator.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The groups, each first evaluated after its interval.
    fn schedule(&self) -> Vec<Scheduled> {
        let evaluator = self.lock();
        let begin = Instant::now();
        let of = |at: usize| {
            let group = evaluator.group(at);
            let interval = group.interval.unwrap_or(self.interval);
            Scheduled {
                key: group.key(),
                interval,
                next: begin + interval,
                saved_at: None,
                samples: Vec::new(),
                failed: Vec::new(),
                is_late: false,
                missed: 0,
            }
        };
        (0..evaluator.len()).map(of).collect()
    }

    /// Takes up what was told of rules before a restart; of groups that are gone it is over.
    async fn resume(&self, groups: &mut [Scheduled]) {
        let now = self.around.clock.now();
        let mut over = Vec::new();
        for view in self.around.engine.alerts() {
            let Some(known) = trouble::told(&view.alert) else { continue };
            match groups.iter_mut().find(|group| group.key == known.group) {
                Some(group) if known.rule.is_empty() => group.is_late = true,
                Some(group) => group.failed.push(known.rule.to_owned()),
                None => over.push(Alert { ends_at: Some(now), ..Alert::clone(&view.alert) }),
            }
        }
        if let Err(error) = self.around.engine.receive(over).await {
            warn!(%error, "alerts of rules that are gone cannot be ended");
        }
    }

    /// Evaluates the groups that are due, together, since then the history is read once for all.
    async fn evaluate(&self, groups: &mut [Scheduled], now: Timestamp) {
        let is_due = |(_, group): &(usize, &Scheduled)| group.next <= Instant::now();
        let due: Vec<usize> = groups.iter().enumerate().filter(is_due).map(|(at, _)| at).collect();
        let (evaluator, store) = (Arc::clone(&self.evaluator), self.around.store.clone());
        let indexes = due.clone();
        let done = tokio::task::spawn_blocking(move || {
            let mut evaluator = evaluator.lock().unwrap_or_else(PoisonError::into_inner);
            evaluator.evaluate_all(&indexes, &store, now)
        });
        let Ok(evaluations) = done.await else {
            // It panicked, which the log has; the next round may go better.
            for at in due {
                groups[at].move_on();
            }
            return;
        };
        for (at, evaluation) in due.into_iter().zip(evaluations) {
            self.take(&mut groups[at], evaluation, now).await;
        }
        let missed: Vec<u64> = groups.iter().map(|group| group.missed).collect();
        let shown = shown_rules::of(&self.lock(), &missed);
        self.around.shown.show(shown);
    }

    /// Keeps and hands on what a group gave.
    async fn take(&self, group: &mut Scheduled, evaluation: Evaluation, now: Timestamp) {
        let missed = group.move_on();
        self.around.lateness.note(&group.key, group.interval, missed, now);
        let of = Moment { now, external_url: &self.around.external_url };
        let Evaluation { samples, mut alerts, changes, gone, errors, .. } = evaluation;
        group.samples = samples;
        for alert in &mut alerts {
            self.complete(alert);
        }
        alerts.extend(trouble::of_errors(&group.key, &mut group.failed, &errors, of));
        let was_late = std::mem::replace(&mut group.is_late, missed > 0);
        // Where findings are told, one tells of it.
        if !self.around.tells_findings {
            alerts.extend(trouble::of_lateness(&group.key, was_late, missed, of));
        }
        let is_changed = !changes.is_empty() || !gone.is_empty();
        let is_old = group.saved_at.is_none_or(|at| at.elapsed() >= SAVE_EVERY);
        let mut remembered = None;
        if is_changed || is_old {
            let states = states_of(&self.lock(), &group.key, now);
            if is_changed || states.iter().any(|alert| alert.state == RuleState::Pending) {
                remembered = Some(states);
            }
            group.saved_at = Some(Instant::now());
        }
        if remembered.is_some() || !alerts.is_empty() {
            let key = group.key.clone();
            if let Err(error) = self.around.engine.receive_of_rules(key, remembered, alerts).await {
                warn!(group = %group.key, %error, "alerts of rules cannot be handed on");
            }
        }
    }

    /// A runbook of ours is found at our own address.
    fn complete(&self, alert: &mut Alert) {
        const OURS: &str = "docs/runbooks/";
        let Some(path) = alert.annotations.get("runbook_url") else { return };
        let Some(name) = path.strip_prefix(OURS) else { return };
        let url = format!("{}/runbooks/{}", self.around.external_url, name.trim_end_matches(".md"));
        alert.annotations = Labels::new([("runbook_url", url)]).and(&alert.annotations);
    }
}

/// The states of a group as they are saved: with the moment at which they were looked after.
fn states_of(evaluator: &Evaluator, group: &str, now: Timestamp) -> Vec<RuleAlert> {
    let states = evaluator.states().into_iter().filter(|alert| alert.group == group);
    states.map(|alert| RuleAlert { last_sent_at: Some(now), ..alert }).collect()
}
