//! What is wrong with the monitor itself: findings that belong to no cluster.

use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use model::finding::Finding;

use crate::detect::Condition;
use crate::findings::{FindingBook, Round, Turn};

/// What stands for a cluster's name in findings and events about the monitor itself.
pub const NAME: &str = "etcd-monitor";

/// The monitor's own findings.
#[derive(Default)]
pub(crate) struct Own {
    book: Mutex<FindingBook>,
    active: ArcSwap<Vec<Arc<Finding>>>,
}

impl Own {
    /// Takes all that is wrong at `now`.
    pub(crate) fn observe(&self, conditions: Vec<Condition>, now: Timestamp) -> Vec<Turn> {
        let mut book = self.book.lock().expect("invariant: no holder of this lock panics");
        let turns = book.observe(conditions, &Round::plain(now));
        self.active.store(Arc::new(book.active()));
        turns
    }

    /// Those that are not over, worst first.
    pub(crate) fn active(&self) -> Arc<Vec<Arc<Finding>>> {
        self.active.load_full()
    }
}
