#!/usr/bin/env bash
# Makes .venv and installs the project into it, only when something changed since the last time.
#   scripts/setup.sh [demo|dev|dev,st]      default dev: tests, linters, types; demo: what `make demo` needs;
#                                           dev,st: sentence-transformers and torch too (6 GB)
# ENGRAM_PYTHON names the Python to use; else the first fitting one on PATH.
set -euo pipefail
cd "$(dirname "$0")/.."
extra=${1:-dev}

fits() {
    "$1" -c 'import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

find_python() {
    local candidate
    for candidate in ${ENGRAM_PYTHON:-python3 python3.13 python3.12 python3.11 python3.10}; do
        if fits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    cat >&2 <<'MESSAGE'
No Python from 3.10 to 3.13 with the `venv` module was found on PATH.
  why: Apache Beam 2.77 and its libraries are tested with these versions.
  try: install one (Debian, Ubuntu: apt-get install python3 python3-venv), or name one:
  e.g. ENGRAM_PYTHON=/path/to/python3.12 make demo
MESSAGE
    return 2
}

wanted() {
    cat pyproject.toml requirements.txt setup.py | cksum
}

installed() {
    local stamp stamps=(".venv/.installed-$extra")
    # What `demo` needs, `dev` has.
    [ "$extra" = demo ] && stamps+=(.venv/.installed-dev)
    for stamp in "${stamps[@]}"; do
        [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(wanted)" ] && return
    done
    return 1
}

if ! .venv/bin/python -c '' 2>/dev/null; then
    python=$(find_python)
    echo "setup: making .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv
fi
if ! installed; then
    echo "setup: installing engram-migrate[$extra] (about a minute the first time)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[$extra]"
    wanted >".venv/.installed-$extra"
fi
