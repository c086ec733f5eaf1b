//! How the series of an answer are told apart: what they share is said once.

use std::sync::Arc;

use model::series::{Labels, METRIC_NAME, Series};

/// The labels of an answer's series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Naming {
    /// What all have with one value.
    pub(super) common: Labels,
    /// Names of the others, the metric's name first.
    pub(super) varying: Vec<Arc<str>>,
}

impl Naming {
    pub(super) fn of(series: &[Series]) -> Self {
        let Some((first, others)) = series.split_first() else {
            return Self { common: Labels::default(), varying: Vec::new() };
        };
        let is_common = |name: &str, value: &str| {
            others.iter().all(|other| other.labels.get(name) == Some(value))
        };
        let common =
            first.labels.pairs().iter().filter(|(name, value)| is_common(name, value)).cloned();
        let common = Labels::new(common);
        let mut varying: Vec<Arc<str>> = series
            .iter()
            .flat_map(|series| series.labels.pairs().iter().map(|(name, _)| Arc::clone(name)))
            .filter(|name| common.get(name).is_none())
            .collect();
        varying.sort_by(|a, b| (&**a != METRIC_NAME, a).cmp(&(&**b != METRIC_NAME, b)));
        varying.dedup();
        Self { common, varying }
    }

    /// What is particular to `labels`, as PromQL writes it without brackets.
    pub(super) fn particular(&self, labels: &Labels) -> String {
        let own = labels.pairs().iter().filter(|(name, _)| self.common.get(name).is_none());
        let text = selector(&Labels::new(own.cloned()));
        match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
            Some(inner) => inner.to_owned(),
            None => text,
        }
    }
}

/// Labels as a person writes a selector: `up{job="etcd"}`.
pub(super) fn selector(labels: &Labels) -> String {
    let Some(name) = labels.get(METRIC_NAME) else { return labels.to_string() };
    let others = labels.pairs().iter().filter(|(name, _)| &**name != METRIC_NAME);
    let others = Labels::new(others.cloned());
    if others.pairs().is_empty() { name.to_owned() } else { format!("{name}{others}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(labels: &[(&str, &str)]) -> Series {
        Series { labels: Labels::new(labels.iter().copied()), samples: Vec::new() }
    }

    #[test]
    fn what_all_series_share_is_common() {
        let all = [
            series(&[("__name__", "a"), ("job", "etcd"), ("member", "m1")]),
            series(&[("__name__", "b"), ("job", "etcd"), ("Zone", "z")]),
        ];
        let naming = Naming::of(&all);
        assert_eq!(naming.common.to_string(), "{job=\"etcd\"}");
        let varying: Vec<&str> = naming.varying.iter().map(|name| &**name).collect();
        assert_eq!(varying, ["__name__", "Zone", "member"]);
        assert_eq!(naming.particular(&all[0].labels), "a{member=\"m1\"}");

        let naming = Naming::of(&all[..1]);
        assert_eq!(selector(&naming.common), "a{job=\"etcd\", member=\"m1\"}");
        assert_eq!(naming.particular(&all[0].labels), "");
        assert!(Naming::of(&[]).varying.is_empty());
    }

    #[test]
    fn a_label_alone_stands_without_brackets() {
        let all = [series(&[("m", "1")]), series(&[("m", "2")])];
        assert_eq!(Naming::of(&all).particular(&all[1].labels), "m=\"2\"");
    }
}
