#!/usr/bin/env bash
# Measures whether 1,000 members in 334 clusters are watched on time, and what that costs.
#
# usage: scripts/bench/fleet.sh [SECONDS [CLUSTERS]]   120 seconds and 334 clusters when not given
#
# The members are simulated by one process of ours on the same machine, whose CPU is told too.
# shellcheck source=scripts/bench/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

seconds="${1:-120}"
clusters="${2:-334}"
build_monitor
build_example fleet
start fleet "$examples/fleet" --clusters "$clusters" --write-config "$work/fleet.yaml"
fleet_pid="$pid"
await 60 test -s "$work/fleet.yaml" || fail "the fleet did not start: $(cat "$work/fleet.err")"

start_monitor --config "$work/fleet.yaml"
await 60 is_ready || fail "not every cluster was swept within 60 s"
# Each member is scraped twice before anything counts.
sleep 30
metrics >"$work/before"
before="$(cpu_seconds "$pid")"
fleet_before="$(cpu_seconds "$fleet_pid")"
sleep "$seconds"
cpu="$(percent "$before" "$(cpu_seconds "$pid")" "$seconds")"
fleet_cpu="$(percent "$fleet_before" "$(cpu_seconds "$fleet_pid")" "$seconds")"
metrics >"$work/after"

header "$clusters clusters of 3 simulated members, default intervals, $seconds s"
row "CPU of one core" "$cpu" 60 %
row "resident memory" "$(memory_mb "$pid" VmRSS)" 250 MB
row "resident memory, peak" "$(memory_mb "$pid" VmHWM)" '' MB
lateness() { p99_bound "etcd_monitor_self_$1_lateness_seconds" "$work/before" "$work/after"; }
row "health sweeps every 2 s: late at p99, at most" "$(lateness sweep)" 0.2 s
row "scrapes every 15 s: late at p99, at most" "$(lateness scrape)" 1.5 s
row "for scale: CPU of the simulated members" "$fleet_cpu" '' %
conclude
