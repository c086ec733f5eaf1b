//! Inhibition: alerts keep quiet while others are on.
//!
//! For each rule the alerts that are sources of it are kept by their values of the rule's equal labels,
//! so that one look-up tells whether a target keeps quiet, however many alerts there are.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;
use model::alert::Fingerprint;
use model::series::{Labels, Matcher};

use crate::config::InhibitRule;

type Values = Box<[Arc<str>]>;

/// The rules and the alerts that make others keep quiet.
#[derive(Debug)]
pub struct Inhibitor(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    source: Vec<Matcher>,
    target: Vec<Matcher>,
    equal: Vec<String>,
    sources: HashMap<Values, Sources, RandomState>,
}

/// Alerts that are on and have the same values of the equal labels.
#[derive(Debug, Default)]
struct Sources {
    /// Those that are no targets of the same rule: they inhibit every target.
    only: BTreeSet<Fingerprint>,
    /// Those that are: they inhibit targets that are no sources, and never each other.
    both: BTreeSet<Fingerprint>,
}

impl Inhibitor {
    /// The rules, without any alert.
    pub fn new(rules: &[InhibitRule]) -> Self {
        let rule = |rule: &InhibitRule| Rule {
            source: rule.source.clone(),
            target: rule.target.clone(),
            equal: rule.equal.clone(),
            sources: HashMap::default(),
        };
        Self(rules.iter().map(rule).collect())
    }

    /// An alert is on, or (with `is_on` false) over.
    pub fn set(&mut self, fingerprint: Fingerprint, labels: &Labels, is_on: bool) {
        for rule in &mut self.0 {
            if !accept(&rule.source, labels) {
                continue;
            }
            let is_target = accept(&rule.target, labels);
            let values = rule.values(labels);
            if is_on {
                let sources = rule.sources.entry(values).or_default();
                let set = if is_target { &mut sources.both } else { &mut sources.only };
                set.insert(fingerprint);
            } else if let Some(sources) = rule.sources.get_mut(&values) {
                sources.only.remove(&fingerprint);
                sources.both.remove(&fingerprint);
                if sources.only.is_empty() && sources.both.is_empty() {
                    rule.sources.remove(&values);
                }
            }
        }
    }

    /// The alert that makes one with `labels` keep quiet; none where there is no such alert.
    pub fn inhibits(&self, labels: &Labels) -> Option<Fingerprint> {
        self.0.iter().find_map(|rule| {
            if !accept(&rule.target, labels) {
                return None;
            }
            let sources = rule.sources.get(&rule.values(labels))?;
            let is_source = accept(&rule.source, labels);
            let both = sources.both.first().filter(|_| !is_source);
            sources.only.first().or(both).copied()
        })
    }
}

impl Rule {
    fn values(&self, labels: &Labels) -> Values {
        let value = |name: &String| Arc::from(labels.get(name).unwrap_or_default());
        self.equal.iter().map(value).collect()
    }
}

fn accept(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.accepts(labels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher;

    fn inhibitor(source: &str, target: &str, equal: &[&str]) -> Inhibitor {
        Inhibitor::new(&[InhibitRule {
            name: None,
            source: matcher::parse_all(source).expect("matchers"),
            target: matcher::parse_all(target).expect("matchers"),
            equal: equal.iter().map(|label| (*label).to_owned()).collect(),
        }])
    }

    fn set(inhibitor: &mut Inhibitor, labels: &Labels, is_on: bool) {
        inhibitor.set(Fingerprint::of(labels), labels, is_on);
    }

    #[test]
    fn a_target_keeps_quiet_while_a_source_with_equal_labels_is_on() {
        let mut inhibitor = inhibitor("severity=critical", "severity=warning", &["cluster"]);
        let source = Labels::new([("severity", "critical"), ("cluster", "a")]);
        let target = Labels::new([("severity", "warning"), ("cluster", "a")]);
        assert_eq!(inhibitor.inhibits(&target), None);
        set(&mut inhibitor, &source, true);
        assert_eq!(inhibitor.inhibits(&target), Some(Fingerprint::of(&source)));
        let other = Labels::new([("severity", "warning"), ("cluster", "b")]);
        assert_eq!(inhibitor.inhibits(&other), None);
        let without = Labels::new([("severity", "warning")]);
        assert_eq!(inhibitor.inhibits(&without), None, "a missing label is another value");
        set(&mut inhibitor, &source, false);
        assert_eq!(inhibitor.inhibits(&target), None);
        set(&mut inhibitor, &Labels::new([("severity", "critical")]), true);
        assert!(inhibitor.inhibits(&without).is_some(), "a label that both lack is equal");
    }

    #[test]
    fn what_is_source_and_target_of_a_rule_never_keeps_its_like_quiet() {
        let mut inhibitor = inhibitor("x=~\"1|2\"", "x=~\"2|3\"", &[]);
        let [one, two, three] = ["1", "2", "3"].map(|value| Labels::new([("x", value)]));
        let other_two = two.and(&Labels::new([("y", "1")]));
        set(&mut inhibitor, &two, true);
        assert_eq!(inhibitor.inhibits(&two), None);
        assert_eq!(inhibitor.inhibits(&other_two), None);
        assert_eq!(inhibitor.inhibits(&three), Some(Fingerprint::of(&two)));
        set(&mut inhibitor, &one, true);
        assert_eq!(inhibitor.inhibits(&two), Some(Fingerprint::of(&one)));
    }
}
