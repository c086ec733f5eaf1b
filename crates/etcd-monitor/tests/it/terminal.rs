//! What a person sees on a terminal.

use testbed::version::skip;
use tokio::process::Command;

use crate::program;

/// Runs a program on a terminal of its own, types a password as soon as it is asked for, and prints
/// all that the terminal shows.
const TYPE_A_PASSWORD: &str = r#"
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
shown = b""
while b"Password: " not in shown:
    shown += os.read(terminal, 1024)
os.write(terminal, b"hush-hush\n")
try:
    while chunk := os.read(terminal, 1024):
        shown += chunk
except OSError:
    pass
sys.stdout.buffer.write(shown)
"#;

#[tokio::test]
async fn a_password_is_not_shown_however_soon_it_is_typed() {
    let program = program::command().as_std().get_program().to_owned();
    let mut python = Command::new("python3");
    python.args(["-c", TYPE_A_PASSWORD]).arg(program);
    python.args(["ctl", "get", "key", "--user=root", "--endpoints=127.0.0.1:1"]);
    python.args(["--command-timeout=200ms", "--dial-timeout=200ms"]);
    let output = match python.kill_on_drop(true).output().await {
        Ok(output) => output,
        Err(error) => return skip(&format!("no python3 for a terminal: {error}")),
    };
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("Password: ") && shown.contains("Error: "), "{shown} {output:?}");
    assert!(!shown.contains("hush"), "{shown}");
}
