//! What a person at the terminal is told: a summary at the start, then one line per change.

mod summary;

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use model::event::{Event, EventKind};
use model::severity::Severity;
use monitor::fleet::Fleet;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// The summary waits this long for the first sweep of every cluster.
const SUMMARY_WITHIN: Duration = Duration::from_secs(3);

/// Lines for a person, on standard output.
#[derive(Debug, Clone, Copy)]
pub struct Console {
    is_colourful: bool,
}

impl Console {
    /// Coloured on a terminal, unless NO_COLOR says otherwise.
    pub fn of_this_process() -> Self {
        let is_colourful = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { is_colourful }
    }

    /// Says where to look.
    pub fn started(&self, url: &str, clusters: usize) {
        let clusters = match clusters {
            1 => "1 cluster".to_owned(),
            n => format!("{n} clusters"),
        };
        self.tell(&format!("etcd-monitor watches {clusters}: {}", self.bold(url)));
    }

    /// Writes a line; a reader that went away is nobody's loss.
    pub fn tell(&self, line: &str) {
        let _ = writeln!(io::stdout().lock(), "{line}");
    }

    /// Tells the summary as soon as there is one, then every event, until `stop`.
    pub async fn follow(
        self,
        fleet: Fleet,
        mut events: broadcast::Receiver<Arc<Event>>,
        url: String,
        stop: CancellationToken,
    ) {
        tokio::select! {
            () = stop.cancelled() => return,
            () = first_sweeps(&fleet) => {}
        }
        self.tell(&summary::render(&fleet, &url, self));
        // The summary says it all up to here.
        let told = fleet.events().last_sequence();
        loop {
            let event = tokio::select! {
                () = stop.cancelled() => return,
                event = events.recv() => event,
            };
            match event {
                Ok(event) if event.sequence > told => self.tell(&self.line(&event)),
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => {
                    self.tell(&format!("… {missed} changes not shown; see {url}/api/v1/events"));
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn line(self, event: &Event) -> String {
        let time = event.at.strftime("%H:%M:%SZ");
        let severity = match event.kind {
            EventKind::FindingClosed => self.colour("resolved", "32"),
            _ => self.severity(event.severity),
        };
        format!("{time}  {severity}  {}  {}", event.cluster, event.message)
    }

    fn severity(self, severity: Severity) -> String {
        let colour = match severity {
            Severity::Info => "36",
            Severity::Warning => "33",
            Severity::Critical => "31",
        };
        self.colour(severity.as_str(), colour)
    }

    /// Padded to one width, so that the lines stand in columns.
    fn colour(self, text: &str, code: &str) -> String {
        if self.is_colourful {
            format!("\x1b[{code}m{text:<8}\x1b[0m")
        } else {
            format!("{text:<8}")
        }
    }

    fn bold(self, text: &str) -> String {
        if self.is_colourful { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Waits for the first sweep of every cluster, but not for ever.
async fn first_sweeps(fleet: &Fleet) {
    let deadline = Instant::now() + SUMMARY_WITHIN;
    while Instant::now() < deadline
        && fleet.clusters().iter().any(|cluster| cluster.view().sweeps == 0)
    {
        sleep(Duration::from_millis(20)).await;
    }
}
