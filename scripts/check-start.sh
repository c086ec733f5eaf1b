#!/usr/bin/env bash
# Proves that start-monitor.sh does what its help says: builds, starts a demo, refuses mistakes.
# shellcheck source=scripts/bench/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/bench/lib.sh"

start_monitor_sh="$root/start-monitor.sh"

# Expects exit code $1 and the text $2 from the options that follow.
refuses() {
  local code=0 expected="$1" text="$2"
  shift 2
  "$start_monitor_sh" --skip-build "$@" >"$work/refused" 2>&1 </dev/null || code=$?
  [ "$code" = "$expected" ] || fail "'$*' ended with $code instead of $expected"
  grep -qF -- "$text" "$work/refused" || fail "'$*' said: $(cat "$work/refused")"
}

refuses 128 'nothing to watch'
refuses 128 'a port is a number' --demo --api-port 70000
refuses 128 'needs a value' --endpoints
refuses 128 'HOST:PORT' --endpoints=a:1,,b:2
refuses 128 'without --cert' --endpoints a:1 --key "$root/Cargo.toml"
refuses 3 'does not exist' --endpoints a:1 --cacert "$work/none"
refuses 3 'is not a file' --config "$work"

build_monitor
# Names that match nothing any more would only be seen by the memory that commands take.
if [ "$(uname -s)" = Linux ]; then
  size="$(readelf --section-headers --wide "$monitor" |
    awk '{ for (at = 1; at < NF; at++) if ($at == ".text.often") print $(at + 4) }')"
  [ "$((16#${size:-0}))" -ge 3000000 ] ||
    fail "the linker found only $((16#${size:-0})) bytes of the functions in crates/etcd-monitor/link-order.txt; scripts/link-order.sh writes it anew"
fi
start monitor "$start_monitor_sh" --demo --api-port 0 --data-dir "$work/data"
await 90 printed_url || fail "the demo did not start: $(cat "$work/monitor.err")"
url="$(cat "$work/url")"
await 30 is_complete || fail "no complete status: $(curl --silent "$url/api/v1/cluster/status")"

# What each address must answer, as a condition on its JSON.
while read -r path condition; do
  curl --silent --fail --max-time 5 "$url$path" >"$work/answer" || fail "$path does not answer"
  jq --exit-status "$condition" "$work/answer" >/dev/null || fail "$path: $(cat "$work/answer")"
done <<'ADDRESSES'
/health .clusters
/api/v1/cluster/status .members|length==3
/api/v1/cluster/leader .leader!=null
/api/v1/cluster/members .members|length==3
/api/v1/metrics/current .members|length==3
/api/v1/metrics/latency .members|length==3
ADDRESSES
# By way of a file: grep -q leaves early, and under pipefail the broken pipe would be the answer.
metrics >"$work/metrics"
grep -q '^etcd_monitor_up' "$work/metrics" || fail "/metrics lacks etcd_monitor_up"

children="$(pgrep --parent "$pid" || true)"
kill -TERM "$pid"
ended="$SECONDS"
wait "$pid" || fail "a SIGTERM was answered with exit code $?: $(cat "$work/monitor.err")"
[ $((SECONDS - ended)) -le 5 ] || fail "stopping took $((SECONDS - ended)) s"
gone() { local child; for child in $children; do ! kill -0 "$child" || return 1; done; }
await 5 gone || fail "processes of the demo are left: $children"
echo "start-monitor.sh starts a demo that answers on every address, and stops it without a trace"
