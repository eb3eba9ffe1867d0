"""Neo4j for the tests: real servers from Maven Central's jars (``scripts/setup-neo4j.sh``)."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import neo4j
from neo4j.exceptions import DriverError, Neo4jError

from tests.servers.child import ChildServer
from tests.servers.ports import free_port

#: The version that the tests run on unless ``ENGRAM_MIGRATE_TEST_NEO4J`` names another.
DEFAULT_VERSION = "5.26.30"
PASSWORD = "engram-test"

_START_SECONDS = 180
_OPENED = ("java.nio", "java.io", "sun.nio.ch", "java.util.concurrent", "java.lang")

_CONFIGURATION = """
server.bolt.listen_address=127.0.0.1:{port}
server.http.enabled=false
server.https.enabled=false
server.memory.pagecache.size=64m
dbms.usage_report.enabled=false
"""
_CONFIGURATION_BEFORE_5 = """
dbms.connector.bolt.listen_address=127.0.0.1:{port}
dbms.connector.http.enabled=false
dbms.connector.https.enabled=false
dbms.memory.pagecache.size=64m
"""


def chosen_version() -> str:
    """The version that this test run is for."""
    return os.environ.get("ENGRAM_MIGRATE_TEST_NEO4J", DEFAULT_VERSION)


def servers_folder() -> Path:
    """Where the scripts put the jars of servers."""
    servers = os.environ.get("ENGRAM_MIGRATE_SERVERS")
    return Path(servers) if servers else Path(__file__).resolve().parents[2] / ".servers"


def find_jars(version: str) -> Path | None:
    """The folder of a server's jars, or None."""
    jars = servers_folder() / f"neo4j-{version}" / "lib"
    return jars if jars.is_dir() else None


def find_java(version: str) -> str | None:
    """A Java that the server runs on: 17 does for 4.4 and 5, later ones want 21 or newer."""
    least = 21 if major(version) > 5 else 17
    homes = [Path("/usr"), *Path("/usr/lib/jvm").glob("*")]
    if os.environ.get("JAVA_HOME"):
        homes.insert(0, Path(os.environ["JAVA_HOME"]))
    found = {program: _java_version(program) for home in homes if (program := home / "bin" / "java").exists()}
    fitting = sorted((number, str(program)) for program, number in found.items() if number >= least)
    return fitting[0][1] if fitting else None


class Neo4jServer(ChildServer):
    """A server on a loopback port, with the password ``PASSWORD``.

    Args:
        version: Its version; the jars and a Java must be there.
        settings: Further lines of ``neo4j.conf``.
    """

    user = "neo4j"
    password = PASSWORD

    def __init__(self, version: str | None = None, settings: Iterable[str] = ()) -> None:
        self.version = version or chosen_version()
        jars, java = find_jars(self.version), find_java(self.version)
        if jars is None or java is None:
            raise LookupError(f"Neo4j {self.version} is not there; run scripts/setup-neo4j.sh {self.version}")
        super().__init__("Neo4j", start_seconds=_START_SECONDS)
        opened = [f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in _OPENED]
        self._java = [java, *opened, "-cp", f"{jars}/*"]
        self.port = free_port()
        self._driver: neo4j.Driver | None = None
        self._configure(settings)

    @property
    def url(self) -> str:
        """The server's address."""
        return f"bolt://127.0.0.1:{self.port}"

    def stop(self, how: signal.Signals | None = None) -> None:
        """Stops the server, and closes what ``run`` has opened."""
        if self._driver is not None:
            self._driver.close()
            self._driver = None
        super().stop(how)

    def run(self, query: str, **parameters: Any) -> list[list[Any]]:
        """The rows of a query, committed at once."""
        if self._driver is None:
            self._driver = neo4j.GraphDatabase.driver(self.url, auth=(self.user, self.password))
        with self._driver.session() as session:
            return session.run(query, parameters).values()

    def empty(self) -> None:
        """Removes all nodes and relationships; their ids may be given again."""
        while self.run("MATCH (n) WITH n LIMIT 20000 DETACH DELETE n RETURN count(*)")[0][0]:
            pass

    def import_csv(self, *files: str) -> None:
        """Fills the stopped server's database, for loads that queries would take minutes for.

        Args:
            files: ``--nodes=FILE`` and ``--relationships=FILE``, as ``database import full`` takes.
        """
        self._admin("database", "import", "full", "neo4j", "--overwrite-destination", *files)

    def load_dump(self, dump: Path) -> None:
        """Fills the stopped server's database from a dump of any earlier version."""
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            shutil.copy(dump, Path(folder) / "neo4j.dump")
            self._admin("database", "load", "neo4j", f"--from-path={folder}", "--overwrite-destination=true")
        self._admin("database", "migrate", "neo4j", "--force-btree-indexes-to-range")

    def _command(self) -> list[str]:
        main = "CommunityEntryPoint" if major(self.version) <= 5 else "Neo4jCommunity"
        folders = (f"--home-dir={self._folder}", f"--config-dir={self._folder / 'conf'}")
        return [*self._program("-Xmx512m", f"org.neo4j.server.{main}"), *folders]

    def _configure(self, settings: Iterable[str]) -> None:
        form = _CONFIGURATION if major(self.version) >= 5 else _CONFIGURATION_BEFORE_5
        (self._folder / "conf").mkdir()
        lines = [form.format(port=self.port), *settings, ""]
        (self._folder / "conf" / "neo4j.conf").write_text("\n".join(lines))
        verb = ("dbms",) if major(self.version) >= 5 else ()
        self._admin(*verb, "set-initial-password", self.password)

    def _admin(self, *arguments: str) -> None:
        folders = {"NEO4J_HOME": str(self._folder), "NEO4J_CONF": str(self._folder / "conf")}
        program = self._program("-Xmx1g", "org.neo4j.cli.AdminTool")
        process = self._run(*program, *arguments, environment=folders)
        if process.wait():
            raise RuntimeError(f"neo4j-admin {' '.join(arguments)} failed: {self.log()[-2000:]}")

    def _program(self, heap: str, main: str) -> list[str]:
        java, *rest = self._java
        return [java, heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *rest, main]

    def _answers(self) -> bool:
        auth = (self.user, self.password)
        driver = neo4j.GraphDatabase.driver(self.url, auth=auth, connection_timeout=5)
        try:
            with driver, driver.session() as session:
                session.run("RETURN 1").consume()
        except (DriverError, Neo4jError, OSError):
            return False
        return True


def major(version: str) -> int:
    """The first number of a version."""
    return int(version.split(".", maxsplit=1)[0])


def _java_version(program: Path) -> int:
    said = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else 0
