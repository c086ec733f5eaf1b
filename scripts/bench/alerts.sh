#!/usr/bin/env bash
# Measures how long after a fault on a real cluster a webhook is told of it, at the defaults.
#
# usage: scripts/bench/alerts.sh [REPETITIONS] [FAULT…]            20 and all of them when not given
#        scripts/bench/alerts.sh --beside [REPETITIONS] [FAULT…]   beside Prometheus and Alertmanager
#        faults: kill-leader kill-majority corrupt-alarm
#
# Beside them, a killed leader takes 20 minutes for each repetition: so long the mixin's rule waits.
# shellcheck source=scripts/bench/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# A disk of its own pace would be measured with the faults.
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi

beside=()
if [ "${1:-}" = --beside ]; then
  shift
  beside=(--beside "$("$root/scripts/get-mixin.sh")/rules.json")
fi
build_monitor
cargo build --quiet --locked --manifest-path "$root/Cargo.toml" --package etcd-monitor --example told
"${CARGO_TARGET_DIR:-$root/target}/debug/examples/told" "$monitor" ${beside[@]+"${beside[@]}"} "$@"
