"""The documents' tables are the code's: settings, errors, exit codes, types, verbs; links lead somewhere."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from engram_store import errors
from engram_store.errors import MigrationError
from io_connectors.postgresql import session
from io_connectors.postgresql.session import PostgresAddress, connect
from pipelines import __main__ as command
from pipelines.pipelines import PIPELINES
from pipelines.settings.load import load
from pipelines.settings.model import PostgresSettings
from pipelines.watch import CtrlC
from tests.docs import settings_table
from tests.docs.markdown import ALL, GUIDE, README, REPOSITORY, Block, Document
from tests.servers.postgres import DebianPostgres
from transforms.mapping.tables import TIME_COLUMNS

SECTIONS = [
    "Overview", "Prerequisites", "Quick Start", "Configuration", "Schema Mapping", "Embedding Generation",
    "Performance Tuning", "Validation", "Troubleshooting", "Production Checklist",
]  # fmt: skip

#: Errors of the libraries' own use, which no command can lead to: a wrong batch, a taken name.
ONLY_IN_CODE = {
    "… cannot name a page.",
    "The receipt of page … counts … …, the page holds ….",
    "… does not have the columns of an Engram page.",
    "… has … empty values of ….",
    "A vector of … numbers and length … cannot be recalled by.",
    "Run … is already in ….",
    "An embedding batch of … records is not possible.",
    "a page of … memories came to be written with embeddings of shape …",
}


def test_guide_has_its_ten_sections() -> None:
    assert GUIDE.headings(2) == SECTIONS


@pytest.mark.parametrize("document", ALL, ids=lambda document: document.path)
def test_links_lead_to_files(document: Document) -> None:
    assert [str(file) for file in document.linked_files() if not file.exists()] == []


@pytest.mark.parametrize("document", ALL, ids=lambda document: document.path)
def test_links_to_headings_lead_to_them(document: Document) -> None:
    for path, anchor in re.findall(r"\]\(([\w./-]*)#([\w-]+)\)", document.text):
        text = (
            (REPOSITORY / document.path).parent / path if path else REPOSITORY / document.path
        ).read_text()
        slugs = {
            re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.+)$", text, re.M)
        }
        assert anchor in slugs, f"{document.path} links to {path}#{anchor}"


def test_tables_of_settings_are_the_models() -> None:
    table = "\n".join(settings_table.lines()).strip()
    assert table in GUIDE.text, "put the output of `python -m tests.docs.settings_table` into the guide"


@pytest.mark.parametrize("block", GUIDE.blocks("yaml"), ids=lambda block: f"line {block.line}")
def test_yaml_is_a_configuration(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(block.text, encoding="utf-8")
    load(PostgresSettings, "test", "", ["--config", str(file)], {})


def test_exit_codes_are_the_error_trees() -> None:
    kinds = [*_tree(MigrationError)]
    documented = {int(code): set(re.findall(r"`(\w+)`", named)) for code, _, named in GUIDE.table("code")}
    codes: dict[int, set[str]] = {0: set()}
    for kind in kinds:
        codes.setdefault(kind.exit_code, set()).add(kind.__name__)
    assert documented == codes
    assert CtrlC in kinds


def test_every_error_is_in_the_guide() -> None:
    documented = [error for error, *_ in GUIDE.table("error")]
    assert len(set(documented)) == len(documented)
    raised = set(_messages()) - ONLY_IN_CODE
    assert set(documented) == raised


def test_every_cause_of_a_failed_connection_is_in_the_guide() -> None:
    causes = "\n".join(cause for cause, *_ in GUIDE.table("why"))
    known = [*session._CANNOT_CONNECT, *session._READING, *session._FINAL_HINTS]
    assert [cause for cause in known if cause not in causes] == []


def test_columns_for_created_at_are_the_codes() -> None:
    assert ", ".join(f"`{name}`" for name in TIME_COLUMNS) in " ".join(GUIDE.text.split())


def test_every_verb_is_in_the_readme() -> None:
    (verbs,) = (a for a in command.parser()._actions if isinstance(a, argparse._SubParsersAction))
    documented = [name for name, _ in README.table("command")]
    missing = [
        verb
        for verb in verbs.choices.keys() - PIPELINES.keys()
        if not any(name.startswith(f"`engram-migrate {verb}") for name in documented)
    ]
    assert missing == []
    assert {f"`python -m {module}`" for module in PIPELINES.values()} <= set(documented)


def test_types_are_written_as_the_guide_says(debian_postgres: DebianPostgres) -> None:
    dsn = debian_postgres.create_database("guide_types", "CREATE EXTENSION hstore; CREATE EXTENSION citext;")
    with connect(PostgresAddress.parse(dsn), purpose="test") as connection:
        rows = [(value[1:-1], content[1:-1]) for _, value, content in GUIDE.table("type")]
        found = [_content(connection, value) for value, _ in rows]
    debian_postgres.drop_database("guide_types")
    assert found == [f'{{"v":{content}}}' for _, content in rows]


def _content(connection: psycopg.Connection[tuple[object, ...]], value: str) -> object:
    row = connection.execute(
        f"SELECT row_to_json(t.*)::text FROM (SELECT {value} AS v) AS t".encode()
    ).fetchone()
    return row and row[0]


def _tree(kind: type[MigrationError]) -> Iterator[type[MigrationError]]:
    if kind.__module__ in (errors.__name__, CtrlC.__module__):
        yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


def _messages() -> Iterator[str]:
    """What each error in the code says first, with … for what is filled in."""
    names = {kind.__name__ for kind in _tree(MigrationError)}
    for folder in ("engram_store", "io_connectors", "transforms", "pipelines"):
        for file in (REPOSITORY / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                    yield from filter(None, [_text(node.args[0]) if node.args else ""])


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value).replace("`", "")
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) if isinstance(part, ast.Constant) else "…" for part in node.values).strip()
    return ""
