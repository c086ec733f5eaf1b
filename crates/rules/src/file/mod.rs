//! Rule files: Prometheus' format, and `resolve_expr`, which is ours.
//!
//! `resolve_expr` gives an alerting rule true hysteresis. Without it an alert is over as soon as
//! `expr` no longer yields it. With it, an alert that fires goes on until `resolve_expr` yields a
//! sample of the same labels (those that the rule adds aside): `expr: disk_used > 0.9` with
//! `resolve_expr: disk_used < 0.8` fires above 90 % and ends below 80 %. While neither yields
//! anything, it goes on with its last value. `keep_firing_for` counts from the end so found.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::series::{Labels, METRIC_NAME};
use promql::Query;

pub(crate) mod fields;
mod rule;
#[cfg(test)]
mod tests;
pub(crate) mod tree;

use crate::error::RuleError;
use crate::template::Template;
use fields::{Fields, Mistake, Mistakes};

/// A rule file that is well.
#[derive(Debug, Clone)]
pub struct RuleFile {
    /// As it was named.
    pub name: String,
    /// In order of the file.
    pub groups: Vec<Group>,
    /// What is accepted and probably a mistake: rules that repeat another one.
    pub warnings: Vec<RuleError>,
}

impl RuleFile {
    /// How many rules all groups have.
    pub fn rules(&self) -> usize {
        self.groups.iter().map(|group| group.rules.len()).sum()
    }
}

/// Rules that are evaluated together and in order.
#[derive(Debug, Clone)]
pub struct Group {
    /// The file that it is in, as it was named.
    pub file: String,
    /// Unique in its file.
    pub name: String,
    /// Time between two evaluations; none: the default of whoever evaluates.
    pub interval: Option<Duration>,
    /// How far behind the present it is evaluated.
    pub query_offset: Duration,
    /// The most series or alerts that a rule may give; 0 for no limit.
    pub limit: usize,
    /// In order.
    pub rules: Vec<Rule>,
}

impl Group {
    /// `file;group`, which no other group has.
    pub fn key(&self) -> String {
        format!("{};{}", self.file, self.name)
    }
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The alert's name, or the metric that it records.
    pub name: String,
    /// Its line in the file, from 1.
    pub line: usize,
    /// The expression as it was written.
    pub text: String,
    /// The expression.
    pub query: Query,
    /// Labels that it adds, with those of the group.
    pub labels: BTreeMap<String, Template>,
    /// What else it has as an alert; none: it records.
    pub alert: Option<AlertRule>,
}

/// What an alerting rule has beside its expression.
#[derive(Debug, Clone)]
pub struct AlertRule {
    /// How long the expression must yield before the alert fires.
    pub hold: Duration,
    /// How long the alert goes on firing after the expression yields nothing more.
    pub keep_firing_for: Duration,
    /// What ends an alert that fires, as it was written, and its query.
    pub resolve: Option<(String, Query)>,
    /// What a person should know.
    pub annotations: BTreeMap<String, Template>,
}

/// Reads a rule file called `name`; all mistakes are told at once.
pub fn parse(name: &str, text: &str) -> Result<RuleFile, Vec<RuleError>> {
    let mut reader = Reader { file: name, group: None, rule: None, errors: Vec::new() };
    let groups = reader.file(text);
    if !reader.errors.is_empty() {
        return Err(reader.errors);
    }
    let warnings = duplicates(name, &groups);
    Ok(RuleFile { name: name.to_owned(), groups, warnings })
}

/// Reads a file and notes where it is.
struct Reader<'a> {
    file: &'a str,
    group: Option<String>,
    rule: Option<String>,
    errors: Vec<RuleError>,
}

impl Reader<'_> {
    fn note(&mut self, mistakes: Mistakes) {
        for Mistake { line, message } in mistakes {
            self.error(Some(line), message);
        }
    }

    fn error(&mut self, line: Option<usize>, message: impl Into<String>) {
        self.errors.push(RuleError {
            file: self.file.to_owned(),
            line,
            group: self.group.clone(),
            rule: self.rule.clone(),
            message: message.into(),
        });
    }

    fn file(&mut self, text: &str) -> Vec<Group> {
        let root = match tree::read(text) {
            Ok(root) => root,
            Err((line, message)) => {
                self.error(line, message);
                return Vec::new();
            }
        };
        let mut mistakes = Mistakes::new();
        let Some(mut fields) = Fields::of(root, "a rule file", &mut mistakes) else {
            self.note(mistakes);
            return Vec::new();
        };
        let items = fields.list("groups", &mut mistakes);
        fields.end("a rule file", &mut mistakes);
        self.note(mistakes);
        let mut names = BTreeSet::new();
        let mut groups = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let line = item.line;
            let group = self.group(item, index);
            if let Some(group) = group {
                if !names.insert(group.name.clone()) {
                    self.group = Some(group.name.clone());
                    self.error(Some(line), "group name is repeated in the file");
                }
                groups.push(group);
            }
            self.group = None;
        }
        groups
    }

    fn group(&mut self, node: tree::Node, index: usize) -> Option<Group> {
        let mut mistakes = Mistakes::new();
        let line = node.line;
        let place = format!("{}", index + 1);
        let fields = Fields::of(node, "a group", &mut mistakes);
        let Some(mut fields) = fields else {
            self.group = Some(place);
            self.note(mistakes);
            return None;
        };
        let name = fields.text("name", &mut mistakes).map(|(name, _)| name).unwrap_or_default();
        let interval = fields.duration("interval", &mut mistakes).filter(|span| !span.is_zero());
        let query_offset = fields.duration("query_offset", &mut mistakes).unwrap_or_default();
        let limit = fields.number("limit", &mut mistakes).unwrap_or_default();
        let labels = fields.texts("labels", &mut mistakes);
        let items = fields.list("rules", &mut mistakes);
        fields.end("a group", &mut mistakes);
        if name.is_empty() {
            mistakes.push(Mistake { line, message: "group name must not be empty".to_owned() });
        }
        self.group = Some(if name.is_empty() { place } else { name.clone() });
        self.note(mistakes);
        let labels = self.templates("label", labels, false);
        let mut rules = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            self.rule = Some(format!("{}", index + 1));
            rules.extend(self.rule(item, &labels));
            self.rule = None;
        }
        Some(Group { file: self.file.to_owned(), name, interval, query_offset, limit, rules })
    }

    /// Names checked and texts parsed; `what` is `label` or `annotation`.
    fn templates(
        &mut self,
        what: &str,
        texts: Vec<(String, fields::Text)>,
        is_template: bool,
    ) -> BTreeMap<String, Template> {
        let mut templates = BTreeMap::new();
        for (name, (text, line)) in texts {
            if !is_label_name(&name) || (what == "label" && name == METRIC_NAME) {
                self.error(Some(line), format!("invalid {what} name {name:?}"));
            }
            let parsed =
                if is_template { Template::parse(&text) } else { Ok(Template::plain(&text)) };
            match parsed {
                Ok(template) => {
                    templates.insert(name, template);
                }
                Err(error) => {
                    self.error(Some(line), format!("{what} {name:?}: template: {error}"));
                }
            }
        }
        templates
    }
}

/// Rules of the same name and labels, which give the same series.
fn duplicates(file: &str, groups: &[Group]) -> Vec<RuleError> {
    let mut known = BTreeMap::new();
    let mut warnings = Vec::new();
    for group in groups {
        for rule in &group.rules {
            let labels = rule.labels.iter().map(|(name, value)| (name.clone(), value.text()));
            let key = (rule.name.clone(), Labels::new(labels));
            if let Some(first) = known.insert(key, rule.line) {
                warnings.push(RuleError {
                    file: file.to_owned(),
                    line: Some(rule.line),
                    group: Some(group.name.clone()),
                    rule: Some(rule.name.clone()),
                    message: format!("has the name and the labels of the rule in line {first}"),
                });
            }
        }
    }
    warnings
}

/// Whether `name` may name a label.
pub(crate) fn is_label_name(name: &str) -> bool {
    !name.contains(':') && is_metric_name(name)
}

/// Whether `name` may name a metric.
fn is_metric_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || byte == b':';
    name.bytes().next().is_some_and(is_letter)
        && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
}
