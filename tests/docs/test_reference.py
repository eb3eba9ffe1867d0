"""The documents' tables are the code's: settings, errors, exit codes, types, verbs; links lead somewhere."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from engram_store import errors
from engram_store.errors import MigrationError
from io_connectors.neo4j import session as neo4j_session
from io_connectors.neo4j.graph import open_graph
from io_connectors.neo4j.rows import NODES, NodeRow
from io_connectors.neo4j.session import Neo4jAddress
from io_connectors.neo4j.source import Reading
from io_connectors.postgresql import session as postgres_session
from io_connectors.postgresql.session import PostgresAddress, connect
from io_connectors.redis.keyspace import Selection
from io_connectors.redis.live import refusals
from io_connectors.redis.live.address import RedisAddress
from io_connectors.redis.rows import JSON, KeyRow
from io_connectors.secrets import SecretRef
from pipelines import __main__ as command
from pipelines.metrics import METRICS
from pipelines.pipelines import PIPELINES
from pipelines.settings.load import load
from pipelines.settings.model import Settings
from pipelines.settings.sources import Neo4jSettings, PostgresSettings, RedisSettings
from pipelines.watch import CtrlC
from tests.docs import report_table, settings_table
from tests.docs.markdown import (
    ALL,
    COMPATIBILITY,
    DISTRIBUTED_GUIDE,
    EMBEDDING_GUIDE,
    ERRORS,
    NEO4J_GUIDE,
    POSTGRES_GUIDE,
    README,
    REDIS_GUIDE,
    REPORT,
    REPOSITORY,
    SERVER_GUIDE,
    Block,
    Document,
)
from tests.redis.reading import pages_of
from tests.servers.neo4j import Neo4jServer
from tests.servers.postgres import DebianPostgres
from tests.servers.redis import RedisServer
from transforms.mapping.graph_values import node_content
from transforms.mapping.keyspace_parts import HAS_FIELD, HAS_MEMBER, NEXT_RANKED
from transforms.mapping.keyspace_values import key_content
from transforms.mapping.text_words import TEXT_WORDS
from transforms.mapping.times import TIME_NAMES

GUIDES = (POSTGRES_GUIDE, NEO4J_GUIDE, REDIS_GUIDE)
SETTINGS: dict[Document, type[Settings]] = {
    POSTGRES_GUIDE: PostgresSettings,
    NEO4J_GUIDE: Neo4jSettings,
    REDIS_GUIDE: RedisSettings,
}

#: Where errors come from that only one source can raise; all others are in the common reference.
OWN_CODE = {
    POSTGRES_GUIDE: re.compile(
        r"io_connectors/postgresql/.*|pipelines/postgresql\.py|transforms/mapping/(postgresql|tables)\.py"
    ),
    NEO4J_GUIDE: re.compile(
        r"io_connectors/neo4j/.*|pipelines/(neo4j|graph_settings)\.py|transforms/mapping/(neo4j|graph_\w+)\.py"
    ),
    REDIS_GUIDE: re.compile(
        r"io_connectors/redis/.*|pipelines/redis\.py|transforms/mapping/(redis|keyspace_\w+)\.py"
    ),
    EMBEDDING_GUIDE: re.compile(
        r"transforms/embedding/(openai|cache_file|fit|table|distil|huggingface/\w+)\.py|pipelines/embedding\.py"
    ),
    COMPATIBILITY: re.compile(r"io_connectors/engram/public/.*"),
    DISTRIBUTED_GUIDE: re.compile(r"io_connectors/engram/objects/.*"),
    SERVER_GUIDE: re.compile(
        r"engram_store/(server/.*|wire\.py)|io_connectors/engram/http/.*|pipelines/serve\.py"
    ),
}

SECTIONS = [
    "Overview", "Prerequisites", "Quick Start", "Configuration", "Schema Mapping", "Embedding Generation",
    "Performance Tuning", "Validation", "Troubleshooting", "Production Checklist",
]  # fmt: skip

#: Errors of the libraries' own use, which no command can lead to: a wrong batch, a taken name, what
#: the settings' kinds have refused before, or what ends as the reason of a dead letter.
ONLY_IN_CODE = {
    "the weights of … cannot range from … to …",
    "a half-life of … days is not possible",
    "… cannot name a page.",
    "… cannot name a finding.",
    "The receipt of page … counts … …, the page holds ….",
    "… does not have the columns of an Engram page.",
    "… has … empty values of ….",
    "A vector of … numbers and length … cannot be recalled by.",
    "Run … is already in ….",
    "An embedding batch of … records is not possible.",
    "a page of … memories came to be written with embeddings of shape …",
    "a DUMP payload cannot be read",
    "a key of the type … has no JSON form",
    "… is not asked any more, since the delivery ended",
}


def _path(document: Document) -> str:
    return document.path


@pytest.mark.parametrize("guide", GUIDES, ids=_path)
def test_guide_has_its_ten_sections(guide: Document) -> None:
    assert guide.headings(2) == SECTIONS


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


@pytest.mark.parametrize("guide", GUIDES, ids=_path)
def test_tables_of_settings_are_the_models(guide: Document) -> None:
    table = "\n".join(settings_table.lines(SETTINGS[guide])).strip()
    assert table in guide.text, "put the output of `python -m tests.docs.settings_table` into the guide"


@pytest.mark.parametrize(
    ("kind", "block"),
    [(SETTINGS[guide], block) for guide in GUIDES for block in guide.blocks("yaml")],
    ids=lambda part: f"line {part.line}" if isinstance(part, Block) else part.__name__,
)
def test_yaml_is_a_configuration(kind: type[Settings], block: Block, tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(block.text, encoding="utf-8")
    load(kind, "test", "", ["--config", str(file)], {})


def test_tables_of_the_reports_fields_are_the_schemas() -> None:
    table = "\n".join(report_table.lines()).strip()
    assert table in REPORT.text, "put the output of `python -m tests.docs.report_table` into the reference"


def test_every_metric_is_in_the_reference() -> None:
    documented = [name for name, _ in REPORT.table("metric")]
    assert documented == [f"`engram_migrate_{name}`" for name in METRICS]


def test_exit_codes_are_the_error_trees() -> None:
    kinds = [*_tree(MigrationError)]
    documented = {int(code): set(re.findall(r"`(\w+)`", named)) for code, _, named in ERRORS.table("code")}
    codes: dict[int, set[str]] = {0: set()}
    for kind in kinds:
        codes.setdefault(kind.exit_code, set()).add(kind.__name__)
    assert documented == codes
    assert CtrlC in kinds


@pytest.mark.parametrize(
    "document", [*GUIDES, SERVER_GUIDE, COMPATIBILITY, DISTRIBUTED_GUIDE, ERRORS], ids=_path
)
def test_every_error_is_in_its_document(document: Document) -> None:
    documented = [error for error, *_ in document.table("error")]
    assert len(set(documented)) == len(documented)
    raised = {message for message, file in _messages() if _document_of(file) == document}
    assert set(documented) == raised - ONLY_IN_CODE


def test_every_cause_of_a_failed_connection_is_in_the_guide() -> None:
    postgres, neo4j, redis = ("\n".join(cause for cause, *_ in guide.table("why")) for guide in GUIDES)
    known = (postgres_session._CANNOT_CONNECT, postgres_session._READING, postgres_session._FINAL_HINTS)
    assert [cause for causes in known for cause in causes if cause not in postgres] == []
    codes = [code.split(".", 2)[2] for code in (*neo4j_session._REFUSED, *neo4j_session._TOO_MUCH)]
    assert [code for code in codes if f"`{code}`" not in neo4j] == []
    words = (refusals._REFUSED, refusals._WORDED, refusals._PASSING, refusals._PASSING_WORDED)
    assert [word for some in words for word in some if f"`{word}" not in redis] == []


@pytest.mark.parametrize("guide", [POSTGRES_GUIDE, NEO4J_GUIDE], ids=_path)
def test_names_of_times_are_the_codes(guide: Document) -> None:
    assert ", ".join(f"`{name}`" for name in TIME_NAMES) in " ".join(guide.text.split())


def test_words_for_text_are_the_codes() -> None:
    assert ", ".join(f"`{word}`" for word in TEXT_WORDS) in " ".join(NEO4J_GUIDE.text.split())


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


def test_postgres_types_are_written_as_the_guide_says(debian_postgres: DebianPostgres) -> None:
    dsn = debian_postgres.create_database("guide_types", "CREATE EXTENSION hstore; CREATE EXTENSION citext;")
    with connect(PostgresAddress.parse(dsn), purpose="test") as connection:
        rows = [(value[1:-1], content[1:-1]) for _, value, content in POSTGRES_GUIDE.table("type")]
        found = [_content(connection, value) for value, _ in rows]
    debian_postgres.drop_database("guide_types")
    assert found == [f'{{"v":{content}}}' for _, content in rows]


def _content(connection: psycopg.Connection[tuple[object, ...]], value: str) -> object:
    row = connection.execute(
        f"SELECT row_to_json(t.*)::text FROM (SELECT {value} AS v) AS t".encode()
    ).fetchone()
    return row and row[0]


def test_neo4j_values_are_written_as_the_guide_says(neo4j_server: Neo4jServer) -> None:
    rows = [(value[1:-1], content[1:-1]) for _, value, content in NEO4J_GUIDE.table("type")]
    password = SecretRef.keep("GUIDE_PASSWORD", neo4j_server.password)
    ids = [neo4j_server.run(f"CREATE (n:GuideValue {{v: {value}}}) RETURN id(n)") for value, _ in rows]
    with open_graph(Neo4jAddress.parse(neo4j_server.url, neo4j_server.user, password=password)) as graph:
        found = [graph.rows(Reading(graph.dialect), NODES, number, number + 1)[0] for ((number,),) in ids]
    neo4j_server.run("MATCH (n:GuideValue) DELETE n")
    contents = [node_content([], row.keys, row.values) for row in map(NodeRow._make, found)]
    assert contents == [f'{{"labels":[],"properties":{{"v":{content}}}}}' for _, content in rows]


def test_redis_values_are_written_as_the_guide_says(redis_server: RedisServer) -> None:
    rows = [[cell[1:-1] for cell in row] for row in REDIS_GUIDE.table("type")]
    contents = [key_content(_guide_row(redis_server, kind, command)) for kind, command, _ in rows]
    assert contents == [
        f'{{"type":"{kind}","db":0,"key":"guide",{content},"expire_at":null}}' for kind, _, content in rows
    ]


def _guide_row(server: RedisServer, kind: str, command: str) -> KeyRow:
    """The key that a command makes; a server without modules does not know JSON.SET."""
    if kind == JSON:
        return KeyRow(0, b"guide", JSON, shlex.split(command)[-1].encode(), None)
    subprocess.run(["redis-cli", "-u", server.url], input=command.encode(), capture_output=True, check=True)
    pages = pages_of(RedisAddress.parse(server.url), Selection(match="guide"))
    server.client().delete("guide")
    (row,) = (row for page in pages for row in page.rows)
    assert isinstance(row, KeyRow) and row.type == kind
    return row


def test_rights_of_the_guides_user_are_those_that_the_error_names() -> None:
    (rights,) = re.findall(r"^ACL SETUSER reader on >\S+ (.+)$", REDIS_GUIDE.text, re.MULTILINE)
    assert shlex.split(rights) == shlex.split(refusals._RIGHTS)
    explained = " ".join(right for right, _ in REDIS_GUIDE.table("right"))
    assert re.findall(r"`([^`]+)`", explained) == shlex.split(rights)


def test_edges_of_redis_are_the_codes() -> None:
    assert [edge for edge, *_ in REDIS_GUIDE.table("edge")] == [
        f"`{edge}`" for edge in (HAS_FIELD, HAS_MEMBER, NEXT_RANKED)
    ]


def _tree(kind: type[MigrationError]) -> Iterator[type[MigrationError]]:
    if kind.__module__ in (errors.__name__, CtrlC.__module__):
        yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


def _document_of(file: str) -> Document:
    return next((guide for guide, own in OWN_CODE.items() if own.fullmatch(file)), ERRORS)


def _messages() -> Iterator[tuple[str, str]]:
    """What each error in the code says first, with … for what is filled in; and where."""
    names = {kind.__name__ for kind in _tree(MigrationError)}
    for folder in ("engram_store", "io_connectors", "transforms", "pipelines"):
        for file in (REPOSITORY / folder).rglob("*.py"):
            where = file.relative_to(REPOSITORY).as_posix()
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                    first = _text(node.args[0]) if node.args else ""
                    yield from [(first, where)] if first else []


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value).replace("`", "")
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) if isinstance(part, ast.Constant) else "…" for part in node.values).strip()
    return ""
