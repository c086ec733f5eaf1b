//! How a run goes, while it goes: one line that is written over on a terminal, plain lines elsewhere.

use std::io::{IsTerminal as _, Write as _};

use ::bench::Progress;

use super::text::{bars, short};

/// Seconds of which the throughput is drawn.
const DRAWN: usize = 24;
/// Lines that go to no terminal are this many seconds apart.
const PLAIN_EVERY: f64 = 5.0;

/// Columns of a terminal that does not tell.
const COLUMNS: usize = 80;
/// Columns of the bar that shows how much is over.
const DONE: usize = 20;

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
        if self.is_quiet {
            return;
        }
        if self.is_terminal {
            crate::say(&textwrap::fill(line, columns().saturating_sub(1).max(20)));
        } else {
            crate::say(line);
        }
    }

    pub(super) fn show(&mut self, progress: &Progress) {
        if self.is_quiet {
            return;
        }
        let point = &progress.point;
        let is_measured = progress.is_measured && point.seconds > 0.0;
        let text = if is_measured {
            let rate = point.succeeded as f64 / point.seconds;
            self.recent.push(rate);
            if self.recent.len() > DRAWN {
                self.recent.remove(0);
            }
            let latency = |seconds: Option<f64>| seconds.map_or("–".to_owned(), short);
            format!(
                "{:>3.0} %  {rate:.0} operations/s  p50 {}  p99 {}  max {}  {} failed",
                progress.share * 100.0,
                latency(point.p50_seconds),
                latency(point.p99_seconds),
                latency(point.max_seconds),
                point.failed
            )
        } else {
            "warming up".to_owned()
        };
        if self.is_terminal {
            let line = fitted(progress.share, is_measured, &text, &bars(&self.recent), columns());
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K{line}");
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

/// How wide the terminal is.
fn columns() -> usize {
    let size = terminal_size::terminal_size_of(std::io::stderr());
    size.map_or(COLUMNS, |(width, _)| usize::from(width.0))
}

/// One line that is narrower than the terminal: what would be wrapped cannot be written over. What fits is
/// shown, the figures first.
fn fitted(share: f64, is_measured: bool, text: &str, drawn: &str, columns: usize) -> String {
    let room = columns.saturating_sub(1);
    let width = |text: &str| text.chars().count();
    let mut line = text.to_owned();
    if is_measured && width(&line) + DONE < room {
        let done = (share * DONE as f64).round() as usize;
        line = format!("{}{} {line}", "█".repeat(done), "░".repeat(DONE - done.min(DONE)));
    }
    let left = room.saturating_sub(width(&line) + 2);
    if left >= 4 {
        let surplus = width(drawn).saturating_sub(left);
        line.push_str("  ");
        line.extend(drawn.chars().skip(surplus));
    }
    line.chars().take(room).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_never_wider_than_its_terminal_and_tells_the_figures_first() {
        let text = " 50 %  301 operations/s  p50 35.1 ms  p99 127 ms  max 140 ms  0 failed";
        let drawn = "▁▇▇██▁▇▇██▁▇▇██▁▇▇██▁▇▇█";
        for columns in 0..200 {
            let line = fitted(0.5, true, text, drawn, columns);
            assert!(line.chars().count() < columns.max(1), "{columns}: {line}");
        }
        assert_eq!(fitted(0.5, true, text, drawn, 60), text[..59]);
        let last: String = drawn.chars().skip(17).collect();
        assert_eq!(fitted(0.5, true, text, drawn, 80), format!("{text}  {last}"));
        let wide = fitted(0.5, true, text, drawn, 150);
        assert!(wide.starts_with("██████████░░░░░░░░░░  50 %") && wide.ends_with(drawn), "{wide}");
        assert_eq!(fitted(0.0, false, "warming up", "", 80), "warming up  ");
    }
}
