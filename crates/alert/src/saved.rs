//! What deciding starts from after a restart.

use model::ack::Ack;
use model::alert::Alert;
use model::silence::Silence;

use crate::change::{GroupState, Sent};

/// Everything that was stored.
#[derive(Debug, Clone, Default)]
pub struct Saved {
    /// Alerts that are on, or over and not yet told.
    pub alerts: Vec<Alert>,
    /// What was told.
    pub sent: Vec<Sent>,
    /// The groups.
    pub groups: Vec<GroupState>,
    /// Silences that are not forgotten.
    pub silences: Vec<Silence>,
    /// Acknowledgements.
    pub acks: Vec<Ack>,
}

impl From<store::alerts::Saved> for Saved {
    fn from(saved: store::alerts::Saved) -> Self {
        let store::alerts::Saved { alerts, sent, groups, silences, acks, .. } = saved;
        Self { alerts, sent, groups, silences, acks }
    }
}
