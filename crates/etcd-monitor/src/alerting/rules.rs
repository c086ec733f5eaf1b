//! Rules at work: read at start, evaluated on schedule, their series kept and their alerts handed on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alert::Engine;
use jiff::Timestamp;
use model::alert::{ALERT_NAME, Alert};
use model::clock::Clock;
use model::config_error::ConfigError;
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
use super::{globbed, routes, shown_rules};
use crate::history::SeriesSets;

/// The name that the rules which come with the program have in place of a file's.
const DEFAULT_FILE: &str = "default";

/// While an alert waits for its `for`, that it still does is stored this often: after a crash it has
/// waited until then.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// Evaluation that has not come round for so many intervals stands still.
const STANDS_STILL_AFTER: u32 = 4;

/// The groups of all files of `config`, or every mistake in them, with paths within `alerts`.
pub(crate) fn read(config: &Config) -> Result<Vec<Group>, Vec<ConfigError>> {
    let mut groups = Vec::new();
    let mut errors = Vec::new();
    let mut take = |path: String, name: &str, text: &str| match rules::parse(name, text) {
        Ok(file) => groups.extend(file.groups),
        Err(mistakes) => errors.extend(
            mistakes.into_iter().map(|mistake| ConfigError::new(path.clone(), mistake.to_string())),
        ),
    };
    if config.default_rules {
        take("default_rules".to_owned(), DEFAULT_FILE, rules::DEFAULT);
    }
    let mut unread = Vec::new();
    for (index, pattern) in config.rule_files.iter().enumerate() {
        let path = format!("rule_files[{index}]");
        match globbed(pattern) {
            Ok(files) => {
                for file in files {
                    match routes::read(&file) {
                        Ok(text) => take(path.clone(), &file.display().to_string(), &text),
                        Err(message) => unread.push(ConfigError::new(
                            path.clone(),
                            format!("{}: {message}", file.display()),
                        )),
                    }
                }
            }
            Err(message) => unread.push(ConfigError::new(path, message)),
        }
    }
    errors.append(&mut unread);
    if config.findings {
        leave_out_what_findings_tell(&mut groups);
    }
    if errors.is_empty() { Ok(groups) } else { Err(errors) }
}

/// Rules that come with the program and say what a finding tells would only ever be inhibited, and
/// cost a fleet most of the evaluation.
fn leave_out_what_findings_tell(groups: &mut Vec<Group>) {
    for group in groups.iter_mut().filter(|group| group.file == DEFAULT_FILE) {
        group.rules.retain(|rule| !rule.labels.contains_key("finding"));
    }
    groups.retain(|group| !group.rules.is_empty());
}

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
        let longest = (0..evaluator.len()).filter_map(|at| evaluator.group(at).interval).max();
        let limit = longest.unwrap_or(interval).max(interval) * STANDS_STILL_AFTER;
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
            for (at, group) in groups.iter_mut().enumerate() {
                if group.next <= Instant::now() {
                    tokio::select! {
                        () = stop.cancelled() => {
                            self.cancel.cancel();
                            return;
                        }
                        () = self.evaluate(at, group, now) => {}
                    }
                }
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
            }
        };
        (0..evaluator.len()).map(of).collect()
    }

    async fn evaluate(&self, at: usize, group: &mut Scheduled, now: Timestamp) {
        let (evaluator, store) = (Arc::clone(&self.evaluator), self.around.store.clone());
        let done = tokio::task::spawn_blocking(move || {
            let mut evaluator = evaluator.lock().unwrap_or_else(PoisonError::into_inner);
            let evaluation = evaluator.evaluate(at, &store, now);
            (evaluation, shown_rules::of(&evaluator))
        });
        // An error says that it panicked, which the log has.
        let Ok((evaluation, shown)) = done.await else { return };
        self.around.shown.show(shown);
        let missed = group.move_on();
        let Evaluation { samples, mut alerts, changes, gone, errors, .. } = evaluation;
        group.samples = samples;
        for alert in &mut alerts {
            self.complete(alert);
        }
        alerts.extend(self.of_errors(group, &errors, now));
        alerts.extend(self.of_lateness(group, missed, now));
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

    /// Rules that cannot be evaluated are trouble of their own.
    fn of_errors(
        &self,
        group: &mut Scheduled,
        errors: &[(String, String)],
        now: Timestamp,
    ) -> Vec<Alert> {
        let mut alerts = Vec::new();
        for (rule, error) in errors {
            if !group.failed.contains(rule) {
                warn!(group = %group.key, %rule, %error, "a rule cannot be evaluated");
            }
            alerts.push(self.own_alert("EtcdMonitorRuleFailed", &group.key, rule, error, now));
        }
        for rule in group.failed.drain(..) {
            if !errors.iter().any(|(name, _)| *name == rule) {
                let alert = self.own_alert("EtcdMonitorRuleFailed", &group.key, &rule, "", now);
                alerts.push(Alert { ends_at: Some(now), ..alert });
            }
        }
        group.failed = errors.iter().map(|(rule, _)| rule.clone()).collect();
        alerts
    }

    /// So are evaluations that were missed.
    fn of_lateness(&self, group: &mut Scheduled, missed: u32, now: Timestamp) -> Option<Alert> {
        let was_late = std::mem::replace(&mut group.is_late, missed > 0);
        let why = format!("{missed} evaluations were missed; the last one took too long");
        let alert = self.own_alert("EtcdMonitorRulesLate", &group.key, "", &why, now);
        match (was_late, missed > 0) {
            (_, true) => Some(alert),
            (true, false) => Some(Alert { ends_at: Some(now), ..alert }),
            (false, false) => None,
        }
    }

    fn own_alert(&self, name: &str, group: &str, rule: &str, why: &str, now: Timestamp) -> Alert {
        let labels = Labels::new([
            (ALERT_NAME, name),
            ("severity", "warning"),
            ("source", "rules"),
            ("group", group),
            ("rule", rule),
        ]);
        let what = if rule.is_empty() { format!("group {group}") } else { format!("rule {rule}") };
        let summary = match name {
            "EtcdMonitorRulesLate" => format!("{what} is evaluated too late"),
            _ => format!("{what} cannot be evaluated: what it watches over is not watched"),
        };
        Alert {
            labels,
            annotations: Labels::new([("summary", summary.as_str()), ("description", why)]),
            starts_at: now,
            ends_at: None,
            updated_at: now,
            generator_url: format!("{}/prometheus/api/v1/rules", self.around.external_url),
            hidden: None,
        }
    }
}

/// The states of a group as they are saved: with the moment at which they were looked after.
fn states_of(evaluator: &Evaluator, group: &str, now: Timestamp) -> Vec<RuleAlert> {
    let states = evaluator.states().into_iter().filter(|alert| alert.group == group);
    states.map(|alert| RuleAlert { last_sent_at: Some(now), ..alert }).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    fn mistakes(files: &[&Path]) -> Vec<String> {
        let config: Config = serde_json::from_value(json!({"rule_files": files})).unwrap();
        read(&config).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn rules_that_come_with_the_program_stand_back_where_findings_are_told() {
        let count = |findings: bool| {
            let config = Config { findings, ..Config::default() };
            let groups = read(&config).unwrap();
            groups.iter().map(|group| group.rules.len()).sum::<usize>()
        };
        let (beside_findings, alone) = (count(true), count(false));
        assert!(0 < beside_findings && beside_findings < alone / 2, "{beside_findings} of {alone}");
    }

    #[test]
    fn a_mistake_in_a_file_is_told_with_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.yaml");
        std::fs::write(&file, "groups:\n- name: a\n  rules:\n  - {alert: A, expr: 'up =='}\n")
            .unwrap();
        let found = mistakes(&[&file]);
        assert!(
            found[0].starts_with("rule_files[0]: ") && found[0].contains("a.yaml:4"),
            "{found:?}"
        );
        let found = mistakes(&[&directory.path().join("none.yaml")]);
        assert!(found[0].contains("none.yaml: cannot be read"), "{found:?}");
    }
}
