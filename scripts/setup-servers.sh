#!/usr/bin/env bash
# Makes sure that the tests find a PostgreSQL server's programs; never starts a server of the system.
set -euo pipefail

if compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    cat >&2 <<'MESSAGE'
setup: no PostgreSQL server programs (initdb, postgres) were found.
  why: not under /usr/lib/postgresql nor on PATH, and only root can install Debian's `postgresql`.
  so: the tests that use the fixtures `debian_postgres` and `sample_database` will be skipped.
  try: apt-get install postgresql   (as root)
MESSAGE
    exit 0
fi
echo "setup: installing Debian's postgresql for the tests"
config=/etc/postgresql-common/createcluster.conf
if [ ! -e "$config" ]; then
    mkdir -p "${config%/*}"
    echo 'create_main_cluster = false' >"$config"
fi
export DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1
apt-get update -qq
apt-get install -qq --no-install-recommends -o Dpkg::Options::=--force-confold postgresql >/dev/null
