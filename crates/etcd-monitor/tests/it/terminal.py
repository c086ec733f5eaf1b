# Runs a program on a terminal of its own, types and waits as the steps say, and prints all that the
# terminal showed; ends with the program's exit code.
#
#   terminal.py '[["see", "text"], ["type", "text"], ["hold"], …]' PROGRAM [ARGUMENT …]
#
# A first step "hold" holds the terminal's output (Ctrl-S) before the program starts, until it does not
# echo any more; so a prompt cannot come first.
import json
import os
import pty
import select
import signal
import sys
import termios
import time

PATIENCE = 60.0

steps = json.loads(sys.argv[1])
ready, go = os.pipe()
child, terminal = pty.fork()
if child == 0:
    # A shell has its background jobs, and whatever they start, ignore it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.read(ready, 1)
    os.execv(sys.argv[2], sys.argv[2:])

shown = b""
seen = 0


def read(deadline):
    """More of what it shows; False at its end."""
    global shown
    if not select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0]:
        sys.exit("nothing more is shown after: " + shown.decode(errors="replace"))
    try:
        chunk = os.read(terminal, 4096)
    except OSError:
        return False
    shown += chunk
    return bool(chunk)


holds = steps[:1] == [["hold"]]
if holds:
    steps = steps[1:]
    os.write(terminal, b"\x13")
os.write(go, b"x")
if holds:
    deadline = time.monotonic() + PATIENCE
    while termios.tcgetattr(terminal)[3] & termios.ECHO:
        if time.monotonic() > deadline:
            sys.exit("it echoes while the prompt is printed")
        time.sleep(0.01)
    os.write(terminal, b"\x11")
for kind, text in steps:
    text = text.encode()
    deadline = time.monotonic() + PATIENCE
    if kind == "type":
        os.write(terminal, text)
        continue
    while (at := shown.find(text, seen)) < 0:
        if not read(deadline):
            sys.exit(f"ended before {text!r} after: " + shown.decode(errors="replace"))
    seen = at + len(text)
while read(time.monotonic() + PATIENCE):
    pass
sys.stdout.buffer.write(shown)
sys.stdout.flush()
status = os.waitpid(child, 0)[1]
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)
