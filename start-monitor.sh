#!/usr/bin/env bash
# Builds etcd-monitor when needed and starts it in the foreground.
#
# usage: ./start-monitor.sh --endpoints HOST:PORT[,HOST:PORT…] [option…]
#        ./start-monitor.sh --config FILE [option…]
#        ./start-monitor.sh --demo [option…]
#
#   --endpoints LIST      client addresses of the cluster's members; one is enough
#   --config FILE         a YAML file with any number of clusters
#   --demo                start a local three-member etcd cluster and watch it
#   --api-host ADDRESS    where to serve the API (default 127.0.0.1)
#   --api-port PORT       on which port (default 8080; 0 takes a free one)
#   --cacert FILE         the CA of the members' certificates
#   --cert FILE --key FILE   our client certificate
#   --user NAME --password-file FILE
#   --skip-build          start the binary that is there
#   --help                this text
#
# Every other option goes to etcd-monitor as it is; `target/release/etcd-monitor --help` lists
# them. With ETCD_MONITOR_BINARY=PATH, that binary is started and nothing is built.
#
# examples:
#   ./start-monitor.sh --demo
#   ./start-monitor.sh --endpoints 10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379 --api-port 9090
#   ./start-monitor.sh --endpoints https://etcd-1:2379 --cacert ca.pem --cert me.pem --key me.key
#   ./start-monitor.sh --config etcd-monitor.yaml
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# Exit codes as etcd-monitor's own.
readonly bad_input=3
readonly bad_arguments=128

say() { printf '%s\n' "$*" >&2; }
usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

fail() {
  local code="$1"
  shift
  say "start-monitor.sh: $*"
  exit "$code"
}

check_port() {
  if [[ ! "$1" =~ ^[0-9]{1,5}$ ]] || ((10#$1 > 65535)); then
    fail "$bad_arguments" "--api-port is $1, but a port is a number from 0 to 65535"
  fi
}

check_file() {
  [ -e "$2" ] || fail "$bad_input" "$1 names $2, which does not exist"
  [ -f "$2" ] || fail "$bad_input" "$1 names $2, which is not a file"
  [ -r "$2" ] || fail "$bad_input" "$1 names $2, which you may not read"
}

# Only the shape: what stands behind an address is etcd-monitor's to find out.
check_endpoints() {
  local endpoint endpoints
  [ -n "$1" ] || fail "$bad_arguments" "--endpoints is empty; give HOST:PORT of at least one member"
  IFS=, read -ra endpoints <<<"$1"
  for endpoint in "${endpoints[@]}"; do
    case "$endpoint" in
      '' | *[[:space:]]*) fail "$bad_arguments" "--endpoints has '$endpoint' in it; write HOST:PORT,HOST:PORT without spaces" ;;
    esac
  done
}

# Checks what can be checked without the program, before anyone waits for a build.
check_options() {
  local option value has_target='' cert='' key=''
  while [ $# -gt 0 ]; do
    option="${1%%=*}"
    case "$option" in
      --endpoints | --config | --api-port | --cacert | --cert | --key | --password-file)
        if [ "$option" != "$1" ]; then
          value="${1#*=}"
        elif [ $# -gt 1 ]; then
          value="$2"
          shift
        else
          fail "$bad_arguments" "$option needs a value; see --help"
        fi
        ;;
    esac
    case "$option" in
      --endpoints) check_endpoints "$value" ;;
      --api-port) check_port "$value" ;;
      --config | --cacert | --password-file) check_file "$option" "$value" ;;
      --cert) check_file "$option" "$value"; cert="$value" ;;
      --key) check_file "$option" "$value"; key="$value" ;;
    esac
    case "$option" in --endpoints | --config | --demo | --discovery-srv) has_target=yes ;; esac
    shift
  done
  [ -n "$cert" ] || [ -z "$key" ] || fail "$bad_arguments" "--key is given without --cert"
  [ -n "$key" ] || [ -z "$cert" ] || fail "$bad_arguments" "--cert is given without --key"
  local by_environment
  by_environment="${ETCD_MONITOR_ENDPOINTS:-}${ETCD_MONITOR_CONFIG:-}${ETCD_MONITOR_DISCOVERY_SRV:-}${ETCD_MONITOR_DEMO:-}"
  if [ -z "$has_target$by_environment" ]; then
    usage >&2
    fail "$bad_arguments" "nothing to watch: give --endpoints, --config or --demo"
  fi
}

check_cargo() {
  local needed have
  needed="$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$here/Cargo.toml")"
  command -v cargo >/dev/null || fail 1 "cargo is not on PATH: install Rust $needed or newer with rustup (https://rustup.rs)"
  command -v cc >/dev/null || fail 1 "no C compiler: install one (Debian: apt-get install build-essential; macOS: xcode-select --install)"
  have="$(cargo --version | cut -d ' ' -f 2)"
  [ "$(printf '%s\n%s\n' "$needed" "$have" | sort -V | head -n 1)" = "$needed" ] ||
    fail 1 "cargo is $have, but etcd-monitor needs Rust $needed: run 'rustup update'"
}

is_demo=''
skip_build="${ETCD_MONITOR_BINARY:+yes}"
arguments=()
for argument in "$@"; do
  case "$argument" in
    -h | --help) usage; exit ;;
    --skip-build) skip_build=yes ;;
    --demo) is_demo=yes; arguments+=("$argument") ;;
    *) arguments+=("$argument") ;;
  esac
done
check_options ${arguments[@]+"${arguments[@]}"}

binary="${ETCD_MONITOR_BINARY:-${CARGO_TARGET_DIR:-$here/target}/release/etcd-monitor}"
if [ -z "$skip_build" ]; then
  check_cargo
  [ -x "$binary" ] || say "building etcd-monitor: a few minutes, the first time"
  (cd "$here" && cargo build --locked --release --package etcd-monitor) ||
    fail 1 "the build failed; the messages above say why"
fi
[ -x "$binary" ] || fail 1 "there is no program at $binary; start without --skip-build"

if [ -n "$is_demo" ] && [ -z "${ETCD:-}" ]; then
  ETCD="$("$here/scripts/etcd/get.sh" --any)" || fail 1 "the demo needs an etcd; the messages above say how to get one"
  export ETCD
fi
exec "$binary" ${arguments[@]+"${arguments[@]}"}
