//! How far a command is, on one line of a terminal.

use std::io::{self, IsTerminal as _, Write as _};

use tsdb::admin::Progress;

/// A line that is written over; nothing where nobody looks.
pub(super) struct Bar {
    doing: &'static str,
    is_shown: bool,
    last: Option<u64>,
}

impl Bar {
    /// For work that `doing` names, such as `verifying`.
    pub(super) fn new(doing: &'static str) -> Self {
        Self { doing, is_shown: io::stderr().is_terminal(), last: None }
    }

    pub(super) fn show(&mut self, progress: Progress<'_>) {
        let percent = progress.done * 100 / progress.total.max(1);
        if self.is_shown && self.last != Some(percent) {
            self.last = Some(percent);
            write(&format!("{} {percent:>3} %  {}", self.doing, progress.file));
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.last.is_some() {
            write("");
        }
    }
}

/// A closed standard error is nobody's loss.
fn write(text: &str) {
    let _ = write!(io::stderr().lock(), "\r\x1b[K{text}");
    let _ = io::stderr().flush();
}
