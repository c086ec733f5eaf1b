#!/usr/bin/env bash
# Puts prometheus and promtool into the cache and prints their directory, for PATH.
#
# They come from Debian's package, which is unpacked and not installed: no root is needed, and no
# service is started. Programs that are on PATH already are taken instead.
set -euo pipefail

cache="${ETCD_MONITOR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/etcd-monitor}/prometheus"
if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
  dirname "$(command -v prometheus)"
  exit
fi
if ! [ -x "$cache/prometheus" ] || ! [ -x "$cache/promtool" ]; then
  if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "prometheus comes from Debian's packages, but apt-get is not here: put it on PATH" >&2
    exit 1
  fi
  mkdir -p "$cache"
  work="$(mktemp -d "$cache/.get.XXXXXX")"
  trap 'rm -rf "$work"' EXIT
  # As root, apt downloads as the user _apt if it can write here; it cannot, and says so at length.
  if ! (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download prometheus) >&2; then
    echo "prometheus could not be downloaded: run 'apt-get update' as root and try again" >&2
    exit 1
  fi
  dpkg-deb -x "$work"/prometheus_*.deb "$work/unpacked"
  mv -f "$work"/unpacked/usr/bin/prom* "$cache/"
fi
echo "$cache"
