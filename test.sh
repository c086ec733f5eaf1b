#!/usr/bin/env bash
# Installs what the checks need, then runs all of them and prints a summary.
#
# usage: ./test.sh           everything: format, lints, rules, release build, tests, docs, dependencies
#        ./test.sh --quick   without the release build and the dependency scan
#        ./test.sh --help    this text
#
# Needs Rust, and on Debian or Ubuntu nothing else: missing packages are installed with apt-get,
# by sudo when you are not root. Elsewhere, missing programs are named and their checks skipped.
# With CI=true in the environment, a skipped test is a failed one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# A newer one may refuse what this one accepts; raise it together with deny.toml.
readonly cargo_deny_version=0.20.2

step() { printf '==> %s\n' "$*"; }
fail() { printf 'test.sh: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "neither root nor sudo, so this did not run: $*" >&2
    return 1
  fi
}

# Adds a package to those to install, when the command $1 does not succeed.
missing=()
need() {
  local probe="$1" package="$2"
  bash -c "$probe" >/dev/null 2>&1 || missing+=("$package")
}

install_packages() {
  need 'command -v cc' build-essential
  need 'command -v curl' curl
  need 'command -v fio' fio
  need 'command -v git' git
  need 'command -v go' golang-go
  need 'command -v ip && command -v tc' iproute2
  need 'command -v jq' jq
  need 'command -v nft' nftables
  need 'command -v shellcheck' shellcheck
  need 'command -v strace' strace
  need 'python3 -c "import venv, ensurepip"' python3-venv
  # The system's own Python, which is the one that has Debian's packages.
  need '/usr/bin/python3 -c "import aiosmtpd"' python3-aiosmtpd
  # An empty list of packages is what a fresh container image has.
  if command -v apt-get >/dev/null && ! apt-cache show etcd-server >/dev/null 2>&1; then
    step "update the list of packages"
    as_root apt-get -qq update || true
  fi
  [ "${#missing[@]}" -gt 0 ] || return 0
  step "install ${missing[*]}"
  command -v apt-get >/dev/null || fail "no apt-get here: install ${missing[*]} by hand"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends \
    "${missing[@]}" </dev/null >/dev/null || fail "could not install ${missing[*]}; see above"
}

install_rust_tools() {
  command -v cargo >/dev/null || fail "cargo is not on PATH: install Rust with rustup (https://rustup.rs)"
  local component
  for component in clippy fmt; do
    cargo "$component" --version >/dev/null 2>&1 && continue
    step "install ${component/fmt/rustfmt}"
    rustup component add "${component/fmt/rustfmt}" || fail "could not install ${component/fmt/rustfmt}"
  done
  if [ -z "$quick" ] && ! cargo deny --version >/dev/null 2>&1; then
    step "install cargo-deny $cargo_deny_version (two minutes, once)"
    cargo install --quiet --locked "cargo-deny@$cargo_deny_version" || fail "could not install cargo-deny"
  fi
}

# What the tests look for and leave out, loudly, when it is not there.
fetch_peers() {
  local go prometheus alertmanager
  if go="$(scripts/get-go.sh)"; then export PATH="$go:$PATH"; fi
  step "fetch etcd 3.4, 3.5, 3.6 and 3.7 (minutes, once)"
  scripts/etcd/get.sh || echo "tests of the versions that are missing will be skipped" >&2
  step "fetch prometheus"
  if prometheus="$(scripts/get-prometheus.sh)"; then
    export PATH="$PATH:$prometheus"
  else
    echo "tests with a real Prometheus will be skipped" >&2
  fi
  step "fetch alertmanager"
  if alertmanager="$(scripts/get-alertmanager.sh)"; then
    export PATH="$PATH:$alertmanager"
  else
    echo "tests with a real Alertmanager will be skipped" >&2
  fi
  step "fetch the etcd mixin"
  scripts/get-mixin.sh >/dev/null || echo "the test with the etcd mixin will be skipped" >&2
}

quick=''
case "${1:-}" in
  '') ;;
  --quick) quick=yes ;;
  -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit ;;
  *) fail "unknown option $1; see --help" ;;
esac
[ $# -le 1 ] || fail "one option at most; see --help"

install_packages
install_rust_tools
fetch_peers
exec cargo xtask ci ${quick:+--quick}
