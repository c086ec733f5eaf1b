//! The `inhibit_rules` section: which alerts keep quiet because of others.

use model::config_error::ConfigError;
use model::series::{MatchOp, Matcher};
use serde_json::Value;

use super::routes::{legacy, matchers};
use crate::reader::Fields;

/// While an alert that `source` accepts is on, those that `target` accepts keep quiet, where both have
/// the same values of the labels `equal`.
#[derive(Debug, Clone, Default)]
pub struct InhibitRule {
    /// Its name, where it has one.
    pub name: Option<String>,
    /// Which alerts make others keep quiet.
    pub source: Vec<Matcher>,
    /// Which ones those are.
    pub target: Vec<Matcher>,
    /// Labels in which both must agree; one that both lack counts as equal.
    pub equal: Vec<String>,
}

impl InhibitRule {
    pub(super) fn read(value: &Value, path: &str, errors: &mut Vec<ConfigError>) -> Self {
        let Some(fields) = Fields::of(value, path, errors) else { return Self::default() };
        fields.only(
            &[
                "name",
                "source_matchers",
                "target_matchers",
                "equal",
                "source_match",
                "source_match_re",
                "target_match",
                "target_match_re",
            ],
            errors,
        );
        let mut side = |side: &str| {
            let mut all = matchers(&fields, &format!("{side}_matchers"), errors);
            all.extend(legacy(&fields, &format!("{side}_match"), MatchOp::Eq, errors));
            all.extend(legacy(&fields, &format!("{side}_match_re"), MatchOp::Re, errors));
            all
        };
        let (source, target) = (side("source"), side("target"));
        let equal = fields.texts("equal", errors).unwrap_or_default();
        Self {
            name: fields.text("name", errors),
            source,
            target,
            equal: equal.into_iter().map(|(text, _)| text).collect(),
        }
    }
}
