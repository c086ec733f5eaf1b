#!/usr/bin/env bash
# Puts the alerting rules of the etcd mixin into the cache, and prints their directory.
#
# usage: scripts/get-mixin.sh
#
# The mixin is part of etcd's Go module, and is rendered with jsonnet, which is built from its own.
# The directory then has rules.json, for Prometheus, and test.yaml, the mixin's own test of them, for promtool.
set -euo pipefail

readonly etcd=go.etcd.io/etcd/v3@v3.6.5 etcd_sum='h1:QCzJAMnHK62dSdLfhq5LgLH363pOCAv7p5Z+1vyZX0M='
readonly jsonnet=github.com/google/go-jsonnet/cmd/jsonnet@v0.20.0

cache="${ETCD_MONITOR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/etcd-monitor}/mixin"

fail() { printf 'get-mixin.sh: %s\n' "$*" >&2; exit 1; }

if [ -s "$cache/rules.json" ] && [ -s "$cache/test.yaml" ]; then
  echo "$cache"
  exit
fi
command -v go >/dev/null || fail "the mixin is fetched with Go, which is not on PATH: install it"
command -v jq >/dev/null || fail "needs jq: install it"
mkdir -p "$cache"
work="$(mktemp -d "$cache/.get.XXXXXX")"
trap 'rm -rf "$work"' EXIT

module="$(cd "$work" && go mod download -json "$etcd")" || fail "$etcd could not be downloaded: $module"
[ "$(jq -r .Sum <<<"$module")" = "$etcd_sum" ] || fail "$etcd is not what it was: $(jq -r .Sum <<<"$module")"
mixin="$(jq -r .Dir <<<"$module")/contrib/mixin"
(cd "$work" && CGO_ENABLED=0 GOBIN="$work" go install "$jsonnet") >&2 || fail "$jsonnet could not be built"
"$work/jsonnet" -J "$mixin" -o "$work/rules.json" \
  --exec "((import 'config.libsonnet') + (import 'alerts/alerts.libsonnet')).prometheusAlerts"
# The test names the file that the mixin's makefile would have made.
sed 's|manifests/etcd-prometheusRules.yaml|rules.json|' "$mixin/test.yaml" >"$work/test.yaml"
mv -f "$work/test.yaml" "$work/rules.json" "$cache/"
echo "$cache"
