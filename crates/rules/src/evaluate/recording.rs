//! One evaluation of a recording rule.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::series::{Labels, METRIC_NAME};

use super::context::Point;
use crate::file::Rule;

/// The samples that `rule` records, given what its expression yields; at most `limit`, or any number
/// for 0.
pub(super) fn evaluate(
    rule: &Rule,
    found: Result<Vec<Point>, String>,
    limit: usize,
) -> Result<Vec<Point>, String> {
    let found = found?;
    let mut samples = Vec::with_capacity(found.len());
    let mut known = BTreeSet::new();
    for (labels, value) in found {
        let own = rule.labels.iter().map(|(name, label)| (Arc::from(name.as_str()), label.text()));
        let own = own.map(|(name, text)| (name, Arc::from(text)));
        let name = [(Arc::from(METRIC_NAME), Arc::from(rule.name.as_str()))];
        let labels = with(&labels, name.into_iter().chain(own));
        if !known.insert(labels.clone()) {
            return Err(
                "vector contains metrics with the same labelset after applying rule labels".into(),
            );
        }
        samples.push((labels, value));
    }
    if limit > 0 && samples.len() > limit {
        let count = samples.len();
        return Err(format!("exceeded limit of {limit} with {count} series"));
    }
    Ok(samples)
}

/// `labels` with others set, or removed where they are empty.
pub(super) fn with(labels: &Labels, set: impl IntoIterator<Item = (Arc<str>, Arc<str>)>) -> Labels {
    let set: Vec<_> = set.into_iter().collect();
    let is_set = |name: &Arc<str>| set.iter().any(|(other, _)| other == name);
    let kept = labels.pairs().iter().filter(|(name, _)| !is_set(name)).cloned();
    Labels::new(kept.collect::<Vec<_>>().into_iter().chain(set.clone()))
}
