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
# shellcheck source=scripts/bench/panels.sh
source "$(dirname "${BASH_SOURCE[0]}")/panels.sh"

scrapes="${1:-5760}"
milliseconds="${2:-70}"
repeats="${3:-20}"
find_prometheus
build_monitor
find_recording "$scrapes" "$milliseconds"

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

count() {
  curl --silent --fail --output /dev/null --write-out '%{time_total}\n' --max-time 60 \
    "$1/api/v1/query" --data-urlencode 'query=count({__name__=~".+"})' --data "time=$end" |
    awk '{ print $1 * 1000 }'
}

header "$(figure samples) samples of a real three-member cluster, $((scrapes * 15 / 3600)) h"
row "bytes per sample: ours" "$ours" 1.0 B
row "bytes per sample: Prometheus" "$theirs" '' B
row "bytes per sample: ours / Prometheus" "$(ratio "$ours" "$theirs")" 0.6 ""
for hours in 1 24; do
  compare_panels "$((hours * 3600))" "dashboard panels over $hours h"
done
for ((turn = 0; turn < repeats; turn++)); do
  count "$url/prometheus" >&3
  count "$prometheus_url" >&4
done 3>"$work/ours" 4>"$work/theirs"
compare 'count({__name__=~".+"}), median' 1.0 0.5
conclude
