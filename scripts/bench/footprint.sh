#!/usr/bin/env bash
# Measures what watching one real three-member cluster costs, at default intervals.
#
# usage: scripts/bench/footprint.sh [SECONDS]   length of the CPU measurement, 60 when not given
#
# Prometheus scraping the same members every 15 s is measured beside it when it is on PATH or in
# the cache; it stores every series and takes no health probes, so it is a scale, not a rival.
# shellcheck source=scripts/bench/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

seconds="${1:-60}"
build_monitor
build_example cluster
start_cluster

# Time from exec until the API tells of all members and the leader; the median of five starts.
start_ms() {
  local before after
  before="${EPOCHREALTIME/[.,]/}"
  start_monitor --endpoints "$endpoints"
  await 10 is_complete || fail "no complete status: $(curl --silent "$url/api/v1/cluster/status")"
  after="${EPOCHREALTIME/[.,]/}"
  first_status_ms=$(((after - before) / 1000))
}
times=()
for _ in 1 2 3 4 5; do
  start_ms
  times+=("$first_status_ms")
  kill "$pid"
  wait "$pid" || fail "the monitor did not end well: $(cat "$work/monitor.err")"
done
median_ms="$(printf '%s\n' "${times[@]}" | sort -n | sed -n 3p)"

scrape_with_prometheus() {
  local targets
  (find_prometheus) 2>/dev/null || return 0
  find_prometheus
  targets="$(sed 's|http://||g; s|,|","|g; s|^|["|; s|$|"]|' <<<"$endpoints")"
  cat >"$work/prometheus.yml" <<YAML
global: { scrape_interval: 15s }
scrape_configs: [{ job_name: etcd, static_configs: [{ targets: $targets }] }]
YAML
  start_prometheus "$work/prometheus.yml" "$work/prometheus"
}
prometheus_pid=''
scrape_with_prometheus

start_monitor --endpoints "$endpoints"
await 10 is_complete || fail "no complete status"
# Two scrapes, after which every window of a figure has what it needs.
sleep 35
before="$(cpu_seconds "$pid")"
[ -z "$prometheus_pid" ] || prometheus_before="$(cpu_seconds "$prometheus_pid")"
sleep "$seconds"
cpu="$(percent "$before" "$(cpu_seconds "$pid")" "$seconds")"

header "one real three-member cluster, default intervals"
row "CPU of one core over $seconds s" "$cpu" 1 %
row "resident memory" "$(memory_mb "$pid" VmRSS)" 30 MB
row "resident memory, peak" "$(memory_mb "$pid" VmHWM)" '' MB
row "start to the first complete status, median of 5" "$median_ms" 500 ms
row "binary, stripped" "$(awk -v b="$(stat -c %s "$monitor")" 'BEGIN { printf "%.1f", b / 1e6 }')" 25 MB
if [ -n "$prometheus_pid" ]; then
  row "for scale: CPU of Prometheus, scraping only" \
    "$(percent "$prometheus_before" "$(cpu_seconds "$prometheus_pid")" "$seconds")" '' %
  row "for scale: resident memory of Prometheus" "$(memory_mb "$prometheus_pid" VmRSS)" '' MB
fi
conclude
