# Fetches jars from Maven Central, only when they are not there yet; sourced by setup-neo4j.sh and setup-flink.sh.
# ENGRAM_MIGRATE_SERVERS names the folder that keeps them; default .servers in the project.

# explain WHAT WHY CONSEQUENCE REMEDY
explain() {
    cat >&2 <<MESSAGE
setup: $1 is not there.
  why: $2
  so: $3
  try: $4
MESSAGE
    exit 0
}

install_tools() {
    command -v mvn >/dev/null && command -v java >/dev/null && return
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        explain "$1" "it needs \`mvn\` and \`java\`, and only root can install Debian's" "$2" \
            "apt-get install maven openjdk-17-jdk-headless   (as root)"
    fi
    echo "setup: installing Debian's maven and openjdk-17-jdk-headless for the tests"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -qq --no-install-recommends maven openjdk-17-jdk-headless >/dev/null
}

# write_pom FILE GROUP ARTIFACT VERSION
write_pom() {
    cat >"$1" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>engram</groupId>
  <artifactId>server</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>$2</groupId>
      <artifactId>$3</artifactId>
      <version>$4</version>
    </dependency>
  </dependencies>
</project>
POM
}

# jars FOLDER NAME CONSEQUENCE GROUP ARTIFACT VERSION
jars() {
    local servers=${ENGRAM_MIGRATE_SERVERS:-$PWD/.servers}
    local home=$servers/$1
    mkdir -p "$servers"
    [ -d "$home/lib" ] && return
    exec 9>"$servers/.lock"
    flock 9
    [ -d "$home/lib" ] && return
    install_tools "$2" "$3"
    # Into a folder of our own first, so that an interrupted download never looks like a server.
    making=$(mktemp -d "$servers/.making-XXXXXX")
    trap 'rm -rf "$making"' EXIT
    write_pom "$making/pom.xml" "$4" "$5" "$6"
    echo "setup: fetching $2 (under a minute)"
    mvn -B -q -f "$making/pom.xml" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$making/lib" >"$making/mvn.log" 2>&1 ||
        explain "$2" "$(tail -n 5 "$making/mvn.log")" "$3" "the same again   (with Maven Central in reach)"
    chmod 755 "$making"
    mv -T "$making" "$home"
}
