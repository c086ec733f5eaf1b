//! An alert: trouble that somebody may have to be told of, from a finding, a rule or a client.

use std::fmt;

use jiff::Timestamp;

use crate::series::Labels;

/// The label that names an alert.
pub const ALERT_NAME: &str = "alertname";

/// The identity of an alert: its labels, hashed as Prometheus and Alertmanager do (FNV-1a, 64 bits,
/// over names and values in order, each followed by 0xff). Printed as they print it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// That of `labels`.
    pub fn of(labels: &Labels) -> Self {
        const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0100_0000_01b3;
        let add = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
        let texts = labels.iter().flat_map(|(name, value)| [name, value]);
        let bytes = texts.flat_map(|text| text.bytes().chain([0xff]));
        Self(bytes.fold(OFFSET, add))
    }

    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok().map(Self))?
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Why an alert is not told, apart from silences, inhibition rules and muted times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hidden {
    /// It is a symptom of another alert of the same cluster: the name of that one.
    Symptom(String),
    /// It is the expected effect of declared maintenance; says which.
    Expected(String),
}

/// One alert as its source last told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What it is about; [`ALERT_NAME`] among them. Its identity.
    pub labels: Labels,
    /// What a person should know: `summary`, `description`, `runbook_url`. No part of the identity.
    pub annotations: Labels,
    /// Since when.
    pub starts_at: Timestamp,
    /// When it was over; in the future: when it will count as over unless it is told again; none:
    /// not before its source says so.
    pub ends_at: Option<Timestamp>,
    /// When its source last spoke of it.
    pub updated_at: Timestamp,
    /// Where its source shows it; empty where there is no such place.
    pub generator_url: String,
    /// Why it is not told.
    pub hidden: Option<Hidden>,
}

impl Alert {
    /// Its identity.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.labels)
    }

    /// Its name; empty where it has none.
    pub fn name(&self) -> &str {
        self.labels.get(ALERT_NAME).unwrap_or_default()
    }

    /// Whether it is over at `now`.
    pub fn is_resolved(&self, now: Timestamp) -> bool {
        self.ends_at.is_some_and(|end| end <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_that_of_prometheus() {
        // As `model.LabelSet{…}.Fingerprint()` of github.com/prometheus/common gives.
        assert_eq!(Fingerprint::of(&Labels::default()).to_string(), "cbf29ce484222325");
        let labels = Labels::new([("alertname", "Watchdog")]);
        let text = Fingerprint::of(&labels).to_string();
        assert_eq!(Fingerprint::parse(&text), Some(Fingerprint::of(&labels)));
        assert_eq!(Fingerprint::parse("12"), None);
    }
}
