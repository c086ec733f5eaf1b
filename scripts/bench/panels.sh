#!/usr/bin/env bash
# The panels of the etcd mixin's dashboard, asked of the monitor and of a real Prometheus by turns.
#
# To be sourced after lib.sh; needs $url, $prometheus_url and $repeats.
# shellcheck shell=bash
# shellcheck disable=SC2154

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

# Builds what makes and asks for a recorded day, and puts the file's name into $recorded and the second of its last
# sample into $end: $1 scrapes, $2 milliseconds apart, unless the environment variable RECORDED names one.
find_recording() {
  build_example panels
  [ -n "${ETCD_MONITOR_EXAMPLES:-}" ] || build_release --package tsdb --example load_scrapes
  recorded="${RECORDED:-$work/day.om}"
  if ! [ -s "$recorded" ]; then
    build_example record
    say "records $1 scrapes, which takes $(($1 * $2 / 60000)) minutes; or set RECORDED to a file that has them"
    "$examples/record" "$("$root/scripts/etcd/get.sh" --any)" "$1" "$2" >"$recorded"
  fi
  end="$(tail -n 2 "$recorded" | awk 'NR == 1 { print $NF }')"
}

# The value at which the part $2 of the numbers in file $1 lies.
part() { sort -n "$1" | awk -v p="$2" '{ v[NR] = $1 } END { printf "%.2f", v[int((NR - 1) * p) + 1] }'; }

# Compares the quantile $3 of the times in $work/ours and $work/theirs; $1 tells of what, $2 is the limit.
compare() {
  local name="$1" limit="$2" quantile="$3"
  local a b
  a="$(part "$work/ours" "$quantile")"
  b="$(part "$work/theirs" "$quantile")"
  row "$name: ours, Prometheus $b ms" "$a" '' ms
  row "$name: ours / Prometheus" "$(ratio "$a" "$b")" "$limit" ""
}

# Compares the panels over $1 seconds; $2 tells of what. A dashboard keeps its connection; a script of
# curl has a new one each time.
compare_panels() {
  local span="$1" name="$2" connections
  for connections in kept new; do
    # By turns, so that a busy moment meets both.
    printf '%s\n' "${queries[@]}" |
      "$examples/panels" "$span" "$end" "$repeats" "$connections" "$url/prometheus" "$prometheus_url" >"$work/both"
    sed -n 1p "$work/both" | tr ' ' '\n' | tail -n +2 >"$work/ours"
    sed -n 2p "$work/both" | tr ' ' '\n' | tail -n +2 >"$work/theirs"
    compare "$name, connections $connections, median" 0.7 0.5
    compare "$name, connections $connections, p95" 0.7 0.95
  done
}
