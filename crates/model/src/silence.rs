//! A silence: alerts that nobody is told of for a while, because somebody said so.

use jiff::Timestamp;

use crate::alert::Alert;
use crate::series::Matcher;

/// A silence. It never vanishes by being ended: what was silenced, and by whom, can be looked up.
#[derive(Debug, Clone)]
pub struct Silence {
    /// A UUID in text form, as Alertmanager's clients expect.
    pub id: String,
    /// Which alerts: those that all of them accept.
    pub matchers: Vec<Matcher>,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when; one that was ended early has the moment of that.
    pub ends_at: Timestamp,
    /// When somebody last changed it.
    pub updated_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

impl Silence {
    /// Whether it is in force at `now`.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.starts_at <= now && now < self.ends_at
    }

    /// Whether `alert` is one of those that it is about.
    pub fn covers(&self, alert: &Alert) -> bool {
        self.matchers.iter().all(|matcher| matcher.accepts(&alert.labels))
    }
}
