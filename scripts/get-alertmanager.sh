#!/usr/bin/env bash
# Puts prometheus-alertmanager and amtool into the cache and prints their directory, for PATH.
#
# They come from Debian's package, which is unpacked and not installed, so that no service is started.
# Root is needed once: Debian's Alertmanager looks for its templates under /usr/share only. Programs that
# are on PATH already are taken instead.
set -euo pipefail

readonly templates=/usr/share/prometheus/alertmanager

cache="${ETCD_MONITOR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/etcd-monitor}/alertmanager"
if command -v prometheus-alertmanager >/dev/null && command -v amtool >/dev/null; then
  dirname "$(command -v prometheus-alertmanager)"
  exit
fi
if ! [ -x "$cache/prometheus-alertmanager" ] || ! [ -x "$cache/amtool" ]; then
  if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "alertmanager comes from Debian's packages, but apt-get is not here: put it on PATH" >&2
    exit 1
  fi
  mkdir -p "$cache"
  work="$(mktemp -d "$cache/.get.XXXXXX")"
  trap 'rm -rf "$work"' EXIT
  # As root, apt downloads as the user _apt if it can write here; it cannot, and says so at length.
  if ! (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download prometheus-alertmanager) >&2; then
    echo "alertmanager could not be downloaded: run 'apt-get update' as root and try again" >&2
    exit 1
  fi
  dpkg-deb -x "$work"/prometheus-alertmanager_*.deb "$work/unpacked"
  rm -rf "$cache/templates"
  mv -f "$work/unpacked$templates" "$cache/templates"
  mv -f "$work"/unpacked/usr/bin/{prometheus-alertmanager,amtool} "$cache/"
fi
if ! [ -e "$templates/default.tmpl" ]; then
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo -n)
  if ! "${as_root[@]}" mkdir -p "$templates" || ! "${as_root[@]}" cp "$cache"/templates/*.tmpl "$templates/"
  then
    echo "alertmanager's templates could not be put into $templates: run $0 as root once" >&2
    exit 1
  fi
fi
echo "$cache"
