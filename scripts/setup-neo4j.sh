#!/usr/bin/env bash
# Fetches the jars of a Neo4j server from Maven Central (123 MB), only when they are not there yet.
#   scripts/setup-neo4j.sh [VERSION]      default 5.26.30
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/jars.sh
. scripts/jars.sh
version=${1:-5.26.30}
jars "neo4j-$version" "Neo4j $version" \
    "the tests that use the fixtures \`neo4j_server\`, \`own_neo4j\` and \`neo4j_sample\` will be skipped." \
    org.neo4j neo4j "$version"
