#!/usr/bin/env bash
# Measures what being watched costs a busy cluster: operations per second with and without a monitor,
# in turns.
#
# usage: scripts/bench/overhead.sh [PAIRS] [SECONDS]   10 pairs of runs of 15 s when not given
# shellcheck source=scripts/bench/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

build_monitor
build_release --package monitor --example overhead
"$examples/overhead" "$monitor" "$@"
