//! Groups of rules, evaluated over series: what they record, and the states of their alerts.
//!
//! As in Prometheus, the rules of a group are evaluated in order and for the same moment, and each
//! sees what those before it have just given, although that is stored only afterwards, with the
//! whole group. Differences to Prometheus:
//!
//! * A rule that fails gives no series in that evaluation, so those that it gave before end at
//!   once; Prometheus lets them run out after five minutes.
//! * An alert that fired before a restart fires after it, however long that took, and is over only
//!   when its rule says so: nobody is left with an alert whose end is never told. `for` goes on
//!   where it stood, also when it is shorter than ten minutes.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::alert::Alert;
use model::rule_alert::{RuleAlert, RuleState};
use model::series::Labels;
use promql::{Cancel, Engine, Storage};
use tokio::time::Instant;

mod ahead;
mod alerting;
mod context;
mod overlay;
mod recording;
mod status;
#[cfg(test)]
mod tests;

use crate::file::{Group, Rule};
use crate::template::functions::link;
use ahead::{Ahead, Found};
use alerting::Alerts;
use context::Context;
use overlay::Overlay;
pub use status::{GroupStatus, Health, RuleStatus};

/// The longest outage after which pending alerts go on, as in Prometheus.
const OUTAGE_TOLERANCE: SignedDuration = SignedDuration::from_hours(1);

/// Evaluates groups and remembers the states of their alerts.
#[derive(Debug)]
pub struct Evaluator {
    groups: Vec<Running>,
    external_labels: Labels,
    external_url: String,
    engine: Engine,
    cancel: Cancel,
}

/// What one evaluation of a group gives.
#[derive(Debug, Default)]
pub struct Evaluation {
    /// The moment of the samples, milliseconds since 1970 UTC: behind the evaluation by the group's
    /// `query_offset`.
    pub at_ms: i64,
    /// What was recorded, `ALERTS` and `ALERTS_FOR_STATE`: all series that the group has now.
    pub samples: Vec<(Labels, f64)>,
    /// Alerts that began to fire, are over, or whose annotations say something else than other
    /// numbers. [`Evaluator::active`] gives all that fire.
    pub alerts: Vec<Alert>,
    /// States to save.
    pub changes: Vec<RuleAlert>,
    /// States that need not be saved any longer.
    pub gone: Vec<RuleAlert>,
    /// Rules that failed, by name, and why.
    pub errors: Vec<(String, String)>,
}

/// What came of saved states that no rule has any more.
#[derive(Debug, Default)]
pub struct Restored {
    /// Alerts that fired and whose rule is gone: they are over.
    pub alerts: Vec<Alert>,
    /// States that need not be saved any longer.
    pub gone: Vec<RuleAlert>,
}

/// A group with the state of its rules.
#[derive(Debug)]
struct Running {
    group: Group,
    rules: Vec<RunningRule>,
    last_evaluation: Option<Timestamp>,
    evaluation_time: Duration,
    evaluations: u64,
    failures: u64,
}

#[derive(Debug)]
struct RunningRule {
    /// Whether it may be evaluated before those above it.
    is_ahead: bool,
    /// None for a recording rule.
    alerts: Option<Alerts>,
    /// The series of the last evaluation.
    series: Vec<Labels>,
    last_error: Option<String>,
    last_evaluation: Option<Timestamp>,
    evaluation_time: Duration,
}

impl Evaluator {
    /// Evaluates `groups`; every alert carries `external_labels` that it has not itself, and links
    /// under `external_url`.
    pub fn new(groups: Vec<Group>, external_labels: Labels, external_url: &str) -> Self {
        Self {
            groups: groups.into_iter().map(Running::new).collect(),
            external_labels,
            external_url: external_url.trim_end_matches('/').to_owned(),
            engine: Engine::default(),
            cancel: Cancel::default(),
        }
    }

    /// Evaluates with the limits and the lookback of `engine`.
    #[must_use]
    pub fn with_engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// Ends evaluations from another thread; their rules fail.
    pub fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there is nothing to evaluate.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The group at `index`.
    pub fn group(&self, index: usize) -> &Group {
        &self.groups[index].group
    }

    /// Takes the states from before a restart or of other rule files. `down_at` is the last moment
    /// at which they were looked after.
    ///
    /// A state belongs to the rule of the same name in the same group, at its place or else the
    /// first. Pending alerts have waited as long as at `down_at`; after more than an hour they begin
    /// anew.
    pub fn restore(
        &mut self,
        saved: Vec<RuleAlert>,
        down_at: Timestamp,
        now: Timestamp,
    ) -> Restored {
        let outage = now.duration_since(down_at).max(SignedDuration::ZERO);
        let keys: BTreeMap<String, usize> =
            self.groups.iter().enumerate().map(|(at, group)| (group.group.key(), at)).collect();
        let mut restored = Restored::default();
        for mut alert in saved {
            let group = keys.get(&alert.group).map(|index| &mut self.groups[*index]);
            let index = group.as_ref().and_then(|group| group.find(&alert));
            let is_lost = alert.state == RuleState::Pending && outage > OUTAGE_TOLERANCE;
            let target = group.zip(index).filter(|_| !is_lost);
            let target = target.and_then(|(group, index)| group.rules[index].alerts.as_mut());
            let Some(alerts) = target else {
                restored.gone.push(alert.clone());
                if alert.state == RuleState::Firing {
                    alert.state = RuleState::Inactive;
                    alert.resolved_at = Some(now);
                    restored.alerts.push(self.as_alert(&alert, "", now));
                }
                continue;
            };
            if alert.state == RuleState::Pending {
                alert.active_at = alert.active_at.saturating_add(outage).unwrap_or(now).min(now);
            }
            if index != Some(alert.rule_index) {
                restored.gone.push(alert.clone());
            }
            alerts.restore(alert);
        }
        restored
    }

    /// Evaluates the group at `index`.
    pub fn evaluate(&mut self, index: usize, storage: &dyn Storage, now: Timestamp) -> Evaluation {
        self.evaluate_all(&[index], storage, now).pop().unwrap_or_default()
    }

    /// Evaluates the groups at `indexes`, in that order. Together they cost less than one by one,
    /// since what several rules ask for is read once.
    pub fn evaluate_all(
        &mut self,
        indexes: &[usize],
        storage: &dyn Storage,
        now: Timestamp,
    ) -> Vec<Evaluation> {
        let begun = Instant::now();
        let rules = indexes.iter().flat_map(|at| {
            let running = &self.groups[*at];
            let rules = running.group.rules.iter().zip(&running.rules).enumerate();
            let ahead = rules.filter(|(_, (_, state))| state.is_ahead);
            ahead.map(move |(place, (rule, _))| ((*at, place), rule, running.at_ms(now)))
        });
        let mut ahead = Ahead::evaluate(rules, &self.engine, storage, &self.cancel);
        let shared = begun.elapsed();
        let of = |index: &usize| self.evaluate_group(*index, storage, now, &mut ahead, shared);
        indexes.iter().map(of).collect()
    }

    /// `shared` is the time that was spent for all groups together.
    fn evaluate_group(
        &mut self,
        index: usize,
        storage: &dyn Storage,
        now: Timestamp,
        ahead: &mut Ahead,
        shared: Duration,
    ) -> Evaluation {
        let begun = Instant::now();
        let running = &mut self.groups[index];
        let at_ms = running.at_ms(now);
        let mut evaluation = Evaluation { at_ms, ..Evaluation::default() };
        let mut told = Vec::new();
        let mut overlay = Overlay::new(storage, at_ms);
        let rules = running.group.rules.iter().zip(&mut running.rules).enumerate();
        for (place, (rule, state)) in rules {
            let context = Context {
                engine: &self.engine,
                storage: &overlay,
                cancel: &self.cancel,
                at_ms,
                now,
                external_labels: &self.external_labels,
                external_url: &self.external_url,
                limit: running.group.limit,
            };
            let changes = state.evaluate(rule, context, ahead.take((index, place)));
            let series = changes.samples.iter().map(|(labels, _)| labels.clone()).collect();
            overlay.add(&changes.samples, &std::mem::replace(&mut state.series, series));
            if let Some(error) = &state.last_error {
                evaluation.errors.push((rule.name.clone(), error.clone()));
            }
            evaluation.samples.extend(changes.samples);
            evaluation.changes.extend(changes.changed);
            evaluation.gone.extend(changes.gone);
            told.extend(changes.told.into_iter().map(|alert| (alert, rule.text.clone())));
        }
        running.evaluations += 1;
        running.failures += evaluation.errors.len() as u64;
        running.last_evaluation = Some(now);
        running.evaluation_time = shared + begun.elapsed();
        evaluation.alerts =
            told.iter().map(|(alert, text)| self.as_alert(alert, text, now)).collect();
        evaluation
    }

    /// Every alert that fires.
    pub fn active(&self, now: Timestamp) -> Vec<Alert> {
        let mut active = Vec::new();
        for running in &self.groups {
            for (rule, state) in running.group.rules.iter().zip(&running.rules) {
                let firing = state.states().filter(|alert| alert.state == RuleState::Firing);
                active.extend(firing.map(|alert| self.as_alert(alert, &rule.text, now)));
            }
        }
        active
    }

    /// Every state that a restart has to know, for instance to give it to an evaluator of other
    /// rule files.
    pub fn states(&self) -> Vec<RuleAlert> {
        let rules = self.groups.iter().flat_map(|running| &running.rules);
        rules.flat_map(RunningRule::states).cloned().collect()
    }

    /// Groups, rules and their alerts, for people and APIs.
    pub fn status(&self) -> impl Iterator<Item = GroupStatus<'_>> {
        self.groups.iter().map(Running::status)
    }

    fn as_alert(&self, alert: &RuleAlert, expression: &str, now: Timestamp) -> Alert {
        let generator_url = format!("{}{}", self.external_url, link(expression, 1));
        Alert {
            labels: alert.labels.and(&self.external_labels),
            annotations: alert.annotations.clone(),
            starts_at: alert.fired_at.unwrap_or(alert.active_at),
            ends_at: (alert.state == RuleState::Inactive).then(|| alert.resolved_at.unwrap_or(now)),
            updated_at: now,
            generator_url: if expression.is_empty() { String::new() } else { generator_url },
            hidden: None,
        }
    }
}

impl Running {
    fn new(group: Group) -> Self {
        let rules = group.rules.iter().enumerate();
        let rules = rules.map(|(index, rule)| RunningRule {
            is_ahead: ahead::is_possible(rule, &group),
            alerts: rule.alert.as_ref().map(|_| Alerts::new(group.key(), index)),
            series: Vec::new(),
            last_error: None,
            last_evaluation: None,
            evaluation_time: Duration::ZERO,
        });
        let rules = rules.collect();
        Self {
            group,
            rules,
            last_evaluation: None,
            evaluation_time: Duration::ZERO,
            evaluations: 0,
            failures: 0,
        }
    }

    /// The moment that an evaluation asks about, milliseconds since 1970 UTC.
    fn at_ms(&self, now: Timestamp) -> i64 {
        let offset_ms = i64::try_from(self.group.query_offset.as_millis()).unwrap_or(i64::MAX);
        now.as_millisecond().saturating_sub(offset_ms)
    }

    /// The place of the rule that a saved state belongs to.
    fn find(&self, alert: &RuleAlert) -> Option<usize> {
        let is_its = |rule: &Rule| rule.name == alert.rule && rule.alert.is_some();
        let rules = &self.group.rules;
        if rules.get(alert.rule_index).is_some_and(is_its) {
            return Some(alert.rule_index);
        }
        rules.iter().position(is_its)
    }
}

impl RunningRule {
    fn states(&self) -> impl Iterator<Item = &RuleAlert> {
        self.alerts.iter().flat_map(Alerts::iter)
    }

    fn evaluate(
        &mut self,
        rule: &Rule,
        context: Context<'_>,
        ahead: Option<Found>,
    ) -> alerting::Changes {
        let begun = Instant::now();
        let before = ahead.as_ref().map(|found| found.time).unwrap_or_default();
        let found = match ahead {
            Some(Found { points, .. }) => Ok(points),
            None => context.vector(&rule.query),
        };
        let (changes, result) = match (&rule.alert, &mut self.alerts) {
            (Some(alert), Some(alerts)) => alerts.evaluate(rule, alert, found, context),
            _ => match recording::evaluate(rule, found, context.limit) {
                Ok(samples) => (alerting::Changes { samples, ..Default::default() }, Ok(())),
                Err(error) => (alerting::Changes::default(), Err(error)),
            },
        };
        self.last_error = result.err();
        self.last_evaluation = Some(context.now);
        self.evaluation_time = before + begun.elapsed();
        changes
    }
}
