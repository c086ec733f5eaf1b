#!/usr/bin/env bash
# Checks every script of the project: shellcheck for bash, a grammar for PowerShell.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mapfile -t shell < <(git ls-files --cached --others --exclude-standard '*.sh' .ci/run)
mapfile -t power < <(git ls-files --cached --others --exclude-standard '*.ps1')
shellcheck --external-sources "${shell[@]}"
scripts/check-ps1.sh "${power[@]}"
echo "${#shell[@]} bash scripts and ${#power[@]} PowerShell scripts are well formed"
