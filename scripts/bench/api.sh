#!/usr/bin/env bash
# Measures the status API under 2,000 requests a second while a real cluster is watched.
#
# usage: scripts/bench/api.sh [SECONDS]   30 when not given
#
# The load is open (see testbed's example load.rs): a stall is charged to every request that it
# held up.
# shellcheck source=scripts/bench/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly rate=2000
seconds="${1:-30}"
build_monitor
build_example cluster
build_example load
start_cluster
start_monitor --endpoints "$endpoints"
await 10 is_complete || fail "no complete status"
# The first scrape is done, so that the answer has all that it can have.
sleep 5

metrics >"$work/before"
before="$(cpu_seconds "$pid")"
"$examples/load" "$url/api/v1/cluster/status" "$rate" "$seconds" | tr ' ' '\n' >"$work/load"
cpu="$(percent "$before" "$(cpu_seconds "$pid")" "$seconds")"
metrics >"$work/after"

figure() { sed -n "s/^$1=//p" "$work/load"; }
header "/api/v1/cluster/status, $rate requests/s, keep-alive, $seconds s"
row "answer time, p50" "$(figure p50_ms)" '' ms
row "answer time, p99" "$(figure p99_ms)" 5 ms
row "answer time, longest" "$(figure max_ms)" '' ms
row "requests that failed" "$(figure errors)" 0 ""
row "requests answered in a second" "$(figure rate)" '' ""
row "CPU of one core" "$cpu" '' %
row "health sweeps every 2 s: late at p99, at most" \
  "$(p99_bound etcd_monitor_self_sweep_lateness_seconds "$work/before" "$work/after")" 0.2 s
conclude
