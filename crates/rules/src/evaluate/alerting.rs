//! The alerts of an alerting rule: which there are, since when, and how far they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::alert::ALERT_NAME;
use model::rule_alert::{RuleAlert, RuleState};
use model::series::{Labels, METRIC_NAME};

use super::context::{Context, Point};
use super::recording::with;
use crate::file::{AlertRule, Rule};
use crate::template::Template;

/// How long an alert that is over is remembered, as in Prometheus.
const RESOLVED_RETENTION: SignedDuration = SignedDuration::from_mins(15);

/// The alerts of one rule.
#[derive(Debug)]
pub(super) struct Alerts {
    /// `file;group`
    group: String,
    /// The rule's place in its group.
    index: usize,
    active: BTreeMap<Labels, RuleAlert>,
}

/// What one evaluation has changed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// `ALERTS` and `ALERTS_FOR_STATE`.
    pub(super) samples: Vec<Point>,
    /// Alerts that are not as they were saved.
    pub(super) changed: Vec<RuleAlert>,
    /// Alerts that need not be remembered any longer.
    pub(super) gone: Vec<RuleAlert>,
    /// Alerts that began to fire, are over, or say something else.
    pub(super) told: Vec<RuleAlert>,
}

impl Alerts {
    pub(super) fn new(group: String, index: usize) -> Self {
        Self { group, index, active: BTreeMap::new() }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &RuleAlert> {
        self.active.values()
    }

    /// Takes an alert from before a restart.
    pub(super) fn restore(&mut self, mut alert: RuleAlert) {
        alert.group.clone_from(&self.group);
        alert.rule_index = self.index;
        self.active.insert(alert.labels.clone(), alert);
    }

    /// Evaluates the rule, given what its expression yields. On an error nothing has changed, except that a rule over its limit has
    /// no alerts any more, as in Prometheus; those that fired are told to be over.
    pub(super) fn evaluate(
        &mut self,
        rule: &Rule,
        alert: &AlertRule,
        found: Result<Vec<Point>, String>,
        context: Context<'_>,
    ) -> (Changes, Result<(), String>) {
        let seen = match found.and_then(|found| self.seen(rule, alert, found, context)) {
            Ok(seen) => seen,
            Err(error) => return (Changes::default(), Err(error)),
        };
        let ended = match self.ended(rule, alert, &seen, context) {
            Ok(ended) => ended,
            Err(error) => return (Changes::default(), Err(error)),
        };
        let before = self.active.clone();
        let current: BTreeSet<Labels> = seen.iter().map(|alert| alert.labels.clone()).collect();
        for new in seen {
            match self.active.get_mut(&new.labels) {
                Some(known) if known.state != RuleState::Inactive => {
                    known.value = new.value;
                    known.annotations = new.annotations;
                }
                _ => {
                    self.active.insert(new.labels.clone(), new);
                }
            }
        }
        self.active.retain(|labels, state| {
            let is_yielded = current.contains(labels);
            let is_held = ended.as_ref().is_some_and(|ended| !ended.contains(labels));
            advance(state, alert, is_yielded, is_held, context.now)
        });
        let is_on = |alert: &&RuleAlert| alert.state != RuleState::Inactive;
        let count = self.active.values().filter(is_on).count();
        if context.limit > 0 && count > context.limit {
            self.active.clear();
            let error = format!("exceeded limit of {} with {count} alerts", context.limit);
            return (self.changes(rule, before, context.now), Err(error));
        }
        (self.changes(rule, before, context.now), Ok(()))
    }

    /// What the expression yields, as alerts that begin now.
    fn seen(
        &self,
        rule: &Rule,
        alert: &AlertRule,
        found: Vec<Point>,
        context: Context<'_>,
    ) -> Result<Vec<RuleAlert>, String> {
        let mut known = BTreeSet::new();
        let as_alert = |(found, value): Point| {
            let text = |template: &Template| context.expand(template, &found, value);
            let labels = alert_labels(rule, &found, text);
            let annotations =
                alert.annotations.iter().map(|(name, template)| (name.as_str(), text(template)));
            let annotations = Labels::new(annotations);
            if !known.insert(labels.clone()) {
                return Err("vector contains metrics with the same labelset after applying alert \
                    labels"
                    .to_owned());
            }
            Ok(RuleAlert {
                group: self.group.clone(),
                rule: rule.name.clone(),
                rule_index: self.index,
                labels,
                annotations,
                state: RuleState::Pending,
                active_at: context.now,
                fired_at: None,
                resolved_at: None,
                keep_firing_since: None,
                last_sent_at: None,
                value,
            })
        };
        found.into_iter().map(as_alert).collect()
    }

    /// The firing alerts that `resolve_expr` ends; none for a rule without it.
    fn ended(
        &self,
        rule: &Rule,
        alert: &AlertRule,
        seen: &[RuleAlert],
        context: Context<'_>,
    ) -> Result<Option<BTreeSet<Labels>>, String> {
        let Some((_, resolve)) = &alert.resolve else { return Ok(None) };
        let seen: BTreeSet<_> = seen.iter().map(|alert| &alert.labels).collect();
        let is_over =
            |alert: &&RuleAlert| alert.state == RuleState::Firing && !seen.contains(&alert.labels);
        let mut over = self.active.values().filter(is_over).peekable();
        if over.peek().is_none() {
            return Ok(Some(BTreeSet::new()));
        }
        // What the rule itself sets tells nothing of where an alert is from.
        let origin = |labels: &Labels| {
            let is_foreign = |name: &str| {
                name != METRIC_NAME && name != ALERT_NAME && !rule.labels.contains_key(name)
            };
            Labels::new(labels.pairs().iter().filter(|(name, _)| is_foreign(name)).cloned())
        };
        let ends: BTreeSet<Labels> =
            context.vector(resolve)?.iter().map(|(labels, _)| origin(labels)).collect();
        let ended = over.filter(|alert| ends.contains(&origin(&alert.labels)));
        Ok(Some(ended.map(|alert| alert.labels.clone()).collect()))
    }

    fn changes(
        &mut self,
        rule: &Rule,
        mut before: BTreeMap<Labels, RuleAlert>,
        now: Timestamp,
    ) -> Changes {
        let mut changes = Changes::default();
        for (labels, alert) in &mut self.active {
            let was = before.remove(labels);
            let said = was.as_ref().is_some_and(|was| says_the_same(was, alert));
            let is_same = was.as_ref().is_some_and(|was| {
                was.state == alert.state
                    && was.active_at == alert.active_at
                    && was.keep_firing_since == alert.keep_firing_since
            });
            let was_state = was.map(|was| was.state);
            let is_told = match alert.state {
                RuleState::Pending => false,
                RuleState::Firing => was_state != Some(RuleState::Firing) || !said,
                RuleState::Inactive => was_state == Some(RuleState::Firing),
            };
            if is_told {
                alert.last_sent_at = Some(now);
                changes.told.push(alert.clone());
            }
            if is_told || !is_same || !said {
                changes.changed.push(alert.clone());
            }
            if alert.state != RuleState::Inactive {
                changes.samples.extend(samples(rule, alert));
            }
        }
        for mut alert in before.into_values() {
            if alert.state == RuleState::Firing {
                alert.state = RuleState::Inactive;
                alert.resolved_at = Some(now);
                changes.told.push(alert.clone());
            }
            changes.gone.push(alert);
        }
        changes
    }
}

/// Moves one alert on; false when it need not be remembered.
fn advance(
    state: &mut RuleAlert,
    rule: &AlertRule,
    is_yielded: bool,
    is_held: bool,
    now: Timestamp,
) -> bool {
    let has_passed = |since: Timestamp, span: Duration| {
        SignedDuration::try_from(span).is_ok_and(|span| now.duration_since(since) >= span)
    };
    if is_yielded {
        state.keep_firing_since = None;
    } else if state.state == RuleState::Firing && is_held {
        return true;
    } else {
        if state.state == RuleState::Firing && !rule.keep_firing_for.is_zero() {
            let since = *state.keep_firing_since.get_or_insert(now);
            if !has_passed(since, rule.keep_firing_for) {
                return true;
            }
        }
        let is_old = |at: Timestamp| now.duration_since(at) > RESOLVED_RETENTION;
        if state.state == RuleState::Pending || state.resolved_at.is_some_and(is_old) {
            return false;
        }
        if state.state != RuleState::Inactive {
            state.state = RuleState::Inactive;
            state.resolved_at = Some(now);
        }
        return true;
    }
    if state.state == RuleState::Pending && has_passed(state.active_at, rule.hold) {
        state.state = RuleState::Firing;
        state.fired_at = Some(now);
    }
    true
}

fn alert_labels(rule: &Rule, found: &Labels, text: impl Fn(&Template) -> String) -> Labels {
    let no_name = [(Arc::from(METRIC_NAME), Arc::from(""))];
    let own = rule.labels.iter().map(|(name, template)| (name.as_str(), text(template)));
    let own = own.map(|(name, text)| (Arc::from(name), Arc::from(text)));
    let own = own.filter(|(name, _): &(Arc<str>, Arc<str>)| **name != *ALERT_NAME);
    let name = [(Arc::from(ALERT_NAME), Arc::from(rule.name.as_str()))];
    with(found, no_name.into_iter().chain(name).chain(own))
}

/// `ALERTS` and `ALERTS_FOR_STATE` of one alert.
fn samples(rule: &Rule, alert: &RuleAlert) -> [Point; 2] {
    let named = |name: &'static str, state: &'static str| {
        let set = [
            (Arc::from(METRIC_NAME), Arc::from(name)),
            (Arc::from(ALERT_NAME), Arc::from(rule.name.as_str())),
            (Arc::from("alertstate"), Arc::from(state)),
        ];
        // A label of that name that the expression yields stays where none is set.
        let count = if state.is_empty() { 2 } else { 3 };
        with(&alert.labels, set.into_iter().take(count))
    };
    [
        (named("ALERTS", alert.state.as_str()), 1.0),
        (named("ALERTS_FOR_STATE", ""), alert.active_at.as_second() as f64),
    ]
}

/// Whether the texts of two moments differ in nothing but their numbers.
fn says_the_same(was: &RuleAlert, is: &RuleAlert) -> bool {
    let mut pairs = was.annotations.iter().zip(is.annotations.iter());
    was.annotations.pairs().len() == is.annotations.pairs().len()
        && pairs.all(|(was, is)| was.0 == is.0 && without_numbers(was.1).eq(without_numbers(is.1)))
}

fn without_numbers(text: &str) -> impl Iterator<Item = &str> {
    let is_number = |letter: char| letter.is_ascii_digit() || matches!(letter, '.' | '-' | '+');
    text.split(is_number).filter(|part| !part.is_empty())
}
