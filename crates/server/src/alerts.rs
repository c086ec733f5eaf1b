//! The alerts of this monitor, which may begin anew with another configuration while it runs.

use std::sync::Arc;

use alert::Engine;
use arc_swap::ArcSwapOption;

/// Alerting as it is now. A clone is another handle.
#[derive(Clone, Default)]
pub struct Alerts(Arc<ArcSwapOption<Engine>>);

impl Alerts {
    /// From now on it is this; none where alerting is switched off.
    pub fn show(&self, engine: Option<Engine>) {
        self.0.store(engine.map(Arc::new));
    }

    /// What it is.
    pub fn engine(&self) -> Option<Engine> {
        self.0.load().as_deref().cloned()
    }
}
