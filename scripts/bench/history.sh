#!/usr/bin/env bash
# Measures what the history costs beside a real Prometheus that keeps the same series of the same
# 1,000 simulated members, scraped every 15 s.
#
# usage: scripts/bench/history.sh [SECONDS [CLUSTERS [HEALTH [RULES]]]]
#        600 seconds, 334 clusters, a health probe every 2s and no rules when not given
#
# Both run at once; the members are simulated by a process of their own, which counts for nobody.
# Ours also probes each member's health, in the same process: HEALTH = 1m shows what is left
# without. RULES = same has each evaluate the rules of `etcd-monitor rules default`; of those ours leaves
# out what its own findings say, which are looked for in any case.
# shellcheck source=scripts/bench/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

seconds="${1:-600}"
clusters="${2:-334}"
health="${3:-2s}"
rules="${4:-none}"
case "$rules" in none | same) ;; *) fail "RULES is none or same, not $rules" ;; esac
find_prometheus
build_monitor
build_example fleet
start fleet "$examples/fleet" --clusters "$clusters" --write-config "$work/fleet.yaml"
await 60 test -s "$work/fleet.yaml" || fail "the fleet did not start: $(cat "$work/fleet.err")"

# A machine that is busy looks like clusters that are sick, which are asked more often by default.
echo "defaults: { intervals: { health: $health, health_alert: $health } }" >>"$work/fleet.yaml"
rule_files=""
if [ "$rules" = same ]; then
  "$monitor" rules default >"$work/rules.yml"
  rule_files="rule_files: [ $work/rules.yml ]"
else
  echo "alerts: { default_rules: false }" >>"$work/fleet.yaml"
fi

# Each member is a target with the labels that the history gives it. What the history keeps from
# its first event on, counters of calls, a relabelling cannot choose, so it drops them.
cat >"$work/prometheus.yml" <<YAML
global: { scrape_interval: 15s, evaluation_interval: 15s }
$rule_files
scrape_configs:
  - job_name: etcd
    metric_relabel_configs:
      - source_labels: [__name__]
        regex: "etcd_.*|process_.*|os_fd_.*|go_gc_duration_seconds.*|go_(goroutines|threads|info)|grpc_server_handling_seconds.*|go_memstats_.*_bytes.*"
        action: keep
    static_configs:
YAML
while read -r cluster endpoints; do
  number=0
  for endpoint in ${endpoints//,/ }; do
    number=$((number + 1))
    printf '      - { targets: ["%s"], labels: { cluster: "%s", member: "m%s" } }\n' \
      "${endpoint#http://}" "$cluster" "$number"
  done
done <"$work/fleet.out" >>"$work/prometheus.yml"

start_monitor --config "$work/fleet.yaml"
monitor_pid="$pid"
await 60 is_ready || fail "not every cluster was swept within 60 s"
start_prometheus "$work/prometheus.yml" "$work/prometheus"

head_samples() {
  curl --silent --fail "$prometheus_url/metrics" |
    awk '/^prometheus_tsdb_head_samples_appended_total/ { sum += $2 } END { printf "%.0f", sum }'
}

# Every member is scraped a few times before anything counts.
sleep 60
theirs_before="$(cpu_seconds "$prometheus_pid")"
ours_before="$(cpu_seconds "$monitor_pid")"
samples_before="$(head_samples)"
sleep "$seconds"
theirs_cpu="$(percent "$theirs_before" "$(cpu_seconds "$prometheus_pid")" "$seconds")"
ours_cpu="$(percent "$ours_before" "$(cpu_seconds "$monitor_pid")" "$seconds")"
theirs_samples="$(($(head_samples) - samples_before))"
theirs_memory="$(memory_mb "$prometheus_pid" VmRSS)"
ours_memory="$(memory_mb "$monitor_pid" VmRSS)"
# Each series has a sample in every scrape, and all clusters have as many.
ours_series="$(query_value "$url/prometheus" 'count({job="etcd",cluster="sim-0001"})')"
ours_samples=$((ours_series * clusters * seconds / 15))

# Microseconds of CPU per sample: $1 percent of a core, $2 samples.
per_sample() { awk -v c="$1" -v t="$seconds" -v n="$2" 'BEGIN { printf "%.3f", c / 100 * t / n * 1e6 }'; }
ours_each="$(per_sample "$ours_cpu" "$ours_samples")"
theirs_each="$(per_sample "$theirs_cpu" "$theirs_samples")"

header "$clusters clusters of 3 simulated members, every 15 s for $seconds s, health every $health, rules: $rules"
row "samples stored in a second: ours" "$((ours_samples / seconds))" '' ""
row "samples stored in a second: Prometheus" "$((theirs_samples / seconds))" '' ""
row "CPU per sample, health probes included: ours" "$ours_each" '' µs
row "CPU per sample: Prometheus" "$theirs_each" '' µs
row "CPU per sample: ours / Prometheus" "$(ratio "$ours_each" "$theirs_each")" 0.5 ""
row "resident memory: ours" "$ours_memory" '' MB
row "resident memory: Prometheus" "$theirs_memory" '' MB
row "resident memory: ours / Prometheus" "$(ratio "$ours_memory" "$theirs_memory")" 0.4 ""
conclude
