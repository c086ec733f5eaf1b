#!/usr/bin/env bash
# Measures etcd-monitor's load generator beside etcd's own `benchmark`: the same cluster, the same load.
#
# usage: scripts/bench/load.sh [SECONDS] [all|honesty]   10 s for each run, and all, when not given
#
# Processor time for each operation, memory with 1,000 clients, throughput, and (honesty) what each tells of
# a cluster that stands still for 350 ms every 3 s, beside what a prober meets that asks at the same rate at
# the same time and shares no code with either.
# shellcheck source=scripts/bench/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

seconds="${1:-10}" part="${2:-all}"
[ "$part" = all ] || [ "$part" = honesty ] || fail "knows all and honesty, not $part"
peer="$("$root/scripts/get-benchmark.sh")/benchmark" || fail "needs etcd's benchmark"
[ -x /usr/bin/time ] || fail "needs GNU time (Debian's package time)"
build_monitor
build_example cluster
build_example prober
start_cluster

# Runs a command; sets $cpu in seconds of processor time and $memory in MB at its highest.
measured() {
  local out="$1"
  shift
  /usr/bin/time -f '%U %S %M' -o "$work/usage" "$@" >"$out" 2>&1 || fail "$* failed: $(tail -n 3 "$out")"
  read -r cpu memory < <(awk '{ print $1 + $2, $3 * 1024 / 1e6 }' "$work/usage")
}

# Our run of workload $1 with $2 clients on $3 connections and $4 operations, and the flags that follow.
ours() {
  local workload="$1" clients="$2" conns="$3" total="$4"
  shift 4
  rm -rf "$work/results"
  measured "$work/ours.json" "$monitor" bench "$workload" --endpoints "$endpoints" --quiet \
    --clients "$clients" --conns "$conns" --total "$total" --warm-up 0s --keys 1000 --value-size 256 \
    --results "$work/results" --to "$work/result.json" -o json "$@"
}

throughput() { jq .throughput "$work/result.json"; }
theirs_throughput() { sed -n 's/^ *Requests\/sec:[[:space:]]*//p' "$work/theirs.txt"; }
micros() { awk -v cpu="$1" -v total="$2" 'BEGIN { printf "%.1f", cpu * 1e6 / total }'; }

# The median of numbers on lines.
median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# Compares a workload in three turns; $1 ours, $2 its name, $3 operations, then etcd's own command.
side_by_side() {
  local workload="$1" name="$2" total="$3" turn
  local -a own=() other=()
  shift 3
  while [ "$1" != -- ]; do own+=("$1"); shift; done
  shift
  other=("$@")
  : >"$work/pairs"
  for turn in 1 2 3; do
    ours "$workload" 1000 20 "$total" ${own[@]+"${own[@]}"}
    local our_cpu our_memory our_rate
    our_cpu="$(micros "$cpu" "$total")" our_memory="$memory" our_rate="$(throughput)"
    measured "$work/theirs.txt" "$peer" --endpoints "$endpoints" --clients 1000 --conns 20 \
      "${other[@]}" --total "$total"
    local their_cpu
    their_cpu="$(micros "$cpu" "$total")"
    echo "$turn $our_cpu $their_cpu $our_memory $memory $our_rate $(theirs_throughput)" >>"$work/pairs"
  done
  cat "$work/pairs" >&2
  row "$name: processor time for each operation, of etcd's benchmark" \
    "$(awk '{ printf "%.3f\n", $2 / $3 }' "$work/pairs" | median)" 0.5 ""
  row "$name: highest memory, of etcd's benchmark" \
    "$(awk '{ printf "%.3f\n", $4 / $5 }' "$work/pairs" | median)" 0.3 ""
  row "$name: throughput, of etcd's benchmark (higher is better)" \
    "$(awk '{ printf "%.3f\n", $6 / $7 }' "$work/pairs" | median)" "" ""
}

# Stops and continues every member, 350 ms every 3 s, until the file $work/thawed is there.
freeze() {
  local pids
  pids="$(pgrep -P "$cluster_pid" | tr '\n' ' ')"
  until [ -e "$work/thawed" ]; do
    sleep 2.65
    # Several on purpose.
    # shellcheck disable=SC2086
    kill -STOP $pids
    sleep 0.35
    # shellcheck disable=SC2086
    kill -CONT $pids
  done
}

# The figure $1 of the prober's last run.
probed() { sed -n "s/.* $1=\\([0-9.]*\\).*/\\1/p" "$work/probed"; }

# By what share $1 is from $2.
distance() { awk -v a="$1" -v b="$2" 'BEGIN { d = a / b - 1; printf "%.3f", d < 0 ? -d : d }'; }

# Runs a command while the prober asks the first member at the same rate for the same time.
beside_prober() {
  "$examples/prober" "${endpoints%%,*}" "$rate" "$time" "$work/trace" >"$work/probed" &
  local prober="$!"
  # The prober begins when all of its threads are connected.
  sleep 1
  "$@"
  wait "$prober" || fail "the prober failed"
  cat "$work/probed" >&2
  # Its waits begin when a request was due: on a machine where its threads do not get their turn they are
  # not etcd's.
  awk -v late="$(probed late_p99_ms)" 'BEGIN { exit !(late < 10) }' ||
    fail "the machine is too busy: the prober sent $(probed late_p99_ms) ms late (p99)"
}

# Called by its name.
# shellcheck disable=SC2317
ours_while_frozen() {
  "$monitor" bench get --endpoints "$endpoints" --quiet --serializable --rate "$rate" --arrivals constant \
    --warm-up 0s --duration "${time}s" --results "$work/results" --to "$work/result.json" -o json
}

# shellcheck disable=SC2317
theirs_while_frozen() {
  "$peer" --endpoints "$endpoints" --clients 5 --conns 5 range k --consistency s --rate "$rate" \
    --total "$((rate * time))" >"$work/theirs.txt" 2>/dev/null
}

if [ "$part" = all ]; then
  header "Load, 1,000 clients on 20 connections, three members"
  side_by_side put put 60000 -- put --key-size 16 --val-size 256 --key-space-size 1000
  side_by_side get "serializable get" 200000 --serializable -- range k --consistency s
else
  header "Members that stand still for 350 ms every 3 s"
fi

# Whole periods, so that a tenth of one more or less does not count.
rate=500 time="$((seconds * 3))"
freeze &
started+=("$!")
beside_prober ours_while_frozen
truth="$(probed p99_ms)"
p99="$(result_ms "$work/result.json" 0.99)"
row "p99 while members stand still, distance from the prober's $truth ms" "$(distance "$p99" "$truth")" 0.1 ""
row "p95, distance from the prober's $(probed p95_ms) ms" \
  "$(distance "$(result_ms "$work/result.json" 0.95)" "$(probed p95_ms)")" "" ""
beside_prober theirs_while_frozen
touch "$work/thawed"
theirs="$(sed -n 's/^ *99% in \([0-9.]*\) secs.*/\1/p' "$work/theirs.txt" | awk '{ print $1 * 1e3 }')"
row "p99 of etcd's benchmark with 5 clients, more than this rate needs, distance from $(probed p99_ms) ms" \
  "$(distance "$theirs" "$(probed p99_ms)")" "" ""
conclude
