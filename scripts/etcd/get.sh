#!/usr/bin/env bash
# Puts real etcd binaries (etcd, etcdctl, and from 3.5 on etcdutl) where the tests and the demo look
# for them, and prints their paths.
#
# usage: scripts/etcd/get.sh [3.4|3.5|3.6|3.7 ...]   these versions, or all of them
#        scripts/etcd/get.sh --any                   the newest one to be had with least work
#
# 3.5, 3.6 and 3.7 are built from their published Go modules, pinned with checksums by the go.mod
# and go.sum beside this script. 3.4 predates those modules and comes from Debian's packages, which
# are downloaded and unpacked, not installed: no root is needed.
# Binaries go to ${ETCD_MONITOR_CACHE:-${XDG_CACHE_HOME:-~/.cache}/etcd-monitor}/etcd/VERSION/.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cache="${ETCD_MONITOR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/etcd-monitor}/etcd"
work=""
trap '[ -z "$work" ] || rm -rf "$work"' EXIT

say() { printf '%s\n' "$*" >&2; }

# Prints the version that a binary reports, such as 3.5.35; nothing when it does not run.
reported() { "$1" --version 2>/dev/null | sed -n 's/^etcd Version: //p'; }

# Prints the patch version that the go.mod of a minor version pins.
pinned() { sed -n 's|^.*go.etcd.io/etcd/server/v3 v\([0-9.]*\).*$|\1|p' "$here/$1/go.mod"; }

# Whether etcd and etcdctl of version $1 are there.
has_server() {
  [ -x "$cache/$1/etcd" ] && [ -x "$cache/$1/etcdctl" ] || return 1
  case "$1" in
    3.4) [[ "$(reported "$cache/$1/etcd")" == 3.4.* ]] ;;
    *) [ "$(reported "$cache/$1/etcd")" = "$(pinned "$1")" ] ;;
  esac
}

# Whether etcdutl of version $1 is there; 3.4 has none.
has_etcdutl() {
  [ "$1" = 3.4 ] && return
  [ -x "$cache/$1/etcdutl" ] || return 1
  [ "$("$cache/$1/etcdutl" version 2>/dev/null | sed -n 's/^etcdutl version: //p')" = "$(pinned "$1")" ]
}

is_cached() { has_server "$1" && has_etcdutl "$1"; }

# Whether version $1 is at least version $2.
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; }

# Fails with the reason when the Go tool cannot build version $1.
check_go() {
  local needed have
  needed="$(sed -n 's/^go //p' "$here/$1/go.mod")"
  if ! command -v go >/dev/null; then
    say "etcd $1 is built with Go, which is not on PATH: install Go $needed or newer"
    return 1
  fi
  have="$(go env GOVERSION | sed 's/^go//')"
  at_least "$have" "$needed" && return
  # From 1.21 on, Go fetches the version that a module needs, unless told to stay local.
  if at_least "$have" 1.21 && [ "$(go env GOTOOLCHAIN)" != local ]; then return; fi
  say "etcd $1 needs Go $needed to build, but $(command -v go) is $have: install a newer Go"
  return 1
}

# Moves the binaries in $work into the cache, each whole or not at all.
install_as() {
  mkdir -p "$cache/$1"
  local program
  for program in etcdutl etcdctl etcd; do
    [ ! -e "$work/$program" ] || mv -f "$work/$program" "$cache/$1/$program"
  done
}

new_work() {
  [ -z "$work" ] || rm -rf "$work"
  mkdir -p "$cache"
  work="$(mktemp -d "$cache/.get.XXXXXX")"
}

# Builds those programs of version $1 that are not there.
build() {
  check_go "$1" || return 1
  new_work
  local programs=()
  has_server "$1" || programs+=(etcd etcdctl)
  has_etcdutl "$1" || programs+=(etcdutl)
  say "building ${programs[*]} $(pinned "$1") (about a minute, once)"
  (
    cd "$here/$1"
    export CGO_ENABLED=0
    local program module
    for program in "${programs[@]}"; do
      module="$program"
      [ "$program" != etcd ] || module=server
      go build -trimpath -ldflags '-s -w' -o "$work/$program" "go.etcd.io/etcd/$module/v3" || exit 1
    done
  ) >&2 || { say "etcd $1 could not be built; the messages above say why"; return 1; }
  install_as "$1"
}

# Unpacks Debian's packages, and prints the minor version they hold; $1 is that version, or empty
# for whichever it is.
unpack_debian() {
  if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    say "etcd${1:+ $1} comes from Debian's packages, but apt-get is not here: put its etcd and" \
      "etcdctl into $cache/${1:-3.4}/ by hand"
    return 1
  fi
  say "unpacking Debian's etcd-server and etcd-client"
  new_work
  # As root, apt downloads as the user _apt if it can write here; it cannot, and says so at length.
  if ! (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download etcd-server etcd-client) >&2; then
    say "Debian's etcd-server could not be downloaded: run 'apt-get update' as root and try again"
    return 1
  fi
  local package version minor
  for package in "$work"/*.deb; do dpkg-deb -x "$package" "$work/root"; done
  mv "$work/root/usr/bin/etcd" "$work/root/usr/bin/etcdctl" "$work/"
  version="$(reported "$work/etcd")"
  minor="${version%.*}"
  if [ -z "$version" ]; then
    say "Debian's etcd does not run on this system"
    return 1
  fi
  if [ -n "${1:-}" ] && [ "$minor" != "$1" ]; then
    say "this system's package is etcd $version; etcd $1 is in Debian 12"
    return 1
  fi
  install_as "$minor"
  printf '%s\n' "$minor"
}

get() {
  is_cached "$1" && return
  case "$1" in
    3.4) unpack_debian 3.4 >/dev/null ;;
    3.5 | 3.6 | 3.7) build "$1" ;;
    *) say "no such version: $1 (known: 3.4 3.5 3.6 3.7)"; return 1 ;;
  esac
}

any() {
  local version
  for version in 3.7 3.6 3.5 3.4; do
    if is_cached "$version"; then echo "$cache/$version/etcd"; return; fi
  done
  if command -v etcd >/dev/null && at_least "$(reported etcd)" 3.4; then
    command -v etcd
    return
  fi
  if get 3.7; then echo "$cache/3.7/etcd"; return; fi
  if version="$(unpack_debian '')"; then echo "$cache/$version/etcd"; return; fi
  say "no etcd to be had: install etcd, or Go, and try again"
  return 1
}

case "${1:-}" in
  -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" ;;
  --any) any ;;
  -*) say "unknown option $1; see --help"; exit 1 ;;
  *)
    [ $# -gt 0 ] || set -- 3.4 3.5 3.6 3.7
    failed=0
    for version in "$@"; do
      if get "$version"; then echo "$cache/$version/etcd"; else failed=1; fi
    done
    exit "$failed"
    ;;
esac
