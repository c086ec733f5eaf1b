//! An acknowledgement: somebody saw an alert and takes care of it.

use jiff::Timestamp;

use crate::alert::{Alert, Fingerprint};

/// An acknowledgement of one alert as long as it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// Of which alert.
    pub fingerprint: Fingerprint,
    /// Since when that alert was on: one that fires anew later is not acknowledged.
    pub starts_at: Timestamp,
    /// When it was acknowledged.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// What they wrote; empty where they wrote nothing.
    pub note: String,
}

impl Ack {
    /// Whether it is about `alert` in this firing of it.
    pub fn covers(&self, alert: &Alert) -> bool {
        self.fingerprint == alert.fingerprint() && self.starts_at == alert.starts_at
    }
}
