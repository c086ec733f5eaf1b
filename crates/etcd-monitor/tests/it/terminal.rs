//! What a person sees on a terminal.

use testbed::version::skip;
use tokio::process::Command;

use crate::program;

/// Runs a program on a terminal of its own, whose output it holds (Ctrl-S) until the terminal does not
/// echo any more, so that the prompt cannot come first; then types a password and prints all that
/// the terminal shows.
const TYPE_A_PASSWORD: &str = r#"
import os, pty, sys, termios, time
ready, go = os.pipe()
child, terminal = pty.fork()
if child == 0:
    os.read(ready, 1)
    os.execv(sys.argv[1], sys.argv[1:])
os.write(terminal, b"\x13")
os.write(go, b"x")
deadline = time.monotonic() + 10
while termios.tcgetattr(terminal)[3] & termios.ECHO:
    if time.monotonic() > deadline:
        sys.exit("it echoes while the prompt is printed")
    time.sleep(0.01)
os.write(terminal, b"\x11hush-hush\n")
shown = b""
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
