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
        let _ = self.stderr.write_all(format!("{line}\n").as_bytes());
    }
}
