//! A fault that lasts as long as its guard.

use std::fmt;

use crate::Error;

/// How a fault ends.
type Undo = Box<dyn FnOnce() -> Result<(), Error> + Send>;

/// A fault under way; it ends when this is healed or dropped.
#[must_use = "the fault ends when this is dropped"]
pub struct Fault {
    what: String,
    undo: Option<Undo>,
}

impl Fault {
    /// A fault, named `what`, that `undo` ends. `undo` has to do nothing, without an error, once
    /// the member or the cluster is gone.
    pub(crate) fn new(
        what: String,
        undo: impl FnOnce() -> Result<(), Error> + Send + 'static,
    ) -> Self {
        Self { what, undo: Some(Box::new(undo)) }
    }

    /// Ends it.
    ///
    /// # Errors
    /// [`Error::Fault`] when the system refuses to undo it.
    pub fn heal(mut self) -> Result<(), Error> {
        self.undo.take().map_or(Ok(()), |undo| undo())
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.undo.take().map(|undo| undo()) {
            tracing::warn!(fault = %self.what, %error, "fault is not healed");
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fault").field(&self.what).finish()
    }
}
