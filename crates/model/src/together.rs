//! Many conditions put to a source of series at once.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::series::{Matcher, Series, Source, SourceError, Want};

/// One of several conditions that are put to a source at once.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Which series.
    pub matchers: Vec<Matcher>,
    /// Which of their samples.
    pub want: Want,
}

/// A series and which condition it answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The condition's place in the list.
    pub ask: usize,
    /// The series.
    pub series: Series,
    /// The longest time between two of its samples that is due to coarser data.
    pub spacing_ms: i64,
}

/// Reads for one condition after the other and sorts what comes by the values of `label`: what a
/// source does that has no better way.
pub fn one_by_one<S: Source + ?Sized>(
    source: &S,
    asks: &[Ask],
    label: &str,
    take: &mut dyn FnMut(Vec<Asked>) -> ControlFlow<()>,
) -> Result<(), SourceError> {
    let mut parts: BTreeMap<String, Vec<Asked>> = BTreeMap::new();
    for (ask, Ask { matchers, want }) in asks.iter().enumerate() {
        source.read(matchers, *want, &mut |series, spacing_ms| {
            let value = series.labels.get(label).unwrap_or_default().to_owned();
            parts.entry(value).or_default().push(Asked { ask, series, spacing_ms });
            ControlFlow::Continue(())
        })?;
    }
    for part in parts.into_values() {
        if take(part).is_break() {
            break;
        }
    }
    Ok(())
}
