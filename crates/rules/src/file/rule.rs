//! One rule out of the tree of a file.

use std::collections::BTreeMap;

use promql::Query;

use super::fields::{Fields, Mistake, Mistakes, Text};
use super::tree::Node;
use super::{AlertRule, Reader, Rule, is_metric_name};
use crate::template::Template;

impl Reader<'_> {
    /// The rule, unless too little of it is right; every mistake is noted.
    pub(super) fn rule(
        &mut self,
        node: Node,
        group_labels: &BTreeMap<String, Template>,
    ) -> Option<Rule> {
        let line = node.line;
        let mut mistakes = Mistakes::new();
        let Some(mut fields) = Fields::of(node, "a rule", &mut mistakes) else {
            self.note(mistakes);
            return None;
        };
        let given = |text: Option<Text>| text.filter(|(text, _)| !text.is_empty());
        let alert = given(fields.text("alert", &mut mistakes));
        let record = given(fields.text("record", &mut mistakes));
        let expr = given(fields.text("expr", &mut mistakes));
        let hold = fields.duration("for", &mut mistakes).unwrap_or_default();
        let keep_firing_for = fields.duration("keep_firing_for", &mut mistakes).unwrap_or_default();
        let labels = fields.texts("labels", &mut mistakes);
        let annotations = fields.texts("annotations", &mut mistakes);
        let resolve = given(fields.text("resolve_expr", &mut mistakes));
        fields.end("a rule", &mut mistakes);

        let mut wrong =
            |message: &str| mistakes.push(Mistake { line, message: message.to_owned() });
        match (&alert, &record) {
            (Some(_), Some(_)) => wrong("only one of alert and record may be given"),
            (None, None) => wrong("one of alert and record must be given"),
            (None, Some((name, _))) => {
                for (is_given, field) in [
                    (!hold.is_zero(), "for"),
                    (!keep_firing_for.is_zero(), "keep_firing_for"),
                    (!annotations.is_empty(), "annotations"),
                    (resolve.is_some(), "resolve_expr"),
                ] {
                    if is_given {
                        wrong(&format!("a recording rule has no {field}"));
                    }
                }
                if !is_metric_name(name) {
                    wrong(&format!("invalid recording rule name {name:?}"));
                }
            }
            (Some(_), None) => {}
        }
        if expr.is_none() {
            wrong("expr must be given");
        }
        let is_alert = alert.is_some();
        let name = alert.or(record).map(|(name, _)| name);
        if let Some(name) = &name {
            self.rule = Some(name.clone());
        }
        self.note(mistakes);
        let query = expr.and_then(|expr| self.query("expr", expr));
        let resolve = resolve.map(|resolve| self.query("resolve_expr", resolve));
        let mut all_labels = group_labels.clone();
        all_labels.extend(self.templates("label", labels, is_alert));
        let annotations = self.templates("annotation", annotations, true);
        let (text, query) = query?;
        let alert = is_alert.then(|| AlertRule {
            hold,
            keep_firing_for,
            resolve: resolve.flatten(),
            annotations,
        });
        Some(Rule { name: name?, line, text, query, labels: all_labels, alert })
    }

    fn query(&mut self, field: &str, (text, line): Text) -> Option<(String, Query)> {
        match Query::parse(&text) {
            Ok(query) => Some((text.trim().to_owned(), query)),
            Err(error) => {
                self.error(Some(line), format!("{field}: {error}"));
                None
            }
        }
    }
}
