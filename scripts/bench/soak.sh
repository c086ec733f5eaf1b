#!/usr/bin/env bash
# Watches a busy, healthy cluster on which leaders are moved, members restarted and upgraded, and lists
# every finding: nothing critical is true meanwhile.
#
# usage: scripts/bench/soak.sh [MINUTES]   60 when not given
# shellcheck source=scripts/bench/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

build_release --package monitor --example soak
"$examples/soak" "$@"
