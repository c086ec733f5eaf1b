//! Why an alert goes where it goes: what `routes test` prints.

use model::series::{Labels, Matcher};

use super::Tree;
use crate::matcher;

/// What came of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The alert ends up here: no node under it takes it.
    Taken,
    /// The alert came here and was handed down.
    Passed,
    /// A matcher does not accept it.
    Refused {
        /// The matcher.
        matcher: String,
        /// What the alert has; empty where it has no such label.
        value: String,
    },
    /// It was not asked: a node before it took the alert and does not continue.
    NotAsked {
        /// The place of that node.
        taken_by: String,
    },
}

/// One node on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its number in the tree.
    pub route: usize,
    /// Its place in the configuration.
    pub path: String,
    /// How many nodes are above it.
    pub depth: usize,
    /// Its matchers, as Alertmanager prints them.
    pub matchers: String,
    /// Who is told there.
    pub receiver: String,
    /// What came of it.
    pub verdict: Verdict,
}

/// The way of one alert through the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Every node that was asked or passed over, parents before children. What is under a node that
    /// refused the alert or was not asked is left out.
    pub steps: Vec<Step>,
}

impl Explanation {
    /// The receivers that are told, in order; one may stand here twice.
    pub fn receivers(&self) -> impl Iterator<Item = &str> {
        let taken = self.steps.iter().filter(|step| step.verdict == Verdict::Taken);
        taken.map(|step| step.receiver.as_str())
    }
}

impl Tree {
    /// The way of an alert with `labels`.
    pub fn explain(&self, labels: &Labels) -> Explanation {
        let mut steps = Vec::new();
        self.walk(0, labels, &mut steps);
        Explanation { steps }
    }

    fn walk(&self, number: usize, labels: &Labels, steps: &mut Vec<Step>) -> bool {
        let route = self.get(number);
        let refusing = route.matchers.iter().find(|matcher| !matcher.accepts(labels));
        let place = steps.len();
        steps.push(self.step(number, refusing.map_or(Verdict::Taken, |m| refused(m, labels))));
        if refusing.is_some() {
            return false;
        }
        let mut taken_by = None::<&str>;
        for child in &route.children {
            if let Some(path) = taken_by {
                let verdict = Verdict::NotAsked { taken_by: path.to_owned() };
                steps.push(self.step(*child, verdict));
                continue;
            }
            if self.walk(*child, labels, steps) {
                steps[place].verdict = Verdict::Passed;
                let child = self.get(*child);
                taken_by = (!child.continues).then_some(child.path.as_str());
            }
        }
        true
    }

    fn step(&self, number: usize, verdict: Verdict) -> Step {
        let route = self.get(number);
        Step {
            route: number,
            path: route.path.clone(),
            depth: route.depth,
            matchers: matcher::print_all(&route.matchers),
            receiver: route.receiver.clone(),
            verdict,
        }
    }
}

fn refused(refusing: &Matcher, labels: &Labels) -> Verdict {
    Verdict::Refused {
        matcher: matcher::print(refusing),
        value: labels.get(refusing.name()).unwrap_or_default().to_owned(),
    }
}
