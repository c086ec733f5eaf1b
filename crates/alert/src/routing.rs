//! A configuration made ready for deciding.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::config::{Config, InhibitRule, Integration, Receiver};
use crate::route::{Route, Tree};
use crate::time_interval::NamedIntervals;

/// A configuration made ready for deciding.
#[derive(Debug)]
pub struct Routing {
    tree: Tree,
    receivers: HashMap<String, Receiver>,
    intervals: HashMap<String, NamedIntervals>,
    inhibit_rules: Vec<InhibitRule>,
    external_url: String,
}

impl Routing {
    /// Makes `config` ready; `external_url` is where people reach this monitor, without a slash at the
    /// end.
    pub fn new(config: &Config, external_url: &str) -> Self {
        let receivers = config.receivers.iter().map(|one| (one.name.clone(), one.clone()));
        let intervals = config.time_intervals.iter().map(|one| (one.name.clone(), one.clone()));
        Self {
            tree: Tree::new(&config.route),
            receivers: receivers.collect(),
            intervals: intervals.collect(),
            inhibit_rules: config.inhibit_rules.clone(),
            external_url: external_url.to_owned(),
        }
    }

    /// The tree of routes.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The rules of inhibition.
    pub fn inhibit_rules(&self) -> &[InhibitRule] {
        &self.inhibit_rules
    }

    /// Where people reach this monitor.
    pub fn external_url(&self) -> &str {
        &self.external_url
    }

    /// The ways of telling the receiver of this name.
    pub fn integrations(&self, receiver: &str) -> &[Integration] {
        self.receivers.get(receiver).map_or(&[], |receiver| &receiver.integrations)
    }

    /// Why nobody is told of the groups of `route` at `now`: the names of the times that mute it, or of
    /// those outside of which it is not active. Empty where it is not muted.
    pub fn muted_by<'r>(&self, route: &'r Route, now: Timestamp) -> Vec<&'r str> {
        let is_within = |name: &&str| {
            self.intervals.get(*name).is_some_and(|intervals| intervals.contains(now))
        };
        let active = route.active_time_intervals.iter().map(String::as_str);
        if !route.active_time_intervals.is_empty() && !active.clone().any(|name| is_within(&name)) {
            return active.collect();
        }
        route.mute_time_intervals.iter().map(String::as_str).filter(is_within).collect()
    }
}
