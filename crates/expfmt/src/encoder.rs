//! Writes a page, in either format, from the same calls.

use std::collections::HashSet;

use crate::format::Format;
use crate::kind::Kind;
use crate::labels::{NameClass, Scanner};
use crate::number::{write_bound, write_timestamp, write_value};

/// What would have made a page invalid.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EncodeError {
    /// A metric name that no format allows.
    #[error("not a metric name: {name:?}; expected letters, digits, `_` and `:`, no digit first")]
    MetricName {
        /// The name.
        name: String,
    },
    /// Two families of one name.
    #[error("metric {name} is written twice; put all of its samples into one family")]
    DuplicateFamily {
        /// The family's name, without suffix.
        name: String,
    },
    /// A label that no format allows, or that a histogram writes by itself (`le`).
    #[error(
        "metric {name} cannot have a label {label:?}; expected letters, digits and `_`, no digit first, not `le` on a histogram"
    )]
    LabelName {
        /// The family's name, without suffix.
        name: String,
        /// The label.
        label: String,
    },
    /// A label that a series has twice.
    #[error("metric {name} has the label {label} twice in one series")]
    DuplicateLabel {
        /// The family's name, without suffix.
        name: String,
        /// The label.
        label: String,
    },
    /// A value that the type does not allow: a counter below zero, an info that is not 1.
    #[error("metric {name} is of type {kind} and cannot have the value {value}")]
    Value {
        /// The family's name, without suffix.
        name: String,
        /// Its type.
        kind: Kind,
        /// The value.
        value: f64,
    },
    /// Buckets that do not ascend, in bounds or in counts.
    #[error(
        "metric {name} has buckets out of order; expected ascending bounds and counts, none above the total"
    )]
    Buckets {
        /// The family's name, without suffix.
        name: String,
    },
    /// A call that does not fit the type, such as a single value for a histogram.
    #[error("metric {name} is of type {kind}, which this call does not write")]
    Kind {
        /// The family's name, without suffix.
        name: String,
        /// Its type.
        kind: Kind,
    },
    /// A unit that is not the end of the name, as OpenMetrics demands.
    #[error("metric {name} cannot have the unit {unit:?}; expected a name that ends with it")]
    Unit {
        /// The family's name, without suffix.
        name: String,
        /// The unit.
        unit: String,
    },
}

/// Writes a page of metrics.
///
/// The first mistake is kept and reported by [`finish`](Self::finish), so that the calls in between
/// stay readable. Counters and infos may be named with or without their suffix (`_total`, `_info`):
/// samples always carry it, and the family's name has it where the format wants it.
///
/// ```
/// use expfmt::{Encoder, Format, Kind};
///
/// let mut page = Encoder::new(Format::OpenMetrics);
/// page.family("leader_changes_total", Kind::Counter, "Leaders elected.")
///     .sample(&[("cluster", "east")], 3.0)
///     .sample(&[("cluster", "west")], 0.0);
/// assert!(page.finish()?.lines().eq([
///     "# HELP leader_changes Leaders elected.",
///     "# TYPE leader_changes counter",
///     "leader_changes_total{cluster=\"east\"} 3",
///     "leader_changes_total{cluster=\"west\"} 0",
///     "# EOF",
/// ]));
/// # Ok::<(), expfmt::EncodeError>(())
/// ```
#[derive(Debug)]
pub struct Encoder {
    format: Format,
    out: String,
    families: HashSet<String>,
    failed: Option<EncodeError>,
}

impl Encoder {
    /// An empty page.
    pub fn new(format: Format) -> Self {
        Self { format, out: String::new(), families: HashSet::new(), failed: None }
    }

    /// Starts a family; its samples follow. An empty `help` is left out.
    pub fn family<'a>(&'a mut self, name: &'a str, kind: Kind, help: &str) -> Family<'a> {
        let suffix = match kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            _ => "",
        };
        let name = name.strip_suffix(suffix).unwrap_or(name);
        if !is_name(name, NameClass::Metric) {
            self.fail(EncodeError::MetricName { name: name.to_owned() });
        }
        if !self.families.insert(name.to_owned()) {
            self.fail(EncodeError::DuplicateFamily { name: name.to_owned() });
        }
        let mut family = Family { encoder: self, name, kind, suffix };
        if !help.is_empty() {
            family.metadata("HELP");
            escape(&mut family.encoder.out, help, family.encoder.format == Format::OpenMetrics);
            family.encoder.out.push('\n');
        }
        family.metadata("TYPE");
        let word = match (family.encoder.format, kind) {
            (Format::Text, Kind::Unknown) => "untyped",
            (Format::Text, Kind::Info) => "gauge",
            _ => kind.as_str(),
        };
        family.encoder.out.extend([word, "\n"]);
        family
    }

    /// Ends the page.
    pub fn finish(mut self) -> Result<String, EncodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.format == Format::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
        Ok(self.out)
    }

    fn fail(&mut self, error: EncodeError) {
        self.failed.get_or_insert(error);
    }
}

/// A family that is being written.
#[derive(Debug)]
pub struct Family<'a> {
    encoder: &'a mut Encoder,
    /// Without suffix.
    name: &'a str,
    kind: Kind,
    suffix: &'static str,
}

impl Family<'_> {
    /// Declares the unit, such as `seconds`, before the first sample. The text format has no word
    /// for it.
    pub fn unit(&mut self, unit: &str) -> &mut Self {
        let ends_with_unit = self.name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_'));
        if !ends_with_unit {
            let name = self.name.to_owned();
            self.encoder.fail(EncodeError::Unit { name, unit: unit.to_owned() });
        }
        if self.encoder.format == Format::OpenMetrics {
            self.metadata("UNIT");
            self.encoder.out.extend([unit, "\n"]);
        }
        self
    }

    /// Writes one value of a counter, a gauge, an info (always 1) or a family of unknown type.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: f64) -> &mut Self {
        self.write_sample(labels, value, None)
    }

    /// Writes one value with the moment it was true, in milliseconds since 1970.
    ///
    /// For values that were read elsewhere; what is read now is better written without.
    pub fn sample_at(
        &mut self,
        labels: &[(&str, &str)],
        value: f64,
        timestamp_ms: i64,
    ) -> &mut Self {
        self.write_sample(labels, value, Some(timestamp_ms))
    }

    /// Writes one histogram: cumulative counts by upper bound, then sum and count of all
    /// observations. The bucket without a bound is added.
    pub fn histogram(
        &mut self,
        labels: &[(&str, &str)],
        buckets: &[(f64, u64)],
        sum: f64,
        count: u64,
    ) -> &mut Self {
        if self.kind != Kind::Histogram {
            return self.misfit();
        }
        let ascend = buckets.is_sorted_by(|low, high| low.0 < high.0 && low.1 <= high.1);
        if !ascend || buckets.last().is_some_and(|last| last.1 > count || !last.0.is_finite()) {
            self.encoder.fail(EncodeError::Buckets { name: self.name.to_owned() });
        }
        self.check_labels(labels);
        for &(bound, below) in buckets.iter().chain([&(f64::INFINITY, count)]) {
            let mut text = String::new();
            write_bound(&mut text, bound, self.encoder.format);
            self.series("_bucket", labels, Some(&text));
            self.value(below as f64, None);
        }
        self.series("_sum", labels, None);
        self.value(sum, None);
        self.series("_count", labels, None);
        self.value(count as f64, None);
        self
    }

    fn write_sample(
        &mut self,
        labels: &[(&str, &str)],
        value: f64,
        timestamp_ms: Option<i64>,
    ) -> &mut Self {
        let is_allowed = match self.kind {
            Kind::Counter => value >= 0.0,
            Kind::Info => value == 1.0,
            Kind::Gauge | Kind::Unknown => true,
            Kind::Histogram | Kind::GaugeHistogram | Kind::Summary | Kind::StateSet => {
                return self.misfit();
            }
        };
        if !is_allowed {
            let name = self.name.to_owned();
            self.encoder.fail(EncodeError::Value { name, kind: self.kind, value });
        }
        self.check_labels(labels);
        self.series(self.suffix, labels, None);
        self.value(value, timestamp_ms);
        self
    }

    fn misfit(&mut self) -> &mut Self {
        self.encoder.fail(EncodeError::Kind { name: self.name.to_owned(), kind: self.kind });
        self
    }

    fn check_labels(&mut self, labels: &[(&str, &str)]) {
        for (position, &(label, _)) in labels.iter().enumerate() {
            let (name, label) = (self.name, label.to_owned());
            let is_reserved = self.kind == Kind::Histogram && label == "le";
            if is_reserved || !is_name(&label, NameClass::Label) {
                self.encoder.fail(EncodeError::LabelName { name: name.to_owned(), label });
            } else if labels[..position].iter().any(|(earlier, _)| *earlier == label) {
                self.encoder.fail(EncodeError::DuplicateLabel { name: name.to_owned(), label });
            }
        }
    }

    fn metadata(&mut self, word: &str) {
        // The text format names the family as its samples are named.
        let suffix = if self.encoder.format == Format::Text { self.suffix } else { "" };
        self.encoder.out.extend(["# ", word, " ", self.name, suffix, " "]);
    }

    fn series(&mut self, suffix: &str, labels: &[(&str, &str)], bound: Option<&str>) {
        let out = &mut self.encoder.out;
        out.extend([self.name, suffix]);
        let bound = bound.map(|bound| ("le", bound));
        let mut separator = '{';
        for (name, value) in labels.iter().copied().chain(bound) {
            out.push(separator);
            separator = ',';
            out.extend([name, "=\""]);
            escape(out, value, true);
            out.push('"');
        }
        if separator == ',' {
            out.push('}');
        }
    }

    fn value(&mut self, value: f64, timestamp_ms: Option<i64>) {
        let Encoder { format, out, .. } = &mut *self.encoder;
        out.push(' ');
        write_value(out, value);
        if let Some(timestamp_ms) = timestamp_ms {
            out.push(' ');
            write_timestamp(out, timestamp_ms, *format);
        }
        out.push('\n');
    }
}

fn is_name(name: &str, class: NameClass) -> bool {
    !name.is_empty() && Scanner { text: name, at: 0 }.bare_name(class).len() == name.len()
}

fn escape(out: &mut String, text: &str, quotes: bool) {
    for char in text.chars() {
        match char {
            '\\' => out.push_str(r"\\"),
            '\n' => out.push_str(r"\n"),
            '"' if quotes => out.push_str("\\\""),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests;
