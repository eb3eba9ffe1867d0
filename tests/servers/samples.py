"""The sample databases, and what is known to be in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.servers.postgres import DebianPostgres

SAMPLE_NAMES = ("northwind", "chinook", "pagila", "iso3166", "torture")

#: The role of the torture sample that may read everything but ``app.denied``.
READER = "mig_reader"


class SampleDatabases:
    """The samples on one server; each is loaded once, when first asked for.

    Args:
        server: Where they are made.
        samples: The folder that holds ``postgres/truth.json``.
    """

    def __init__(self, server: DebianPostgres, samples: Path) -> None:
        self.server = server
        self.truth: dict[str, dict[str, Any]] = json.loads(
            (samples / "postgres" / "truth.json").read_text(encoding="utf-8")
        )
        self._folder = samples / "postgres"
        self._made: set[str] = set()

    def __call__(self, name: str) -> str:
        """The DSN of a sample that all tests share: read it, change nothing."""
        if name not in self._made:
            self.server.create_database(name, template=self._template(name))
            self._made.add(name)
        return self.server.dsn(name)

    @contextmanager
    def copy(self, name: str) -> Iterator[str]:
        """The DSN of a copy of a sample for one test to change; it is dropped afterwards."""
        copy = f"{name}_{uuid4().hex[:8]}"
        yield self.server.create_database(copy, template=self._template(name))
        self.server.drop_database(copy)

    def _template(self, name: str) -> str:
        template = f"{name}_template"
        if template not in self._made:
            (script,) = (self._folder / name).glob("*.sql")
            self.server.create_database(template, script)
            self._made.add(template)
            if name == "torture":
                self.server.set_password(READER)
        return template
