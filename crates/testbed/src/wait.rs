//! Waiting for a state, with a deadline instead of a guessed pause.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::Error;

/// How often a state is looked at: often enough not to slow tests, seldom enough for two cores.
const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// Returns when `condition` holds; `what` names it for the error.
///
/// # Errors
/// [`Error::Timeout`] when it does not hold within `deadline`, even if a look at it never ends.
pub async fn wait_until(
    what: &str,
    deadline: Duration,
    mut condition: impl AsyncFnMut() -> bool,
) -> Result<(), Error> {
    let end = Instant::now() + deadline;
    while !tokio::time::timeout_at(end, condition()).await.unwrap_or(false) {
        if Instant::now() >= end {
            return Err(Error::Timeout { what: what.to_owned(), deadline, detail: String::new() });
        }
        sleep(POLL_INTERVAL).await;
    }
    Ok(())
}
