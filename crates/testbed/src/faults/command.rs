//! Running the system's own tools, and telling what they complained of.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::Error;

/// Runs `command` to its end with `input` on its standard input.
///
/// It blocks for as long as the tool runs, which is milliseconds for all that are used here.
///
/// # Errors
/// [`Error::Fault`] with what the tool wrote to standard error.
pub(crate) fn run(command: &mut Command, input: &str) -> Result<(), Error> {
    let reason = match output(command, input) {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    Err(Error::Fault { what: format!("run {command:?}"), reason })
}

fn output(command: &mut Command, input: &str) -> std::io::Result<std::process::Output> {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A tool that ends early tells why by its status.
        let _ = stdin.write_all(input.as_bytes());
    }
    child.wait_with_output()
}
