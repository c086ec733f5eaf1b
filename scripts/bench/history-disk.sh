#!/usr/bin/env bash
# Measures how many bytes a day of real etcd's metrics takes on disk, beside a real Prometheus with
# the same samples, and how fast the panels of the etcd mixin's dashboard are answered from them.
#
# usage: scripts/bench/history-disk.sh [SCRAPES [MILLISECONDS [REPEATS]]]
#        5760 scrapes (24 h at one in 15 s), 70 ms apart, and 20 repeats when not given
#
# A three-member cluster is read while it works, with timestamps 15 s apart. A recording that exists
# is taken from the file that the environment variable RECORDED names.
# shellcheck source=scripts/bench/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scrapes="${1:-5760}"
milliseconds="${2:-70}"
repeats="${3:-20}"
find_prometheus
build_monitor
build_release --package tsdb --example load_scrapes
recorded="${RECORDED:-$work/day.om}"
if ! [ -s "$recorded" ]; then
  build_example record
  "$examples/record" "$("$root/scripts/etcd/get.sh" --any)" "$scrapes" "$milliseconds" >"$recorded"
fi

"$examples/load_scrapes" "$work/data/history" <"$recorded" | tr ' ' '\n' >"$work/load"
figure() { sed -n "s/^$1=//p" "$work/load"; }
# Both in the largest blocks that they make of a day.
"$prometheus_directory/promtool" tsdb create-blocks-from openmetrics --quiet \
  --max-block-duration=24h "$recorded" "$work/prometheus" >&2
size() { find "$@" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }'; }
each() { awk -v b="$1" -v n="$(figure samples)" 'BEGIN { printf "%.3f", b / n }'; }
ours="$(each "$(size "$work/data/history")")"
theirs="$(each "$(size "$work/prometheus")")"

# Nobody answers there: what is asked for is the recorded day.
start_monitor --endpoints 127.0.0.1:1
echo 'global: { scrape_interval: 15s }' >"$work/prometheus.yml"
start_prometheus "$work/prometheus.yml" "$work/prometheus"

S='job="etcd"'
failed='grpc_code=~"Unknown|FailedPrecondition|ResourceExhausted|Internal|Unavailable|DataLoss|DeadlineExceeded"'
stream='grpc_type="bidi_stream"'
p99() { printf 'histogram_quantile(0.99, sum(rate(%s_bucket{%s}[5m])) by (instance, le))' "$1" "$S"; }
queries=(
  "sum(etcd_server_has_leader{$S})"
  "sum(rate(grpc_server_started_total{$S,grpc_type=\"unary\"}[5m]))"
  "sum(rate(grpc_server_handled_total{$S,grpc_type=\"unary\",$failed}[5m]))"
  "sum(grpc_server_started_total{$S,grpc_service=\"etcdserverpb.Watch\",$stream}) - sum(grpc_server_handled_total{$S,grpc_service=\"etcdserverpb.Watch\",$stream})"
  "etcd_mvcc_db_total_size_in_bytes{$S}"
  "$(p99 etcd_disk_wal_fsync_duration_seconds)"
  "$(p99 etcd_disk_backend_commit_duration_seconds)"
  "process_resident_memory_bytes{$S}"
  "rate(etcd_network_client_grpc_received_bytes_total{$S}[5m])"
  "rate(etcd_network_client_grpc_sent_bytes_total{$S}[5m])"
  "sum(rate(etcd_network_peer_received_bytes_total{$S}[5m])) by (instance)"
  "sum(rate(etcd_network_peer_sent_bytes_total{$S}[5m])) by (instance)"
  "changes(etcd_server_leader_changes_seen_total{$S}[1d])"
  "$(p99 etcd_network_peer_round_trip_time_seconds)"
)
end="$(tail -n 2 "$recorded" | awk 'NR == 1 { print $NF }')"

# Milliseconds of every panel over the $2 seconds before the end, 240 points, from the API below $1.
ask() {
  local query step=$(($2 / 240))
  for query in "${queries[@]}"; do
    curl --silent --fail --output /dev/null --write-out '%{time_total}\n' --max-time 60 \
      "$1/api/v1/query_range" --data-urlencode "query=$query" \
      --data "start=$((end - $2))&end=$end&step=$step" || fail "no answer to $query"
  done | awk '{ print $1 * 1000 }'
}
count() {
  curl --silent --fail --output /dev/null --write-out '%{time_total}\n' --max-time 60 \
    "$1/api/v1/query" --data-urlencode 'query=count({__name__=~".+"})' --data "time=$end" |
    awk '{ print $1 * 1000 }'
}
# The value at which the part $2 of the numbers in file $1 lies.
part() { sort -n "$1" | awk -v p="$2" '{ v[NR] = $1 } END { printf "%.2f", v[int((NR - 1) * p) + 1] }'; }

header "$(figure samples) samples of a real three-member cluster, $((scrapes * 15 / 3600)) h"
row "bytes per sample: ours" "$ours" 1.0 B
row "bytes per sample: Prometheus" "$theirs" '' B
row "bytes per sample: ours / Prometheus" "$(ratio "$ours" "$theirs")" 0.6 ""
compare() {
  local name="$1" limit="$2" quantile="$3"
  local a b
  a="$(part "$work/ours" "$quantile")"
  b="$(part "$work/theirs" "$quantile")"
  row "$name: ours, Prometheus $b ms" "$a" '' ms
  row "$name: ours / Prometheus" "$(ratio "$a" "$b")" "$limit" ""
}
for span in 3600 86400; do
  : >"$work/ours"
  : >"$work/theirs"
  # By turns, so that a busy moment meets both.
  for ((turn = 0; turn <= repeats; turn++)); do
    ask "$url/prometheus" "$span" >"$work/turn"
    # The first turn warms up.
    [ "$turn" = 0 ] || cat "$work/turn" >>"$work/ours"
    ask "$prometheus_url" "$span" >"$work/turn"
    [ "$turn" = 0 ] || cat "$work/turn" >>"$work/theirs"
  done
  compare "dashboard panels over $((span / 3600)) h, median" 0.7 0.5
  compare "dashboard panels over $((span / 3600)) h, p95" 0.7 0.95
done
for ((turn = 0; turn < repeats; turn++)); do
  count "$url/prometheus" >&3
  count "$prometheus_url" >&4
done 3>"$work/ours" 4>"$work/theirs"
compare 'count({__name__=~".+"}), median' 1.0 0.5
conclude
