#!/usr/bin/env bash
# Fetches Beam's job server with a Flink 1.19 in it from Maven Central (152 MB), only when it is not there yet.
# 2.62.0 is the latest that is there; it runs pipelines of Beam's later releases for Python.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/jars.sh
. scripts/jars.sh
jars flink-2.62.0 "Beam's job server for Flink" "\`make test-flink\` cannot run." \
    org.apache.beam beam-runners-flink-1.19 2.62.0
