#!/usr/bin/env bash
# Writes crates/etcd-monitor/link-order.txt anew: the functions that the program runs, which the
# linker then puts side by side, so that a command that runs 700 of 30,000 takes their pages only.
#
# usage: scripts/link-order.sh   needs valgrind and perf; takes about 15 minutes
#
# The file ages slowly: what is new or renamed is left where the compiler put it. Names are kept
# without what changes with a compiler or a version of a crate.
# shellcheck source=scripts/bench/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/bench/lib.sh"

for tool in valgrind perf nm; do command -v "$tool" >/dev/null || fail "needs $tool"; done
order="$root/crates/etcd-monitor/link-order.txt"
# Functions of the monitor that are alone in a window of 64 kB, which is what a page fault maps, are
# worth a line each. Where more than this are together, moving them saves little.
few=8

printf 'building without an order\n'
export ETCD_MONITOR_LINK_ORDER=off
cargo rustc --quiet --locked --release --manifest-path "$root/Cargo.toml" --package etcd-monitor \
  --bin etcd-monitor -- -C strip=none
unset ETCD_MONITOR_LINK_ORDER
cp "$target/etcd-monitor" "$work/program"
nm "$work/program" | awk '$2 ~ /[tT]/ { print $3, substr($1, 1, length($1) - 4) }' >"$work/windows"
build_example cluster
start_cluster

# Runs the program under callgrind; the functions that ran go into $work/$1.run.
trace() {
  local name="$1"
  shift
  printf 'tracing %s\n' "$name"
  valgrind --tool=callgrind --callgrind-out-file="$work/callgrind" --demangle=no \
    "$work/program" "$@" >"$work/$name.log" 2>&1 || true
  # Names are given once in a file, with a number that stands for them afterwards.
  awk '
    match($0, /^c?(ob|fn)=\([0-9]+\)/) {
      key = substr($0, 1, RLENGTH); rest = substr($0, RLENGTH + 2)
      kind = key; sub(/=.*/, "", kind); number = key; sub(/.*=/, "", number)
      if (kind ~ /ob/) { if (rest != "") object[number] = rest; if (kind == "ob") current = object[number] }
      else { if (rest != "") name[number] = rest; if (kind == "fn" && current ~ /\/program$/) print name[number] }
    }' "$work/callgrind" | sed "s/'[0-9]*\$//" | grep -E '^[A-Za-z0-9_.$]+$' | awk '!seen[$0]++' >"$work/$name.run"
}

trace put ctl --endpoints "$endpoints" put key value
# Of a key that is there, and with a setting of the environment, as in scripts.
ETCDCTL_ENDPOINTS="$endpoints" trace get ctl get key
trace status ctl --endpoints "$endpoints" endpoint status
# Callgrind ends with the first reading of the processor's clock: perf tells of the rest.
trace bench-put bench put --endpoints "$endpoints" --quiet --total 2000 --results "$work/results"
trace bench-get bench get --endpoints "$endpoints" --quiet --total 2000 --results "$work/results"
"$work/program" bench clean --endpoints "$endpoints" >/dev/null
for workload in put get; do
  perf record --quiet --freq 15000 --call-graph fp --output "$work/perf" "$work/program" bench "$workload" \
    --endpoints "$endpoints" --quiet --total 200000 --clients 200 --conns 20 --results "$work/results" >/dev/null
  perf script --input "$work/perf" --fields ip,sym --no-demangle 2>/dev/null | awk '$2 ~ /^_R/ { print $2 }'
done | awk '!seen[$0]++' >"$work/perf.run"
(sleep 120; pkill -INT -f "$work/program --api-port") &
trace monitor --api-port 0 --data-dir "$work/data" --endpoints "$endpoints"

cat "$work"/{get,put,status,bench-put,bench-get,perf}.run | awk '!seen[$0]++' >"$work/all"
awk -v few="$few" '
  FILENAME ~ /windows$/ { window[$1] = $2; next }
  FILENAME ~ /all$/ { taken[$1]; next }
  !($1 in taken) && $1 in window { line[NR] = $1; count[window[$1]]++ }
  END { for (at = 1; at <= NR; at++) if (at in line && count[window[line[at]]] <= few) print line[at] }
' "$work/windows" "$work/all" "$work/monitor.run" >"$work/alone"
# Hashes of crates, references within a name, which move with them, and at the end the crate in which
# a generic function happened to be made, become wildcards.
cat "$work/all" "$work/alone" |
  sed -E 's/\.(llvm\.)?[0-9]+$/*/; s/Cs[0-9a-zA-Z]+_([0-9])/Cs*_\1/g; s/B[0-9a-zA-Z]{0,3}_/B*_/g
    s/(E|[^N][a-z0-9_])(Cs\*_[0-9]+[a-z_0-9]+|B\*_)\*?$/\1*/' |
  awk '!seen[$0]++' >"$order"
printf '%s: %s functions\n' "$order" "$(wc -l <"$order")"
