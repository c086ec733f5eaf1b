#!/usr/bin/env bash
# Puts etcd's own load generator, `benchmark`, into the cache, and prints its directory.
#
# usage: scripts/get-benchmark.sh
#
# It is part of etcd's Go module and is not in its releases. --target-leader exists up to 3.6.
set -euo pipefail

readonly package=go.etcd.io/etcd/v3/tools/benchmark version=v3.6.5

cache="${ETCD_MONITOR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/etcd-monitor}/benchmark"

fail() { printf 'get-benchmark.sh: %s\n' "$*" >&2; exit 1; }

if [ ! -x "$cache/benchmark" ]; then
  command -v go >/dev/null || fail "benchmark is built with Go, which is not on PATH: install it"
  mkdir -p "$cache"
  work="$(mktemp -d "$cache/.get.XXXXXX")"
  trap 'rm -rf "$work"' EXIT
  # `go install` refuses modules with replace directives; one of our own may require it.
  (
    cd "$work"
    printf 'module benchmark\n\ngo 1.24\n\nrequire go.etcd.io/etcd/v3 %s\n' "$version" >go.mod
    CGO_ENABLED=0 GOFLAGS=-mod=mod go build -o benchmark "$package"
  ) >&2 || fail "$package could not be built"
  mv -f "$work/benchmark" "$cache/benchmark"
fi
echo "$cache"
