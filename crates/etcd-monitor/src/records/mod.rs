//! The records of what happened: opened, kept within their limits, closed.

mod config;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::clock::Clock;
use tokio_util::sync::CancellationToken;

pub use config::Config;
use store::Records;

/// Its file within the data directory.
pub const FILE: &str = "records.db";

/// Limits are of days.
const RETAIN_EVERY: Duration = Duration::from_hours(1);

/// Opens what `data_dir` has, or begins it.
pub fn open(data_dir: &Path, config: &Config, clock: &dyn Clock) -> Result<Records, store::Error> {
    Records::open(&data_dir.join(FILE), config.options(), clock.now())
}

/// Removes what is over age, until `stop`.
pub async fn retain(records: Records, clock: Arc<dyn Clock>, stop: CancellationToken) {
    loop {
        records.retain(clock.now());
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(RETAIN_EVERY) => {}
        }
    }
}

/// Writes what is left.
pub async fn close(records: Records) {
    // An error says that it panicked, which the log has.
    let _ = tokio::task::spawn_blocking(move || records.close()).await;
}
