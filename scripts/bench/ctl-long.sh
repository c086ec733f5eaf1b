#!/usr/bin/env bash
# Measures the long commands of `etcd-monitor ctl` beside etcdctl 3.6: a snapshot of about 1 GB, a mirror
# of very many keys, and what writers feel of a defragmentation of all members.
#
# usage: scripts/bench/ctl-long.sh [KEYS]   keys of the mirror, 1000000 when not given
# shellcheck source=scripts/bench/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ -x /usr/bin/time ] || fail "needs GNU time (Debian's package time)"
keys="${1:-1000000}" turns=3
build_monitor
build_example cluster
etcd="$("$root/scripts/etcd/get.sh" 3.6 | head -n 1)"
etcdctl="$(dirname "$etcd")/etcdctl"
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi
files="$(mktemp -d)"
trap 'finish; rm -rf "$files"' EXIT

# Starts one member as $1; sets $member, its URL.
start_member() {
  local peer
  member="http://127.0.0.1:$(free_port)" peer="http://127.0.0.1:$(free_port)"
  start "$1" "$etcd" --data-dir "$files/$1" --unsafe-no-fsync --quota-backend-bytes 8589934592 \
    --max-txn-ops 20000 --max-request-bytes 16777216 --logger zap --log-level error \
    --listen-client-urls "$member" --advertise-client-urls "$member" \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer"
  await 30 "$monitor" ctl --endpoints "$member" put key value >/dev/null || fail "etcd did not start"
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# Writes $1 keys below $2 with values of $3 bytes that do not compress, $4 in a transaction.
load() {
  python3 - "$@" <<'PYTHON' | while IFS= read -r file; do
import random, sys, tempfile
count, prefix, size, chunk = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
source = random.Random(1)
for first in range(0, count, chunk):
    with tempfile.NamedTemporaryFile("w", delete=False) as out:
        out.write("\n")
        for n in range(first, min(first + chunk, count)):
            out.write(f"put {prefix}{n:08} {source.randbytes(size // 2).hex()}\n")
        out.write("\n\n")
    print(out.name, flush=True)
PYTHON
    "$monitor" ctl --endpoints "$source" txn --max-request-bytes 16777216 <"$file" >/dev/null
    rm "$file"
  done
}

# Runs a command; sets $wall and $cpu, in seconds.
timed() {
  /usr/bin/time -f '%e %U %S' -o "$files/usage" "$@" >"$files/out" 2>&1 || fail "$* failed: $(tail -n 3 "$files/out")"
  read -r wall cpu < <(tail -n 1 "$files/usage" | awk '{ print $1, $2 + $3 }')
}

median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

start_member source
source="$member"
load 2000 'large/' 524288 16
header "snapshot of 1 GB, the median of $turns turns"
for turn in $(seq "$turns"); do
  timed "$monitor" ctl --endpoints "$source" snapshot save "$files/ours.$turn"
  echo "$wall $cpu" >>"$files/ours"
  rm -f "$files/ours.$turn"*
  timed "$etcdctl" --endpoints "$source" snapshot save "$files/theirs.$turn"
  echo "$wall $cpu" >>"$files/theirs"
  rm -f "$files/theirs.$turn"*
done
of() { cut -d ' ' -f "$2" "$files/$1" | median; }
row "time, of etcdctl's" "$(ratio "$(of ours 1)" "$(of theirs 1)")" 1.0 ''
row "processor time, of etcdctl's" "$(ratio "$(of ours 2)" "$(of theirs 2)")" 0.6 ''
row "for scale: processor time of etcdctl" "$(of theirs 2)" '' s

load "$keys" 'many/' 64 20000
# The time until the destination has all keys; both follow the changes after that.
mirror() {
  local name="$1" begun
  shift
  start_member "$name"
  begun="$EPOCHREALTIME"
  start "mirror-$name" "$@" make-mirror --endpoints "$source" --prefix many/ "$member"
  await 1800 has_all || fail "the mirror was not complete within 1800 s"
  seconds="$(awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')"
  kill "$pid"
}
# shellcheck disable=SC2317
has_all() {
  [ "$("$monitor" ctl --endpoints "$member" get many/ --prefix --count-only -w fields | sed -n 's/"Count" : //p')" = "$keys" ] ||
    { sleep 0.2; false; }
}
header "mirror of $keys keys"
mirror by-ours "$monitor" ctl
ours="$seconds"
mirror by-theirs "$etcdctl"
row "time, of etcdctl's" "$(ratio "$ours" "$seconds")" 0.67 ''
row "for scale: time of etcdctl" "$seconds" '' s

start cluster "$examples/cluster" "$etcd"
await 30 test -s "$work/cluster.out" || fail "the cluster did not start: $(cat "$work/cluster.err")"
endpoints="$(cat "$work/cluster.out")"
# Writes at a rate while a command runs; sets $p99, in ms.
writing_while() {
  start load "$monitor" bench put --endpoints "$endpoints" --quiet --rate 200 --duration 20s --keys 1000 \
    --value-size 256 --results "$files/results" -o json --to "$files/during"
  sleep 3
  "$@" >"$files/out" 2>&1 || fail "$* failed: $(tail -n 3 "$files/out")"
  wait "$pid" || fail "the load failed: $(tail -n 3 "$work/load.err")"
  p99="$(result_ms "$files/during" 0.99)"
}
source="$endpoints"
load 30000 'filler/' 8192 100
header "writes at 200/s while three members of 250 MB are defragmented, p99"
writing_while true
row "nothing else goes on" "$p99" '' ms
writing_while "$monitor" ctl --endpoints "$endpoints" defrag --cluster --yes
row "ctl defrag --cluster" "$p99" '' ms
writing_while "$etcdctl" --endpoints "$endpoints" --command-timeout 60s defrag --cluster
row "etcdctl defrag --cluster" "$p99" '' ms
conclude
