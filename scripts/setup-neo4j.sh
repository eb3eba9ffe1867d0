#!/usr/bin/env bash
# Fetches the jars of a Neo4j server from Maven Central, only when they are not there yet.
#   scripts/setup-neo4j.sh [VERSION]      default 5.26.30
# ENGRAM_MIGRATE_SERVERS names the folder that keeps them; default .servers in the project.
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1:-5.26.30}
servers=${ENGRAM_MIGRATE_SERVERS:-$PWD/.servers}
home=$servers/neo4j-$version

explain() {
    cat >&2 <<MESSAGE
setup: Neo4j $version is not there.
  why: $1
  so: the tests that use the fixtures \`neo4j_server\`, \`own_neo4j\` and \`neo4j_sample\` will be skipped.
  try: $2
MESSAGE
    exit 0
}

install_tools() {
    command -v mvn >/dev/null && command -v java >/dev/null && return
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        explain "it needs \`mvn\` and \`java\`, and only root can install Debian's" \
            "apt-get install maven openjdk-17-jdk-headless   (as root)"
    fi
    echo "setup: installing Debian's maven and openjdk-17-jdk-headless for the tests"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -qq --no-install-recommends maven openjdk-17-jdk-headless >/dev/null
}

write_pom() {
    cat >"$1" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>engram</groupId>
  <artifactId>neo4j-server</artifactId>
  <version>$version</version>
  <dependencies>
    <dependency>
      <groupId>org.neo4j</groupId>
      <artifactId>neo4j</artifactId>
      <version>$version</version>
    </dependency>
  </dependencies>
</project>
POM
}

# Into a folder of our own first, so that an interrupted download never looks like a server.
fetch() {
    making=$(mktemp -d "$servers/.making-XXXXXX")
    trap 'rm -rf "$making"' EXIT
    write_pom "$making/pom.xml"
    echo "setup: fetching Neo4j $version (123 MB, under a minute)"
    mvn -B -q -f "$making/pom.xml" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$making/lib" >"$making/mvn.log" 2>&1 ||
        explain "$(tail -n 5 "$making/mvn.log")" "scripts/setup-neo4j.sh $version   (with Maven Central in reach)"
    chmod 755 "$making"
    mv -T "$making" "$home"
}

mkdir -p "$servers"
[ -d "$home/lib" ] && exit 0
exec 9>"$servers/.lock"
flock 9
[ -d "$home/lib" ] && exit 0
install_tools
fetch
