#!/usr/bin/env bash
# Measures how fast the panels of the etcd mixin's dashboard are answered over a week of three members, and
# over an hour of a thousand, beside a real Prometheus with the same samples.
#
# usage: scripts/bench/history-panels.sh [week|fleet|all [REPEATS [MINUTES]]]
#        all, 10 repeats and 60 minutes when not given
#
# Both are made of one recorded day of a real three-member cluster, as history-disk.sh makes it: the week
# is the day seven times, and the fleet its last MINUTES as if 334 clusters had lived them, of which the
# series that the panels read are kept; the panels ask for the last hour of these. With an hour it lies in two
# blocks for each member, with an hour and a half in four, the most that an hour lies in. A recording that
# exists is taken from the file that the environment variable RECORDED names.
# shellcheck source=scripts/bench/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/bench/panels.sh
source "$(dirname "${BASH_SOURCE[0]}")/panels.sh"

what="${1:-all}"
# Used by panels.sh.
# shellcheck disable=SC2034
repeats="${2:-10}"
minutes="${3:-60}"
case "$what" in week | fleet | all) ;; *) fail "knows week, fleet and all, not $what" ;; esac
find_prometheus
build_monitor
find_recording 5760 70

# The recorded day as if it had ended $1 seconds before.
earlier() { awk -v by="$1" '/^#/ { next } { $NF -= by; print }' "$recorded"; }

week() {
  local day
  for day in 6 5 4 3 2 1 0; do earlier "$((day * 86400))"; done
}

# The last minutes of the recorded cluster, once for each of 334 names, scrape by scrape.
fleet() {
  local names
  names="$(printf '%s\n' "${queries[@]}" | grep -oE '\b(etcd|grpc|process)_[a-z_]+' | sort -u | tr '\n' ' ')"
  awk -v from="$((end - minutes * 60))" -v names="$names" '
    BEGIN { split(names, list, " "); for (i in list) wanted[list[i]] = 1 }
    # A scrape of a member has been read: as many members of other clusters had the same.
    function tell(    c, i, line) {
      for (c = 1; c <= 334; c++)
        for (i = 1; i <= count; i++) {
          line = lines[i]
          sub(/cluster="recorded",instance="10\.0\.0\./, sprintf("cluster=\"sim-%04d\",instance=\"10.%d.%d.", c, c / 200, c % 200), line)
          print line
        }
      count = 0
    }
    $NF < from || /^#/ { next }
    {
      name = substr($0, 1, index($0, "{") - 1)
      if (!(name in wanted)) next
      match($0, /instance="[^"]*"/)
      scrape = $NF substr($0, RSTART, RLENGTH)
      if (scrape != last) tell()
      last = scrape
      lines[++count] = $0
    }
    END { tell() }' "$recorded"
}

# The samples of $1.
samples_of() {
  case "$1" in
    week) week ;;
    fleet) fleet ;;
  esac
}

# Loads the samples of $1 into a store and a Prometheus, starts both, and compares the panels over $2 seconds;
# $3 tells of what.
side_by_side() {
  local of="$1" span="$2" name="$3" samples ours
  rm -rf "$work/data" "$work/prometheus"
  samples="$(samples_of "$of" | "$examples/load_scrapes" "$work/data/history" | sed 's/^samples=\([0-9]*\).*/\1/')"
  blocks_of "$of"
  # Nobody answers there: what is asked for is what was recorded.
  start_monitor --endpoints 127.0.0.1:1
  ours="$pid"
  echo 'global: { scrape_interval: 15s }' >"$work/prometheus.yml"
  start_prometheus "$work/prometheus.yml" "$work/prometheus"
  header "$samples samples"
  compare_panels "$span" "$name"
  kill "$ours" "$prometheus_pid"
  wait "$ours" "$prometheus_pid" || true
}

# Makes Prometheus' blocks of $1, a day in each. promtool reads all of its input anew for each block, so that a
# week is handed to it day by day.
blocks_of() {
  local day
  case "$1" in
    week) for day in 6 5 4 3 2 1 0; do earlier "$((day * 86400))" | blocks; done ;;
    fleet) fleet | blocks ;;
  esac
}

# Makes blocks of the samples on standard input.
blocks() {
  { cat && echo '# EOF'; } >"$work/part.om"
  "$prometheus_directory/promtool" tsdb create-blocks-from openmetrics --quiet \
    --max-block-duration=24h "$work/part.om" "$work/prometheus" >&2
  rm "$work/part.om"
}

[ "$what" = fleet ] || side_by_side week $((7 * 86400)) "dashboard panels over 7 d of 3 members"
[ "$what" = week ] || side_by_side fleet 3600 "dashboard panels over 1 h of 1,002 members with $minutes min"
conclude
