#!/usr/bin/env bash
# What the measuring scripts share: building, starting, reading /proc, and judging by limits.
#
# To be sourced. Everything that is started here ends with the script. With the environment variable
# ETCD_MONITOR_BINARY=PATH that program is measured, and with ETCD_MONITOR_EXAMPLES=DIR the examples there are
# used; neither is built.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
target="${CARGO_TARGET_DIR:-$root/target}/release"
# Sourcing scripts use these.
# shellcheck disable=SC2034
monitor="${ETCD_MONITOR_BINARY:-$target/etcd-monitor}" examples="${ETCD_MONITOR_EXAMPLES:-$target/examples}"
work="$(mktemp -d)"
started=()
missed=0

finish() {
  local pid
  for pid in ${started[@]+"${started[@]}"}; do kill "$pid" 2>/dev/null || true; done
  wait
  rm -rf "$work"
}
trap finish EXIT

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
fail() { say "$*"; exit 1; }

[ -r /proc/self/stat ] || fail "measures through /proc, which is Linux's"
for tool in curl jq; do command -v "$tool" >/dev/null || fail "needs $tool; ./test.sh installs it"; done

# Builds the program alone, as users build it: what else is built with it could turn on features
# that change what is measured.
build_monitor() {
  [ -n "${ETCD_MONITOR_BINARY:-}" ] || build_release --package etcd-monitor
}

# Builds one of testbed's examples.
build_example() {
  [ -n "${ETCD_MONITOR_EXAMPLES:-}" ] || build_release --package testbed --example "$1"
}

build_release() {
  say "builds ${*//--/} for release, which takes minutes where it was not built before; or set ETCD_MONITOR_BINARY" \
    "and ETCD_MONITOR_EXAMPLES"
  cargo build --quiet --locked --release --manifest-path "$root/Cargo.toml" "$@"
}

# Runs a command in the background with its output in $work/NAME.out and .err; sets $pid.
start() {
  local name="$1"
  shift
  "$@" >"$work/$name.out" 2>"$work/$name.err" </dev/null &
  pid=$!
  started+=("$pid")
}

# Waits up to $1 seconds until the rest of the arguments, a command, succeeds.
await() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" 2>/dev/null; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.005
  done
}

# Starts a real three-member cluster; sets $endpoints and $cluster_pid.
start_cluster() {
  local etcd
  etcd="$("$root/scripts/etcd/get.sh" --any)"
  start cluster "$examples/cluster" "$etcd"
  # Sourcing scripts use it.
  # shellcheck disable=SC2034
  cluster_pid="$pid"
  await 30 test -s "$work/cluster.out" || fail "the cluster did not start: $(cat "$work/cluster.err")"
  # shellcheck disable=SC2034
  endpoints="$(cat "$work/cluster.out")"
}

printed_url() { grep -om1 'http://127\.0\.0\.1:[0-9]*' "$work/monitor.out" >"$work/url"; }

# Starts the monitor on a free port with the given options; sets $pid and $url.
start_monitor() {
  : >"$work/monitor.out"
  start monitor "$monitor" --api-port 0 --data-dir "$work/data" "$@"
  await 10 printed_url || fail "the monitor did not start: $(cat "$work/monitor.err")"
  url="$(cat "$work/url")"
}

# Puts the directory of a real Prometheus into $prometheus_directory.
find_prometheus() {
  prometheus_directory="$("$root/scripts/get-prometheus.sh")" || fail "needs Prometheus"
}

prometheus_address() {
  sed -n 's/.*"Listening on" address=//p' "$work/prometheus.err" >"$work/address"
  test -s "$work/address"
}

# Starts Prometheus on a free port with the configuration $1 and the data in $2; sets
# $prometheus_pid and $prometheus_url.
start_prometheus() {
  start prometheus "$prometheus_directory/prometheus" --config.file="$1" \
    --storage.tsdb.path="$2" --web.listen-address=127.0.0.1:0
  # Sourcing scripts use it.
  # shellcheck disable=SC2034
  prometheus_pid="$pid"
  await 30 prometheus_address || fail "Prometheus did not start: $(cat "$work/prometheus.err")"
  prometheus_url="http://$(cat "$work/address")"
  await 60 curl --silent --fail --output /dev/null "$prometheus_url/-/ready" ||
    fail "Prometheus is not ready"
}

# The first value that $2, a query, has at the API below $1.
query_value() {
  curl --silent --fail --max-time 120 "$1/api/v1/query" --data-urlencode "query=$2" |
    jq --raw-output '.data.result[0].value[1]'
}

# The latency in ms of the first kind of operation in $1, a result of `bench -o json`, at the quantile $2.
result_ms() {
  jq --argjson q "$2" '[.operations[0].latencies[]] | (map(.[1]) | add) as $n
    | reduce .[] as [$at, $c] ([0, null]; if .[1] then . else [.[0] + $c,
        (if .[0] + $c >= $n * $q then $at / 1e6 else null end)] end) | .[1]' "$1"
}

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

# Whether the answer for the only cluster tells of three healthy members and a leader.
is_complete() {
  curl --silent --fail --max-time 2 "$url/api/v1/cluster/status" | jq --exit-status '
    .state == "healthy" and .leader != null
    and ([.members[] | select(.health == "healthy")] | length) == 3' >/dev/null
}

is_ready() { curl --silent --fail --max-time 2 --output /dev/null "$url/readyz"; }

# The CPU time that a process has used, in seconds.
cpu_seconds() {
  local ticks
  ticks="$(getconf CLK_TCK)"
  # The second field is the name, in parentheses, and may hold spaces.
  sed 's/^.*) //' "/proc/$1/stat" | awk -v ticks="$ticks" '{ print ($12 + $13) / ticks }'
}

# The memory of a process in MB (10^6 bytes): $2 is VmRSS for now, VmHWM for the peak.
memory_mb() { awk -v key="$2:" '$1 == key { printf "%.1f", $2 * 1024 / 1e6 }' "/proc/$1/status"; }

# The share of one core, in percent, that used $1 seconds before and $2 after $3 seconds of time.
percent() { awk -v a="$1" -v b="$2" -v t="$3" 'BEGIN { printf "%.2f", (b - a) / t * 100 }'; }

# The share of $1 in $2, in percent.
percent_of() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.1f", a / b * 100 }'; }

header() { printf '| %s | measured | limit | |\n|---|---|---|---|\n' "$1"; }

# Prints a row, and remembers when the limit is missed. Without a limit it is for comparison.
row() {
  local name="$1" value="$2" limit="${3:-}" unit="$4" verdict=''
  if [ -n "$limit" ]; then
    verdict="$(awk -v v="$value" -v l="$limit" 'BEGIN { print v <= l ? "PASS" : "FAIL" }')"
    [ "$verdict" = PASS ] || missed=1
    limit="≤ $limit $unit"
  fi
  printf '| %s | %s %s | %s | %s |\n' "$name" "$value" "$unit" "$limit" "$verdict"
}

# Ends the script with what the rows came to.
conclude() { exit "$missed"; }

metrics() { curl --silent --fail --max-time 10 "$url/metrics"; }

# The bound in seconds below which 99 % of histogram $1 lies, of what was added between the pages
# in the files $2 and $3; all its series are added up.
p99_bound() {
  awk -v name="$1_bucket" '
    index($0, name "{") == 1 {
      match($0, /le="[^"]*"/)
      bound = substr($0, RSTART + 4, RLENGTH - 5)
      count[bound] += FILENAME == ARGV[1] ? -$NF : $NF
    }
    END {
      total = count["+Inf"]
      if (total == 0) { print "nan"; exit }
      best = "inf"
      for (bound in count)
        if (bound != "+Inf" && count[bound] >= total * 0.99 && (best == "inf" || bound + 0 < best + 0))
          best = bound
      print best
    }' "$2" "$3"
}
