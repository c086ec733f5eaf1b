#!/usr/bin/env bash
# Measures `etcd-monitor ctl` beside etcdctl 3.6, whole processes in turn: a cold get, and very many keys.
#
# usage: scripts/bench/ctl.sh [REPETITIONS] [KEYS]   100 and 1000000 when not given; 0 keys leave that part out
# With ETCDCTL_BINARY=PATH that etcdctl is the other side.
# shellcheck source=scripts/bench/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

command -v python3 >/dev/null || fail "needs python3"
[ -x /usr/bin/time ] || fail "needs GNU time (Debian's package time)"
repetitions="${1:-100}" keys="${2:-1000000}"
build_monitor
etcd="$("$root/scripts/etcd/get.sh" 3.6 | head -n 1)"
etcdctl="${ETCDCTL_BINARY:-$(dirname "$etcd")/etcdctl}"
if [ -w /dev/shm ]; then data="$(mktemp -d /dev/shm/etcd-monitor-bench-XXXXXX)"; else data="$work/etcd"; fi
trap 'finish; rm -rf "$data"' EXIT

port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
client="http://127.0.0.1:$(port)" peer="http://127.0.0.1:$(port)"
start etcd "$etcd" --data-dir "$data" --unsafe-no-fsync --quota-backend-bytes 4294967296 \
  --max-txn-ops 20000 --max-request-bytes 16777216 \
  --listen-client-urls "$client" --advertise-client-urls "$client" \
  --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer"
export ETCDCTL_ENDPOINTS="$client"
await 30 "$monitor" ctl put key value >/dev/null || fail "etcd did not start: $(tail -n 3 "$work/etcd.err")"

cat >"$work/measure.py" <<'PYTHON'
"""Runs two programs in turn and compares wall time and largest memory, each as a median."""
import os, statistics, subprocess, sys, tempfile, time

def once(command):
    # The kernel counts as a child's memory what its parent had when it was made: this program's, were
    # there not another in between.
    with tempfile.NamedTemporaryFile("r") as memory, open(os.devnull, "wb") as nothing:
        start = time.monotonic()
        process = subprocess.Popen(["/usr/bin/time", "-f", "%M", "-o", memory.name] + command, stdout=nothing)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        if status:
            sys.exit(f"{command} ended with {status}")
        return wall, int(memory.read()), usage.ru_utime + usage.ru_stime

name, count, ours, theirs, arguments = *sys.argv[1:5], sys.argv[5:]
sides = [ours.split() + arguments, theirs.split() + arguments]
runs = [[], []]
for _ in range(int(count)):
    for side, command in zip(runs, sides):
        side.append(once(command))
median = lambda side, at: statistics.median(run[at] for run in side)
wall, memory = (median(runs[0], at) / median(runs[1], at) for at in (0, 1))
for label, side in zip(("ctl", "etcdctl"), runs):
    print(f"{name:9} {label:8} wall {median(side, 0) * 1e3:9.1f} ms"
          f"  CPU {median(side, 2) * 1e3:9.1f} ms  memory {median(side, 1) / 1024:7.1f} MiB")
limits = {"get": (0.5, 0.3), "keys json": (0.5, None)}[name]
print(f"{name:9} ratio    wall {wall:.2f} (limit {limits[0]})  memory {memory:.2f}"
      + (f" (limit {limits[1]})" if limits[1] else ""))
sys.exit(wall > limits[0] or (limits[1] is not None and memory > limits[1]))
PYTHON

python3 "$work/measure.py" get "$repetitions" "$monitor ctl" "$etcdctl" get key || missed=1

if [ "$keys" -gt 0 ]; then
  python3 - "$keys" "$work" <<'PYTHON'
import sys
keys, work, chunk = int(sys.argv[1]), sys.argv[2], 20000
for first in range(0, keys, chunk):
    with open(f"{work}/load-{first:09}.txt", "w") as out:
        out.write("\n")
        for n in range(first, min(first + chunk, keys)):
            out.write(f"put many/{n:08} {'v' * 64}\n")
        out.write("\n\n")
PYTHON
  for file in "$work"/load-*.txt; do
    "$monitor" ctl txn --max-request-bytes 16777216 <"$file" >/dev/null
    rm "$file"
  done
  python3 "$work/measure.py" "keys json" 3 "$monitor ctl" "$etcdctl" \
    get many/ --prefix -w json --command-timeout 120s || missed=1
fi
exit "$missed"
