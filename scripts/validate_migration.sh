#!/usr/bin/env bash
# Validates a migration into a server in five steps: counts, samples, edges, embeddings, latency.
#
#   scripts/validate_migration.sh SOURCE_TYPE SOURCE_CONN ENGRAM_URL MEMORY_SPACE [FLAG…]
#
# SOURCE_TYPE is postgresql, neo4j or redis; SOURCE_CONN an address, or for Redis a dump file or a folder of
# append-only files. Further flags go to `engram-migrate validate`, such as --run NAME or
# --source-password-file FILE. The server's key is taken from ENGRAM_MIGRATE_TARGET_KEY.
#
# Exit codes: 0 all steps passed, 6 one failed, 2 wrong usage, 4 the server does not answer; others as
# docs/reference/errors-and-exit-codes.md has them.
set -euo pipefail

readonly FAILED=6 USAGE=2 NO_SERVER=4

usage() {
    echo "usage: $0 postgresql|neo4j|redis SOURCE_CONN ENGRAM_URL MEMORY_SPACE [FLAG…]" >&2
    exit $USAGE
}

# ask ROUTE: the server's answer.
ask() {
    local headers=()
    if [ -n "${ENGRAM_MIGRATE_TARGET_KEY:-}" ]; then
        headers=(--header "Authorization: Bearer $ENGRAM_MIGRATE_TARGET_KEY")
    fi
    curl --fail --silent --show-error "${headers[@]}" "$url/api/v1/$1"
}

# step NUMBER NAME ANSWER PATTERN: says whether the answer is as it has to be.
step() {
    if grep --quiet "$4" <<<"$3"; then
        echo "$1/5 $2: passed  $3"
    else
        echo "$1/5 $2: FAILED  $3"
        result=$FAILED
    fi
}

[ $# -ge 4 ] || usage
type=$1 source=$2 url=${3%/} space=$4
shift 4
case $type in
    postgresql | neo4j) from=(--source "$source") ;;
    redis)
        if [ -d "$source" ]; then from=(--use-aof "$source")
        elif [ -f "$source" ]; then from=(--use-rdb "$source")
        else from=(--source "$source"); fi
        ;;
    *) usage ;;
esac

result=0
if ask engram >/dev/null 2>&1; then
    count=$(ask "memory_spaces/$space/count") || exit $NO_SERVER
    edges=$(ask "memory_spaces/$space/validate_edges") || exit $NO_SERVER
    embeddings=$(ask "memory_spaces/$space/validate_embeddings") || exit $NO_SERVER
    step 1 counts "$count" '"count": *[1-9]'
    step 3 edges "$edges" '"valid": *true'
    step 4 embeddings "$embeddings" '"valid": *true'
    echo "2/5 samples and 5/5 latency, and all else record by record:"
else
    # The public server: it can only count; the rest is asked of what was delivered to it.
    count=$(ask "system/health?space=$space") || exit $NO_SERVER
    step 1 counts "$count" '"memories": *[1-9]'
    echo "2/5 samples, 3/5 edges, 4/5 embeddings and 5/5 latency, and every memory read back:"
fi
engram-migrate validate --target "$url" "${from[@]}" --check-latency "$@" || result=$?
exit $result
