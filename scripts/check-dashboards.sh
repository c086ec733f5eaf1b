#!/usr/bin/env bash
# Proves that dashboards for etcd work with etcd-monitor as their Prometheus: every expression of
# scripts/dashboards/*.txt must bring data of a live cluster.
# shellcheck source=scripts/bench/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/bench/lib.sh"

# Members measure the round trips to each other twice a minute, so that they need a while.
patience=45

# The answer to the range query of expression $1, over as long as the cluster has lived.
ask() {
  local now
  now="$(date +%s)"
  curl --silent --max-time 10 "$url/prometheus/api/v1/query_range" \
    --data-urlencode "query=$1" --data "start=$((now - patience))&end=$now&step=1" >"$work/answer"
}

# Whether the expression brings a number.
has_data() {
  ask "$1" && jq --exit-status '
    .status == "success" and any(.data.result[].values[][1]; . != "NaN")' "$work/answer" >/dev/null
}

# What Grafana puts in place of its variables, and we in place of ours.
filled() {
  # shellcheck disable=SC2016 # these are Grafana's dollars
  sed 's/\$__rate_interval/20s/g; s/\$cluster/etcd/g; s/\$etcd/job="etcd"/g' <<<"$1"
}

# Asks for every expression of the file $1.
check() {
  local line expression reason='' count=0 empty=0
  while IFS= read -r line; do
    case "$line" in
      '# may be empty: '*) reason="${line#\# may be empty: }" ;;
      '#'* | '') ;;
      *)
        expression="$(filled "$line")"
        count=$((count + 1))
        if [ -n "$reason" ]; then
          ask "$expression"
          jq --exit-status '.status == "success"' "$work/answer" >/dev/null ||
            fail "$expression: $(cat "$work/answer")"
          empty=$((empty + 1)) reason=''
        else
          until has_data "$expression"; do
            [ "$SECONDS" -lt "$deadline" ] || fail "no data for $expression: $(cat "$work/answer")"
            sleep 0.5
          done
        fi
        ;;
    esac
  done <"$1"
  [ "$count" -gt 0 ] || fail "no expressions in $1"
  echo "$(basename "$1" .txt): $count expressions, of which $empty may be empty"
}

# Keys that come and go, from the side of a client.
load() {
  local etcdctl number=0
  etcdctl="$(dirname "$("$root/scripts/etcd/get.sh" --any)")/etcdctl"
  while true; do
    number=$((number + 1))
    "$etcdctl" --endpoints "$endpoints" put "key-$((number % 20))" "$number"
    "$etcdctl" --endpoints "$endpoints" del "key-$((number % 7))"
    sleep 0.2
  done
}

build_monitor
start_monitor --demo --metrics-interval 1s
await 30 is_complete || fail "no complete status: $(cat "$work/monitor.err")"
endpoints="$(curl --silent "$url/api/v1/cluster/members" |
  jq --raw-output '[.members[].endpoint] | join(",")')"
start load load
deadline=$((SECONDS + patience))
for list in "$root"/scripts/dashboards/*.txt; do check "$list"; done
