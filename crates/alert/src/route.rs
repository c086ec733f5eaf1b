//! The tree of routes: to whom an alert goes, and how it is grouped there.

mod explain;

use std::fmt::Write as _;
use std::time::Duration;

use model::series::{Labels, Matcher};

pub use self::explain::{Explanation, Step, Verdict};
use crate::config::{GroupBy, RouteConfig};
use crate::matcher;

/// Alertmanager's defaults.
const GROUP_WAIT: Duration = Duration::from_secs(30);
const GROUP_INTERVAL: Duration = Duration::from_mins(5);
const REPEAT_INTERVAL: Duration = Duration::from_hours(4);

/// One node of the tree, with what it takes from those above.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its place in the configuration: `route.routes[0]`.
    pub path: String,
    /// Its part of group keys, as Alertmanager makes it: `{}/{severity="critical"}`.
    pub key: String,
    /// How many nodes are above it.
    pub depth: usize,
    /// Which alerts come here.
    pub matchers: Vec<Matcher>,
    /// Whether they also go to the nodes after this one.
    pub continues: bool,
    /// Who is told.
    pub receiver: String,
    /// By what alerts are grouped.
    pub group_by: GroupBy,
    /// How long a new group waits for more alerts.
    pub group_wait: Duration,
    /// How often a group is looked at after that.
    pub group_interval: Duration,
    /// How long after a notification the same one comes again.
    pub repeat_interval: Duration,
    /// Times at which nobody is told.
    pub mute_time_intervals: Vec<String>,
    /// Times outside of which nobody is told; none: always.
    pub active_time_intervals: Vec<String>,
    /// Who is told besides, and how long after the first notification, unless it is acknowledged.
    pub escalation: Option<(Duration, String)>,
    children: Vec<usize>,
}

impl Route {
    /// The labels by which an alert with `labels` is grouped here.
    pub fn group_labels(&self, labels: &Labels) -> Labels {
        match &self.group_by {
            GroupBy::All => labels.clone(),
            GroupBy::Labels(names) => {
                let is_named = |name: &str| names.iter().any(|named| named == name);
                let pairs = labels.pairs().iter().filter(|(name, _)| is_named(name));
                Labels::new(pairs.cloned())
            }
        }
    }

    /// The identity of a group here, in Alertmanager's form.
    pub fn group_key(&self, group_labels: &Labels) -> String {
        let pairs: Vec<_> =
            group_labels.iter().map(|(name, value)| format!("{name}={}", quote(value))).collect();
        format!("{}:{{{}}}", self.key, pairs.join(", "))
    }

    fn accepts(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.accepts(labels))
    }
}

/// A value in quotes as Go writes it, in which Alertmanager is written.
fn quote(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            ' '..='~' => text.push(c),
            '\x07' => text.push_str("\\a"),
            '\x08' => text.push_str("\\b"),
            '\x0c' => text.push_str("\\f"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\x0b' => text.push_str("\\v"),
            _ => {
                let code = u32::from(c);
                // Behind a letter, marks that join it count as printable for both languages.
                let is_printable = !format!("a{c}").escape_debug().to_string().contains("\\u{");
                let _ = match code {
                    _ if is_printable => write!(text, "{c}"),
                    0..0x80 => write!(text, "\\x{code:02x}"),
                    0x80..0x1_0000 => write!(text, "\\u{code:04x}"),
                    _ => write!(text, "\\U{code:08x}"),
                };
            }
        }
    }
    text.push('"');
    text
}

/// The tree; a node is known by its number, the root's is 0.
#[derive(Debug, Clone)]
pub struct Tree(Vec<Route>);

impl Tree {
    /// The tree that a configuration describes.
    pub fn new(root: &RouteConfig) -> Self {
        let mut tree = Self(Vec::new());
        let defaults = Route {
            path: "route".to_owned(),
            key: String::new(),
            depth: 0,
            matchers: Vec::new(),
            continues: false,
            receiver: String::new(),
            group_by: GroupBy::Labels(Vec::new()),
            group_wait: GROUP_WAIT,
            group_interval: GROUP_INTERVAL,
            repeat_interval: REPEAT_INTERVAL,
            mute_time_intervals: Vec::new(),
            active_time_intervals: Vec::new(),
            escalation: None,
            children: Vec::new(),
        };
        tree.add(root, &defaults);
        tree
    }

    /// Adds `config` and all under it; `above` has what is taken over.
    fn add(&mut self, config: &RouteConfig, above: &Route) -> usize {
        let number = self.0.len();
        let own = matcher::print_all(&config.matchers);
        let mut route = Route {
            key: if above.key.is_empty() { own } else { format!("{}/{own}", above.key) },
            matchers: config.matchers.clone(),
            continues: config.continues,
            mute_time_intervals: config.mute_time_intervals.clone(),
            active_time_intervals: config.active_time_intervals.clone(),
            children: Vec::new(),
            ..above.clone()
        };
        let taken = |own: Option<Duration>, above: Duration| own.unwrap_or(above);
        route.group_wait = taken(config.group_wait, above.group_wait);
        route.group_interval = taken(config.group_interval, above.group_interval);
        route.repeat_interval = taken(config.repeat_interval, above.repeat_interval);
        if let Some(receiver) = &config.receiver {
            route.receiver.clone_from(receiver);
        }
        if let Some(group_by) = &config.group_by {
            route.group_by = group_by.clone();
        }
        let escalation = config.escalate_after.zip(config.escalate_to.clone());
        route.escalation = escalation.or(route.escalation);
        self.0.push(route.clone());
        for (index, child) in config.routes.iter().enumerate() {
            let above = Route {
                path: format!("{}.routes[{index}]", route.path),
                depth: route.depth + 1,
                ..route.clone()
            };
            let child = self.add(child, &above);
            self.0[number].children.push(child);
        }
        number
    }

    /// The node of this number.
    pub fn get(&self, number: usize) -> &Route {
        &self.0[number]
    }

    /// Every node, parents before children.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.0.iter()
    }

    /// The nodes at which an alert with `labels` ends up, in order; at least the root.
    pub fn matching(&self, labels: &Labels) -> Vec<usize> {
        let mut found = Vec::new();
        self.collect(0, labels, &mut found);
        found
    }

    fn collect(&self, number: usize, labels: &Labels, found: &mut Vec<usize>) -> bool {
        let route = &self.0[number];
        if !route.accepts(labels) {
            return false;
        }
        let before = found.len();
        for child in &route.children {
            if self.collect(*child, labels, found) && !self.0[*child].continues {
                break;
            }
        }
        if found.len() == before {
            found.push(number);
        }
        true
    }
}

#[cfg(test)]
mod tests;
