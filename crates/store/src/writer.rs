//! The thread that writes: a transaction at once, then at most ten a second.
//!
//! While the disk takes nothing, it tries again every second; what waits stays in the queue. A
//! file that turns out to be damaged is set aside, and what waits goes into a new one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tracing::{error, info, warn};

use crate::error::Error;
use crate::queue::{Queue, Work};
use crate::records::Options;
use crate::sqlite::{self, File, Reserve};

/// What comes meanwhile goes into one transaction.
const COMMIT_EVERY: Duration = Duration::from_millis(100);

const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(crate) struct Writer {
    pub(crate) queue: Arc<Queue>,
    pub(crate) file: Arc<File>,
    pub(crate) options: Options,
    pub(crate) write_error: Arc<Mutex<Option<String>>>,
    pub(crate) first_sequence: u64,
}

impl Writer {
    /// Runs until it is told to stop.
    pub(crate) fn run(self) {
        let mut connection = None;
        loop {
            let work = self.queue.work();
            match self.attempt(&mut connection, &work) {
                Ok(()) => {
                    self.report(None);
                    self.queue.written(work.records.len());
                    self.retain(&mut connection, &work);
                    if work.is_last {
                        break;
                    }
                    self.queue.rest(COMMIT_EVERY);
                }
                Err(problem) => {
                    self.report(Some(&problem));
                    self.queue.failing();
                    connection = None;
                    if self.queue.is_stopping() {
                        break;
                    }
                    self.queue.rest(RETRY_AFTER);
                }
            }
        }
        self.queue.ended();
    }

    /// Does what is to be done; once more with a new file when this one is damaged.
    fn attempt(&self, connection: &mut Option<Connection>, work: &Work) -> Result<(), Error> {
        if work.is_damaged {
            *connection = None;
            self.file.set_aside_suspect()?;
        }
        match self.write(connection, work) {
            Err(problem) if problem.is_damage() => {
                *connection = None;
                self.file.set_aside(&problem)?;
                self.write(connection, work)
            }
            outcome => outcome,
        }
    }

    fn write(&self, connection: &mut Option<Connection>, work: &Work) -> Result<(), Error> {
        let open = match connection {
            Some(open) => open,
            None => connection.insert(self.file.connect()?),
        };
        let told = self.queue.last_sequence().max(self.first_sequence.saturating_sub(1));
        let reserve = if work.is_last { Reserve::Nothing } else { Reserve::More };
        sqlite::write(open, &work.records, told, reserve)
            .map_err(|source| self.file.problem(source))
    }

    /// Removes what is over age, where that was asked for; it will be asked for again.
    fn retain(&self, connection: &mut Option<Connection>, work: &Work) {
        let (Some(now), Some(open)) = (work.retain_at, connection.as_mut()) else { return };
        if let Err(source) = sqlite::retain(open, &self.options, now) {
            warn!(error = %source, "records over age cannot be removed");
            *connection = None;
        }
    }

    fn report(&self, problem: Option<&Error>) {
        let mut known = self.write_error.lock().unwrap_or_else(PoisonError::into_inner);
        match problem {
            Some(problem) => {
                let text = match std::error::Error::source(problem) {
                    Some(source) => format!("{problem}: {source}"),
                    None => problem.to_string(),
                };
                if known.is_none() {
                    error!(error = text, "records cannot be written, trying again");
                }
                *known = Some(text);
            }
            None if known.is_some() => {
                info!("records are written again");
                *known = None;
            }
            None => {}
        }
    }
}
