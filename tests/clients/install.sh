#!/usr/bin/env bash
# Installs the published clients that the long tests talk with: npm's beside this file, Python's in .venv-clients.
# Quick and silent when both are as locked. What cannot be installed is said, and its tests are listed as NOT RUN.
# Never fails a run.
set -u
cd "$(dirname "$0")" || exit 0
venv=../../.venv-clients
PYTHON=${PYTHON:-python3}

say() { echo "tests/clients/install.sh: not installed: $1; the tests that need it will be listed as NOT RUN"; }
fresh() { [ "$1" -nt "$2" ]; }

from_npm() {
    command -v npm >/dev/null || { say "what npm holds (no npm here)"; return; }
    rm -rf node_modules
    timeout 400 npm ci --no-audit --no-fund --ignore-scripts --loglevel=error </dev/null >/dev/null &&
        touch node_modules/.stamp || say "what npm holds (npm ci failed)"
}

from_pypi() {
    rm -rf "$venv"
    "$PYTHON" -m venv "$venv" &&
        timeout 400 "$venv/bin/python" -m pip install -qq --disable-pip-version-check --require-hashes \
            --requirement requirements-clients.lock </dev/null &&
        touch "$venv/.stamp" || say "the clients from requirements-clients.lock (pip failed)"
}

fresh node_modules/.stamp package-lock.json || from_npm
fresh "$venv/.stamp" requirements-clients.lock || from_pypi
exit 0
