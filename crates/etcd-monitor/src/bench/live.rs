//! How a run goes, while it goes: one line that is written over on a terminal, plain lines elsewhere.

use std::io::{IsTerminal as _, Write as _};

use ::bench::Progress;

use super::text::{bars, short};

/// Seconds of which the throughput is drawn.
const DRAWN: usize = 24;
/// Lines that go to no terminal are this many seconds apart.
const PLAIN_EVERY: f64 = 5.0;

/// Shows on standard error how a run goes.
pub(super) struct Live {
    is_quiet: bool,
    is_terminal: bool,
    recent: Vec<f64>,
    next_plain: f64,
}

impl Live {
    pub(super) fn new(is_quiet: bool) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        Self { is_quiet, is_terminal, recent: Vec::new(), next_plain: PLAIN_EVERY }
    }

    pub(super) fn say(&self, line: &str) {
        if !self.is_quiet {
            crate::say(line);
        }
    }

    pub(super) fn show(&mut self, progress: &Progress) {
        if self.is_quiet {
            return;
        }
        let point = &progress.point;
        let text = if progress.is_measured && point.seconds > 0.0 {
            let rate = point.succeeded as f64 / point.seconds;
            self.recent.push(rate);
            if self.recent.len() > DRAWN {
                self.recent.remove(0);
            }
            let latency = |seconds: Option<f64>| seconds.map_or("–".to_owned(), short);
            format!(
                "{:>3.0} %  {rate:.0} operations/s  p50 {}  p99 {}  {} failed",
                progress.share * 100.0,
                latency(point.p50_seconds),
                latency(point.p99_seconds),
                point.failed
            )
        } else {
            "warming up".to_owned()
        };
        if self.is_terminal {
            let drawn = bars(&self.recent);
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K{text}  {drawn}");
        } else if progress.is_measured && point.at_seconds >= self.next_plain {
            self.next_plain += PLAIN_EVERY;
            crate::say(&text);
        }
    }

    pub(super) fn end(&self) {
        if self.is_terminal && !self.is_quiet {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}
