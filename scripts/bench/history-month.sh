#!/usr/bin/env bash
# Measures whether queries of a month of 1,000 members leave the watching of 1,000 others alone, and
# how much memory they take.
#
# usage: scripts/bench/history-month.sh [DAYS [SECONDS]]
#        30 days of a scrape every 60 s when not given; takes about ten minutes to fill
# shellcheck source=scripts/bench/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

days="${1:-30}"
spacing="${2:-60}"
build_monitor
build_example fleet
build_release --package tsdb --example fill
mkdir -p "$work/data"
samples="$("$examples/fill" "$work/data/history" 1000 "$days" "$spacing")"

start fleet "$examples/fleet" --clusters 334 --write-config "$work/fleet.yaml"
await 60 test -s "$work/fleet.yaml" || fail "the fleet did not start: $(cat "$work/fleet.err")"
start_monitor --config "$work/fleet.yaml"
await 60 is_ready || fail "not every cluster was swept within 60 s"
sleep 30
memory_before="$(memory_mb "$pid" VmRSS)"
metrics >"$work/before"

queries=(
  'sum(rate(wait_seconds_bucket{le="+Inf"}[5m]))'
  'sum by (cluster) (increase(wait_seconds_bucket{le="0.01"}[1h]))'
  'histogram_quantile(0.99, sum by (le) (rate(wait_seconds_bucket[1h])))'
  'max by (cluster) (max_over_time(db_size_bytes[1h]))'
  'topk(5, keys)'
)
now="$(date +%s)"
slowest=0
for query in "${queries[@]}"; do
  took="$(curl --silent --fail --output /dev/null --write-out '%{time_total}' --max-time 120 \
    "$url/prometheus/api/v1/query_range" --data-urlencode "query=$query" \
    --data "start=$((now - days * 86400))&end=$now&step=3600")" || fail "no answer to $query"
  printf '%s s: %s\n' "$took" "$query" >&2
  slowest="$(awk -v a="$slowest" -v b="$took" 'BEGIN { print (a > b ? a : b) }')"
done
metrics >"$work/after"

header "$days days of 1,000 members, $samples samples, while 1,000 others are watched"
grown="$(awk -v a="$memory_before" -v b="$(memory_mb "$pid" VmHWM)" 'BEGIN { printf "%.1f", b - a }')"
row "memory that the queries took, peak over what it was before" "$grown" 500 MB
row "slowest of ${#queries[@]} queries of all of it, a step of an hour" "$slowest" '' s
lateness() { p99_bound "etcd_monitor_self_$1_lateness_seconds" "$work/before" "$work/after"; }
row "health sweeps every 2 s: late at p99, at most" "$(lateness sweep)" 0.2 s
row "scrapes every 15 s: late at p99, at most" "$(lateness scrape)" 1.5 s
conclude
