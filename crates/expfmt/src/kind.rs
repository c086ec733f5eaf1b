//! The types that a metric family can have.

use std::fmt;

/// The type of a metric family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Only grows, and starts again at zero with the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations in buckets with upper bounds.
    Histogram,
    /// Counts present things in buckets with upper bounds (OpenMetrics only).
    GaugeHistogram,
    /// Quantiles worked out by the process itself.
    Summary,
    /// Facts as labels; the value is always 1.
    Info,
    /// One series for each possible state, 1 for those that hold (OpenMetrics only).
    StateSet,
    /// Not told: `untyped` in the text format, `unknown` in OpenMetrics.
    Unknown,
}

impl Kind {
    /// Reads the word of a `# TYPE` line, of either format.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "counter" => Self::Counter,
            "gauge" => Self::Gauge,
            "histogram" => Self::Histogram,
            "gaugehistogram" => Self::GaugeHistogram,
            "summary" => Self::Summary,
            "info" => Self::Info,
            "stateset" => Self::StateSet,
            "unknown" | "untyped" => Self::Unknown,
            _ => return None,
        })
    }

    /// The word for it in OpenMetrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
