//! Label sets made from label sets.

use std::sync::Arc;

use model::series::Labels;

use crate::syntax::ast::Grouping;

/// The label that holds a metric's name.
pub(crate) const NAME: &str = "__name__";

/// The labels without the metric's name.
pub(crate) fn without_name(labels: &Labels) -> Labels {
    if labels.get(NAME).is_none() {
        return labels.clone();
    }
    labels.filter(|name| name != NAME)
}

/// The labels with `name` set, or removed when `value` is empty.
pub(crate) fn with(labels: &Labels, name: &str, value: &str) -> Labels {
    let others = labels.pairs().iter().filter(|(known, _)| &**known != name).cloned();
    Labels::new(others.chain([(Arc::from(name), Arc::from(value))]))
}

/// What stays of the labels under `by`/`on` or `without`/`ignoring`.
pub(crate) fn group(labels: &Labels, grouping: &Grouping) -> Labels {
    let is_listed = |name: &str| grouping.labels.iter().any(|listed| listed == name);
    if grouping.keeps {
        labels.filter(is_listed)
    } else {
        labels.filter(|name| name != NAME && !is_listed(name))
    }
}

/// Whether `name` may name a label.
pub(crate) fn is_valid_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    name.bytes().next().is_some_and(is_letter)
        && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
}
