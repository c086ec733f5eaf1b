//! The streams of one command line, which tests replace.

use std::io::{self, IsTerminal as _, Read, Write};

/// Output is collected up to this many bytes before it is written.
const BUFFER_BYTES: usize = 64 << 10;

/// Standard input, output and error.
pub struct Io {
    /// Where values and transactions are read from; taken by who reads it.
    pub stdin: Box<dyn Read + Send>,
    /// Where answers go.
    stdout: Box<dyn Write + Send>,
    /// Where everything else goes.
    stderr: Box<dyn Write + Send>,
    /// Whether a person types the input.
    pub stdin_is_terminal: bool,
    /// Whether a person sees the output.
    pub stdout_is_terminal: bool,
    /// Whether a person sees what goes on.
    pub stderr_is_terminal: bool,
    /// Whether these are the process's own streams, which its children write to as well.
    pub is_inherited: bool,
    /// Whether a line of progress stands there.
    progress: bool,
    buffer: Vec<u8>,
}

impl Io {
    /// The process's own streams.
    pub fn system() -> Self {
        Self {
            stdin: Box::new(io::stdin()),
            stdout: Box::new(io::stdout()),
            stderr: Box::new(io::stderr()),
            stdin_is_terminal: io::stdin().is_terminal(),
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
            is_inherited: true,
            progress: false,
            buffer: Vec::new(),
        }
    }

    /// Streams that are no terminals.
    pub fn new(
        stdin: impl Read + Send + 'static,
        stdout: impl Write + Send + 'static,
        stderr: impl Write + Send + 'static,
    ) -> Self {
        Self {
            stdin: Box::new(stdin),
            stdout: Box::new(stdout),
            stderr: Box::new(stderr),
            stdin_is_terminal: false,
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            is_inherited: false,
            progress: false,
            buffer: Vec::new(),
        }
    }

    /// What will be written at the next [`Io::flush`].
    pub fn out(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Writes what has been collected if it is much.
    pub fn flush_if_full(&mut self) -> io::Result<()> {
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes what has been collected.
    pub fn flush(&mut self) -> io::Result<()> {
        let written = self.stdout.write_all(&self.buffer).and_then(|()| self.stdout.flush());
        self.buffer.clear();
        written
    }

    /// A line on standard error; that it cannot be written is no failure.
    pub fn complain(&mut self, line: &str) {
        self.end_progress();
        let _ = self.stderr.write_all(format!("{line}\n").as_bytes());
    }

    /// How far it has come, on one line of a terminal that is written over each time; nothing is
    /// written where no person looks.
    pub fn progress(&mut self, line: &str) {
        if self.stderr_is_terminal {
            let _ = self.stderr.write_all(format!("\r{line}\x1b[K").as_bytes());
            let _ = self.stderr.flush();
            self.progress = true;
        }
    }

    /// Takes that line away.
    pub fn end_progress(&mut self) {
        if std::mem::take(&mut self.progress) {
            let _ = self.stderr.write_all(b"\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn progress_is_shown_on_a_terminal_only_and_gives_way_to_lines() {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let mut io = Io::new(io::empty(), io::sink(), Kept(kept.clone()));
        io.progress("1 of 2");
        assert!(kept.lock().unwrap().is_empty());
        io.stderr_is_terminal = true;
        io.progress("1 of 2");
        io.complain("a line");
        io.end_progress();
        assert_eq!(*kept.lock().unwrap(), b"\r1 of 2\x1b[K\r\x1b[Ka line\n");
    }
}
