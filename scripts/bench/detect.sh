#!/usr/bin/env bash
# Measures how long after a fault its finding is open, on real etcd at default intervals.
#
# usage: scripts/bench/detect.sh [REPETITIONS] [OPTION…] [FAULT…]
#   20 repetitions and all faults when not given
#   --parallel N      N clusters of each version at once, 1 when not given
#   --etcd 3.5,3.7    these versions, which are measured at the same time
#   --trace           tells on standard error what was read and decided
#
# Faults of the network and the disk need root; they are skipped loudly without it.
set -euo pipefail

# A disk of its own pace would be measured with the faults.
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
repetitions="${1:-20}"
[ $# -eq 0 ] || shift
exec cargo run --quiet --locked --release --manifest-path "$root/Cargo.toml" --package monitor \
  --example detect -- --repetitions "$repetitions" "$@"
