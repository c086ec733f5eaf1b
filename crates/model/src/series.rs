//! Time series: labels, samples, and the conditions that choose among series.

use std::cmp::Ordering;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use regex::Regex;

use crate::together;
pub use crate::together::{Ask, Asked};

/// The bits of the NaN that says "this series ended here", as Prometheus writes it.
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// The value of a stale marker. Compare with [`is_stale`], since NaN equals nothing.
pub const STALE_NAN: f64 = f64::from_bits(STALE_NAN_BITS);

/// Whether `value` is a stale marker and no measurement.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}

/// The label that holds a series' metric name.
pub const METRIC_NAME: &str = "__name__";

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// Any float; a [stale marker](is_stale) ends the series until its next sample.
    pub value: f64,
}

/// Names and values of a series' labels in order of the names; cheap to clone.
///
/// An empty value means the same as no label, so none is kept.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Labels(Arc<[(Arc<str>, Arc<str>)]>);

impl Labels {
    /// Labels of `pairs` in any order; of a repeated name the first counts.
    pub fn new<N: Into<Arc<str>>, V: Into<Arc<str>>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut pairs: Vec<(Arc<str>, Arc<str>)> = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.dedup_by(|later, earlier| later.0 == earlier.0);
        Self(pairs.into())
    }

    /// These labels and `others`; where both have a name, these count.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        let mut all = Vec::with_capacity(self.0.len() + others.0.len());
        let (mut ours, mut theirs) = (self.0.iter().peekable(), others.0.iter().peekable());
        loop {
            let order = match (ours.peek(), theirs.peek()) {
                (Some(our), Some(their)) => our.0.cmp(&their.0),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return Self(all.into()),
            };
            if order != Ordering::Less {
                let their = theirs.next();
                if order == Ordering::Greater {
                    all.extend(their.cloned());
                    continue;
                }
            }
            all.extend(ours.next().cloned());
        }
    }

    /// Those labels whose names `keep` accepts.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&str) -> bool) -> Self {
        // In order already, and each name once.
        Self(self.0.iter().filter(|(name, _)| keep(name)).cloned().collect())
    }

    /// The value of the label `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
        Some(&self.0[found].1)
    }

    /// Names and values in order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The shared pairs, to build other labels from without copying text.
    pub fn pairs(&self) -> &[(Arc<str>, Arc<str>)] {
        &self.0
    }
}

/// By names and values, one after the other.
impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        // Series of one source share most of their texts, which then need not be compared.
        let compare = |one: &Arc<str>, other: &Arc<str>| {
            if Arc::ptr_eq(one, other) { Ordering::Equal } else { one.cmp(other) }
        };
        let order =
            self.0.iter().zip(other.0.iter()).map(|(one, other)| {
                compare(&one.0, &other.0).then_with(|| compare(&one.1, &other.1))
            });
        let differs = order.into_iter().find(|order| *order != Ordering::Equal);
        differs.unwrap_or_else(|| self.0.len().cmp(&other.0.len()))
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As PromQL writes it: `{job="etcd", member="m1"}`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, (name, value)) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{name}={value:?}")?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Labels and what was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The metric's name ([`METRIC_NAME`]) among them.
    pub labels: Labels,
    /// In order of time.
    pub samples: Vec<Sample>,
}

/// Which samples a reader wants, and how it will use them: what a source needs to know to answer
/// from coarser data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// First moment, milliseconds since 1970 UTC.
    pub from_ms: i64,
    /// Last moment.
    pub to_ms: i64,
    /// The longest time between two samples that does; none asks for every sample.
    pub spacing_ms: Option<i64>,
    /// What one sample stands for where it is all that is left of several.
    pub figure: Figure,
    /// Whether of each series the last sample is all that counts; a source may give more.
    pub is_last: bool,
    /// The parts of the range outside of which no sample counts, where there are any; a source may give
    /// more.
    pub windows: Option<Windows>,
}

/// Parts of a range, both ends inside: one ends with it, the others each some time before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// From one end to the next, milliseconds.
    pub step_ms: i64,
    /// From the first moment of each to its last.
    pub length_ms: i64,
}

impl Windows {
    /// Windows of this length at steps, unless they leave nothing out.
    pub fn apart(step_ms: i64, length_ms: i64) -> Option<Self> {
        (0..step_ms).contains(&length_ms).then_some(Self { step_ms, length_ms })
    }
}

impl Want {
    /// Every sample of `from_ms..=to_ms`.
    pub fn all(from_ms: i64, to_ms: i64) -> Self {
        Self {
            from_ms,
            to_ms,
            spacing_ms: None,
            figure: Figure::Last,
            is_last: false,
            windows: None,
        }
    }
}

/// What one sample stands for where it is all that is left of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Figure {
    /// The last of them; for counters also those around a reset.
    Last,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
}

/// A source of series.
pub trait Source: Send + Sync {
    /// Hands every series that all `matchers` accept to `take`, one at a time and in any order, until
    /// that breaks off: with its samples in order of time, stale markers included, and the longest
    /// time between two of them that is due to coarser data (0 where the source has every sample).
    ///
    /// Of coarser data it also gives what lies up to that time before `from_ms`.
    fn read(
        &self,
        matchers: &[Matcher],
        want: Want,
        take: &mut dyn FnMut(Series, i64) -> ControlFlow<()>,
    ) -> Result<(), SourceError>;

    /// Hands the series of all `asks` to `take`, those of one value of `label` (empty for none) in one
    /// go, and value by value in order: a source that reads little by little for each of many
    /// conditions may read once for all of them.
    fn read_apart(
        &self,
        asks: &[Ask],
        label: &str,
        take: &mut dyn FnMut(Vec<Asked>) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        together::one_by_one(self, asks, label, take)
    }

    /// Every series that all `matchers` accept, with every sample of `from_ms..=to_ms`; the series
    /// in order of their labels.
    fn select(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<Series>, SourceError> {
        let mut all = Vec::new();
        self.read(matchers, Want::all(from_ms, to_ms), &mut |series, _| {
            all.push(series);
            ControlFlow::Continue(())
        })?;
        all.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(all)
    }

    /// The labels of every series that all `matchers` accept and that has a sample in
    /// `from_ms..=to_ms`, in order. A source may answer for somewhat more time than was asked.
    fn series(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<Labels>, SourceError> {
        let found = self.select(matchers, from_ms, to_ms)?;
        Ok(found.into_iter().map(|series| series.labels).collect())
    }
}

/// Why series could not be read.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Eq,
    /// `!=`
    Ne,
    /// `=~`, the whole value
    Re,
    /// `!~`, the whole value
    Nre,
}

/// A condition on one label; a missing label counts as an empty value.
#[derive(Debug, Clone)]
pub struct Matcher {
    name: String,
    op: MatchOp,
    value: String,
    regex: Option<Regex>,
}

impl Matcher {
    /// A condition; an error when `value` should be a regular expression and is none.
    pub fn new(name: &str, op: MatchOp, value: &str) -> Result<Self, regex::Error> {
        let regex = match op {
            MatchOp::Eq | MatchOp::Ne => None,
            MatchOp::Re | MatchOp::Nre => Some(Regex::new(&format!("^(?:{value})$"))?),
        };
        Ok(Self { name: name.to_owned(), op, value: value.to_owned(), regex })
    }

    /// The label's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it compares.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// The text or regular expression to compare with.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a label of this value satisfies the condition.
    pub fn matches(&self, value: &str) -> bool {
        let is_match =
            self.regex.as_ref().map_or(self.value == value, |regex| regex.is_match(value));
        is_match == matches!(self.op, MatchOp::Eq | MatchOp::Re)
    }

    /// Whether `labels` satisfy the condition.
    pub fn accepts(&self, labels: &Labels) -> bool {
        self.matches(labels.get(&self.name).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_joined_in_order() {
        let ours = Labels::new([("b", "1"), ("d", "1")]);
        let theirs = Labels::new([("a", "2"), ("b", "2"), ("e", "2")]);
        let joined = Labels::new([("a", "2"), ("b", "1"), ("d", "1"), ("e", "2")]);
        assert_eq!(ours.and(&theirs), joined);
    }

    #[test]
    fn labels_are_sorted_and_empty_values_are_no_labels() {
        let labels = Labels::new([("b", "2"), ("a", "1"), ("c", "")]);
        assert_eq!(labels.to_string(), r#"{a="1", b="2"}"#);
        assert_eq!(labels.get("c"), None);
        assert_eq!(labels, Labels::new([("a", "1"), ("b", "2")]));
    }

    #[test]
    fn regular_expressions_match_the_whole_value_and_missing_labels_are_empty() {
        let matcher = |op, value| Matcher::new("a", op, value).expect("a valid expression");
        let labels = Labels::new([("a", "one")]);
        assert!(matcher(MatchOp::Re, "o.e|two").accepts(&labels));
        assert!(!matcher(MatchOp::Re, "on").accepts(&labels));
        assert!(matcher(MatchOp::Nre, "on").accepts(&labels));
        assert!(matcher(MatchOp::Eq, "").accepts(&Labels::default()));
        assert!(Matcher::new("a", MatchOp::Re, "(").is_err());
    }
}
