//! What must fit together in a configuration: names that are referred to, and rules that can work.

use std::collections::BTreeSet;

use model::config_error::ConfigError;
use model::series::{MatchOp, Matcher};

use super::{Config, InhibitRule, RouteConfig};
use crate::matcher;
use crate::reader::instead;

impl Config {
    /// Reports what does not fit together.
    pub(super) fn check(&self, errors: &mut Vec<ConfigError>) {
        unique("receivers", self.receivers.iter().map(|receiver| &receiver.name), errors);
        let names = self.time_intervals.iter().map(|intervals| &intervals.name);
        unique("time_intervals", names, errors);
        let root = &self.route;
        let mut wrong = |is_wrong: bool, key: &str, message: &str| {
            if is_wrong {
                errors.push(ConfigError::new(format!("route.{key}"), message));
            }
        };
        wrong(root.receiver.is_none(), "receiver", "is missing; the root needs one");
        wrong(
            !root.matchers.is_empty(),
            "matchers",
            "the root takes every alert; give matchers in a route under it",
        );
        wrong(root.continues, "continue", "the root has no routes beside it to go on to");
        for (key, list) in [
            ("mute_time_intervals", &root.mute_time_intervals),
            ("active_time_intervals", &root.active_time_intervals),
        ] {
            wrong(!list.is_empty(), key, "the root cannot be muted; give it in a route under it");
        }
        self.check_route(root, "route", errors);
        self.check_inhibition(errors);
    }

    fn check_route(&self, route: &RouteConfig, path: &str, errors: &mut Vec<ConfigError>) {
        let receivers = self.receivers.iter().map(|receiver| receiver.name.as_str());
        let intervals = self.time_intervals.iter().map(|intervals| intervals.name.as_str());
        let receiver = route.receiver.as_ref().map(|name| (name, "receiver".to_owned()));
        let escalation = route.escalate_to.as_ref().map(|name| (name, "escalate_to".to_owned()));
        for (name, key) in receiver.into_iter().chain(escalation) {
            if !receivers.clone().any(|known| known == name) {
                let message = format!("there is no receiver {name:?}; ");
                errors.push(ConfigError::new(
                    format!("{path}.{key}"),
                    message + &instead(name, receivers.clone()),
                ));
            }
        }
        for (key, list) in [
            ("mute_time_intervals", &route.mute_time_intervals),
            ("active_time_intervals", &route.active_time_intervals),
        ] {
            for (index, name) in list.iter().enumerate() {
                if !intervals.clone().any(|known| known == name) {
                    let message = format!("there is no time interval {name:?}; ");
                    errors.push(ConfigError::new(
                        format!("{path}.{key}[{index}]"),
                        message + &instead(name, intervals.clone()),
                    ));
                }
            }
        }
        if route.escalate_to.is_some() && route.escalate_to == route.receiver {
            let message = "is the receiver of the route itself; give another one";
            errors.push(ConfigError::new(format!("{path}.escalate_to"), message));
        }
        for (index, child) in route.routes.iter().enumerate() {
            self.check_route(child, &format!("{path}.routes[{index}]"), errors);
        }
    }

    fn check_inhibition(&self, errors: &mut Vec<ConfigError>) {
        let rules = &self.inhibit_rules;
        for (index, rule) in rules.iter().enumerate() {
            let path = format!("inhibit_rules[{index}]");
            if implies(&rule.source, &rule.target) && implies(&rule.target, &rule.source) {
                let message = "source and target are the same alerts, and those never inhibit each \
                               other; make one of them narrower";
                errors.push(ConfigError::new(path, message));
            } else if let Some(label) = rule.equal.iter().find(|label| excludes(rule, label)) {
                let message = format!(
                    "can never hold: {label} should be equal, but source and target want different \
                     values of it"
                );
                errors.push(ConfigError::new(format!("{path}.equal"), message));
            }
        }
        for cycle in cycles(rules) {
            let names: Vec<_> =
                cycle.iter().map(|index| format!("inhibit_rules[{index}]")).collect();
            let message = format!(
                "goes in a circle with {}: their alerts would silence each other and nobody be told",
                names[1..].join(", ")
            );
            errors.push(ConfigError::new(names[0].clone(), message));
        }
    }
}

fn unique<'n>(
    section: &str,
    names: impl Iterator<Item = &'n String>,
    errors: &mut Vec<ConfigError>,
) {
    let mut seen = BTreeSet::new();
    for (index, name) in names.enumerate() {
        if !name.is_empty() && !seen.insert(name) {
            let message = format!("{name:?} is the name of another one, too");
            errors.push(ConfigError::new(format!("{section}[{index}].name"), message));
        }
    }
}

/// Whether all that `these` accept is surely accepted by `others`.
fn implies(these: &[Matcher], others: &[Matcher]) -> bool {
    others.iter().all(|other| {
        these.iter().any(|this| {
            matcher::same(this, other)
                || (this.op() == MatchOp::Eq
                    && this.name() == other.name()
                    && other.matches(this.value()))
        })
    })
}

/// Whether the rule's source and target can never have the same value of `label`.
fn excludes(rule: &InhibitRule, label: &str) -> bool {
    let of = |side: &[Matcher], op: fn(MatchOp) -> bool| {
        let own = side.iter().filter(|matcher| matcher.name() == label && op(matcher.op()));
        own.cloned().collect::<Vec<_>>()
    };
    let is_equal = |op| op == MatchOp::Eq;
    let conflict = |fixed: &[Matcher], other: &[Matcher]| {
        let all = of(other, |_| true);
        of(fixed, is_equal)
            .iter()
            .any(|fixed| all.iter().any(|matcher| !matcher.matches(fixed.value())))
    };
    conflict(&rule.source, &rule.target) || conflict(&rule.target, &rule.source)
}

/// Rules of which each makes the sources of the next keep quiet, and the last those of the first; each
/// circle once, beginning with its first rule.
fn cycles(rules: &[InhibitRule]) -> Vec<Vec<usize>> {
    let next: Vec<Vec<usize>> = rules
        .iter()
        .enumerate()
        .map(|(i, rule)| {
            let follows = |j: &usize| {
                *j != i
                    && implies(&rule.target, &rules[*j].source)
                    && implies(&rules[*j].source, &rule.target)
            };
            (0..rules.len()).filter(follows).collect()
        })
        .collect();
    let mut found = Vec::new();
    for start in 0..rules.len() {
        // Breadth first: the shortest way back, over later rules only.
        let mut ways = vec![vec![start]];
        let mut seen = BTreeSet::new();
        'search: while !ways.is_empty() {
            let mut longer = Vec::new();
            for way in ways {
                let last = way[way.len() - 1];
                if way.len() > 1 && next[last].contains(&start) {
                    found.push(way);
                    break 'search;
                }
                for step in next[last].iter().filter(|step| **step > start) {
                    if seen.insert(*step) {
                        longer.push(way.iter().copied().chain([*step]).collect());
                    }
                }
            }
            ways = longer;
        }
    }
    found
}
