#!/usr/bin/env bash
# Checks that the PowerShell scripts parse, with a grammar where no PowerShell is to be had.
#
# usage: scripts/check-ps1.sh FILE.ps1 …
#
# It finds what a parser can find: unbalanced brackets, broken strings, malformed statements. What
# a command does is seen on Windows only.
set -euo pipefail

# Pinned: a grammar update may accept other things.
readonly packages=(tree-sitter==0.26.1 tree-sitter-powershell==0.26.4)

cache="${ETCD_MONITOR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/etcd-monitor}/check-ps1"

[ $# -gt 0 ] || { echo "usage: scripts/check-ps1.sh FILE.ps1 …" >&2; exit 1; }
if [ "$(cat "$cache/packages" 2>/dev/null)" != "${packages[*]}" ]; then
  rm -rf "$cache"
  python3 -m venv "$cache"
  "$cache/bin/pip" install --quiet "${packages[@]}"
  echo "${packages[*]}" >"$cache/packages"
fi

"$cache/bin/python" - "$@" <<'PYTHON'
import sys

import tree_sitter
import tree_sitter_powershell

parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))


def faults(source):
    """The places where the text is not PowerShell, as (line, column), counted from 1."""
    found, pending = [], [parser.parse(source).root_node]
    while pending:
        node = pending.pop()
        if node.is_error or node.is_missing:
            found.append((node.start_point[0] + 1, node.start_point[1] + 1))
        elif node.has_error:
            pending.extend(node.children)
    return sorted(found)


# A check that accepts everything would pass too.
for broken in (b"if ($x { 1 }\n", b"function f { 'a\n", b"param([string $x)\n"):
    if not faults(broken):
        sys.exit(f"the grammar accepts {broken!r}: it checks nothing")

failed = False
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        for line, column in faults(file.read()):
            failed = True
            print(f"{path}:{line}:{column}: does not parse as PowerShell")
sys.exit(failed)
PYTHON
