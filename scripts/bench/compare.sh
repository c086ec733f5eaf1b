#!/usr/bin/env bash
# Measures how often `bench ab` is right: two sides that are the same, and one that takes longer.
#
# usage: scripts/bench/compare.sh [SAME [SLOWER [AT_ONCE [DELAY_MS]]]]   100, 40, 4 and 10 when not given
#
# SAME comparisons of a real etcd with itself, and SLOWER of it with the same etcd through a link on which
# latency is 10 % longer; 10 runs a side of 1 s each, AT_ONCE comparisons at the same time. All of them go
# through proxies that hold answers back for DELAY_MS by the system's clock, with an accuracy of 0.1 ms, and
# the loop is closed, so that no timer of the generator takes part. On a machine that is busy with other
# things a longer delay leaves less of the latency to chance.
# shellcheck source=scripts/bench/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

same="${1:-100}" slower="${2:-40}" at_once="${3:-4}"
delay="$((${4:-10} * 1000))"
build_monitor
build_example cluster
build_example delay

start cluster "$examples/cluster" "$("$root/scripts/etcd/get.sh" --any)" 1
await 30 test -s "$work/cluster.out" || fail "etcd did not start: $(cat "$work/cluster.err")"
server="$(cat "$work/cluster.out")"

# Starts the proxy $1 that holds answers back for $2 microseconds; sets $link.
start_link() {
  start "$1" "$examples/delay" "$server" "$2"
  await 10 test -s "$work/$1.out" || fail "the proxy did not start: $(cat "$work/$1.err")"
  link="$(cat "$work/$1.out")"
}

# One comparison of $2 with $3 as number $1; prints the figures' verdicts and changes on one line.
comparison() {
  local number="$1" a="$2" b="$3" out="$work/ab.$1" code=0
  "$monitor" bench ab put --endpoints "$a" --b-endpoints "$b" --pairs 10 --duration 1s --warm-up 200ms \
    --clients 8 --keys 100 --prefix "/compare/$number/" --results "$work/results.$number" --quiet \
    -o json >"$out" 2>"$out.err" || code=$?
  # 1 is the verdict `worse`.
  if [ "$code" -gt 1 ] || ! jq --exit-status .figures "$out" >/dev/null; then
    echo "comparison $number failed ($code): $(cat "$out.err")" >&2
    return 1
  fi
  jq --raw-output '[.figures[] | "\(.name)=\(if .verdict | type == "object" then "none" else .verdict end)"
    + "(\(.change[0] * 1000 | round / 10)%)"] | join(" ")' "$out"
  rm -rf "$work/results.$number" "$out" "$out.err"
}

# Makes $2 comparisons of $3 with $4, and writes a line for each to the file $1.
comparisons() {
  local lines="$1" count="$2" a="$3" b="$4" worker
  local -a workers=()
  for worker in $(seq "$at_once"); do
    for number in $(seq "$worker" "$at_once" "$count"); do
      name="${lines##*/}-$number"
      # A machine that stands still for seconds ends one, and nothing is concluded from it.
      comparison "$name" "$a" "$b" >>"$lines" || comparison "$name-again" "$a" "$b" >>"$lines" || exit 1
    done &
    workers+=("$!")
  done
  # Not all background processes: those that were started go on.
  wait "${workers[@]}" || fail "a comparison failed"
  cat "$lines" >&2
}

start_link first "$delay"
near="$link"
# What is measured is more than the delay: under the load of all comparisons.
"$monitor" bench put --endpoints "$near" --duration 3s --warm-up 500ms --clients "$((8 * at_once))" --keys 100 \
  --quiet --results "$work/results" --to "$work/result.json" -o json
p50="$(jq '[.operations[0].latencies[]] | (map(.[1]) | add) as $n
  | reduce .[] as [$at, $c] ([0, null]; if .[1] then . else [.[0] + $c,
      (if .[0] + $c >= $n * 0.5 then $at / 1e3 else null end)] end) | .[1]' "$work/result.json")"
longer="$(awk -v d="$delay" -v p="$p50" 'BEGIN { printf "%d", d + p * 0.1 }')"
start_link second "$longer"
far="$link"
echo "median latency $p50 µs with $delay µs of delay; the slower side has $longer µs" >&2

comparisons "$work/same" "$same" "$near" "$near"
comparisons "$work/slower" "$slower" "$near" "$far"

header "Comparisons of 10 runs of 1 s a side"
told="$(grep -c 'better\|worse' "$work/same" || true)"
row "the same twice, $same times: false verdicts" "$(percent_of "$told" "$same")" 5 %
found="$(grep -c 'worse' "$work/slower" || true)"
row "10 % slower, $slower times: not found" "$(percent_of "$((slower - found))" "$slower")" 10 %
wrong="$(grep -c 'better' "$work/slower" || true)"
row "10 % slower: a figure told to be better" "$(percent_of "$wrong" "$slower")" "" %
conclude
