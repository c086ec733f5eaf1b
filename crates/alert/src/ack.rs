//! Acknowledgements: which alerts somebody takes care of.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use model::ack::Ack;
use model::alert::{Alert, Fingerprint};

/// All acknowledgements, one at most for each alert.
#[derive(Debug, Default)]
pub struct Acks(HashMap<Fingerprint, Ack, RandomState>);

impl Acks {
    /// These.
    pub fn new(acks: Vec<Ack>) -> Self {
        Self(acks.into_iter().map(|ack| (ack.fingerprint, ack)).collect())
    }

    /// The one of this firing of `alert`.
    pub fn of(&self, alert: &Alert, fingerprint: Fingerprint) -> Option<&Ack> {
        self.0.get(&fingerprint).filter(|ack| ack.starts_at == alert.starts_at)
    }

    /// Adds one, in place of an older one of the same alert.
    pub fn set(&mut self, ack: Ack) {
        self.0.insert(ack.fingerprint, ack);
    }

    /// Takes one back; none where there was none.
    pub fn remove(&mut self, fingerprint: Fingerprint) -> Option<Ack> {
        self.0.remove(&fingerprint)
    }

    /// Every one.
    pub fn iter(&self) -> impl Iterator<Item = &Ack> {
        self.0.values()
    }
}
