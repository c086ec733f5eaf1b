#!/usr/bin/env bash
# Prints the directory of a go that can build all etcd versions, for PATH; fetches one when needed.
#
# A go from 1.21 on fetches newer toolchains by itself. An older one, such as Debian 12's, can do
# so too when it is told how: a toolchain is a module, checked against Go's checksum database.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cache="${ETCD_MONITOR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/etcd-monitor}/go"

command -v go >/dev/null || { echo "go is not on PATH: install it (Debian: golang-go)" >&2; exit 1; }
needed="$(sed -n 's/^go //p' "$here"/etcd/*/go.mod | sort -V | tail -n 1)"
have="$(go env GOVERSION | sed 's/^go//')"
if [ "$(printf '%s\n1.21\n' "$have" | sort -V | head -n 1)" = 1.21 ]; then
  dirname "$(command -v go)"
  exit
fi

toolchain="golang.org/toolchain@v0.0.1-go$needed.$(go env GOOS)-$(go env GOARCH)"
if ! [ -x "$cache/$toolchain/bin/go" ]; then
  mkdir -p "$cache"
  (cd "$cache" && GOMODCACHE="$cache" GOFLAGS=-modcacherw go mod download "$toolchain") >&2
  # Files of modules are not executable. bin/go comes last: it tells that all is there.
  chmod +x "$cache/$toolchain"/pkg/tool/*/* "$cache/$toolchain"/bin/*
fi
echo "$cache/$toolchain/bin"
