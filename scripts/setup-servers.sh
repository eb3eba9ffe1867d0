#!/usr/bin/env bash
# Makes sure that the tests find the programs of PostgreSQL and Redis, and a browser; never starts a server of
# the system.
set -euo pipefail

# need PROGRAM PACKAGE WHAT: installs Debian's package unless its program is there.
need() {
    local program=$1 package=$2 what=$3
    if compgen -G "/usr/lib/postgresql/*/bin/$program" >/dev/null || command -v "$program" >/dev/null; then
        return
    fi
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        cat >&2 <<MESSAGE
setup: the program $program was not found.
  why: not under /usr/lib/postgresql nor on PATH, and only root can install Debian's \`$package\`.
  so: the tests that use $what will be skipped.
  try: apt-get install $package   (as root)
MESSAGE
        return
    fi
    echo "setup: installing Debian's $package for the tests"
    "keep_${package//-/_}_stopped"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 apt-get install -qq --no-install-recommends \
        -o Dpkg::Options::=--force-confold "$package" >/dev/null
}

keep_postgresql_stopped() {
    local config=/etc/postgresql-common/createcluster.conf
    if [ ! -e "$config" ]; then
        mkdir -p "${config%/*}"
        echo 'create_main_cluster = false' >"$config"
    fi
}

# A masked unit is neither enabled nor started by the package.
keep_redis_server_stopped() {
    local unit=/etc/systemd/system/redis-server.service
    if [ ! -e "$unit" ]; then
        mkdir -p "${unit%/*}"
        ln -s /dev/null "$unit"
    fi
}

keep_chromium_stopped() { :; }

need initdb postgresql 'the fixtures `debian_postgres` and `sample_database`'
need redis-server redis-server 'the fixtures `redis_server` and `own_redis`'
need chromium chromium 'a browser'
