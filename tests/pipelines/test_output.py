"""What the command shows: progress, plan, settings, help, results; and every verb on a real store."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from demo import cache
from pipelines.__main__ import parser
from pipelines.reporting.schema import schema
from tests.pipelines.command import REPOSITORY, Ended, migrate, migration, run, verb
from tests.pipelines.conftest import PAGE
from tests.pipelines.stored import only_run
from tests.redis.migrations import in_process
from tests.servers.samples import SampleDatabases


@pytest.fixture(scope="module")
def shop_store(shop_database: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """The shop in a store, to be read only, and what its migration said."""
    target = tmp_path_factory.mktemp("shop") / "store"
    return target, migrate(shop_database, target, *PAGE, "--log-format", "json", "--log-level", "info")


@pytest.fixture(scope="module")
def torture_plan(sample_database: SampleDatabases, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    target = tmp_path_factory.mktemp("plan") / "store"
    ended = migrate(sample_database("torture"), target, "--dry-run")
    assert not target.exists()
    return ended


def test_progress_is_a_line_every_10_000_records(shop_database: str, target: Path) -> None:
    ended = migrate(shop_database, target, *PAGE)
    lines = [line for line in ended.err.splitlines() if " records (" in line]
    assert lines[0].startswith("0 of 21,642 records (0.0 %)")
    assert lines[-1].startswith("21,642 of 21,642 records (100.0 %)")
    assert 2 <= len(lines) <= 4
    assert all("/s, ETA " in line and line.endswith(" MB") for line in lines)


def test_progress_of_a_small_run_ends_too(sample_database: SampleDatabases, target: Path) -> None:
    ended = migrate(sample_database("iso3166"), target)
    assert "4,237 of 4,237 records (100.0 %)" in ended.err


@pytest.mark.parametrize("long", [True, False])
def test_what_comes_after_the_pages_of_a_long_run_is_said(
    long: bool,
    tmp_path: Path,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cache.build(tmp_path / "shop.rdb", products=10)
    monkeypatch.setattr("pipelines.migration._LONG", 1 if long else 1_000)
    assert in_process("--use-rdb", tmp_path / "shop.rdb", "--target", target) == 0
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if "; now " in line] == (
        [
            "all pages are written; now the index of memories and edges is made",
            "the index is made; now all that is served is compared with what was read",
        ]
        if long
        else []
    )


def test_progress_is_a_bar_on_a_terminal(sample_database: SampleDatabases, target: Path) -> None:
    ours, theirs = pty.openpty()
    arguments = [sys.executable, "-m", *migration(sample_database("iso3166"), target)]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen(
        arguments, cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # how a terminal says that its other side is closed
        pass
    os.close(ours)
    assert process.wait(60) == 0
    assert "━" in shown.decode() and "4237/4237" in shown.decode().replace(",", "")
    assert " records (" not in shown.decode()


def test_json_logs_are_json_lines(shop_store: tuple[Path, Ended]) -> None:
    lines = [json.loads(line) for line in shop_store[1].err.splitlines()]
    assert any("records (" in line["message"] and line["total"] for line in lines)
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)


def test_counts_and_orphans_are_the_last_lines(shop_store: tuple[Path, Ended]) -> None:
    target, ended = shop_store
    ended.succeeded()
    tail = ended.out[ended.out.index("  space") :]
    assert "customers           1,000" in tail
    assert "public.orders.orders_customer_fkey" in tail
    assert tail.count("orphan of public.orders.orders_customer_fkey: orders_") == 3
    assert "✓ every record arrived, or is a dead letter: 21,642 in the source" in tail
    page, document, junit = ended.out.rsplit("Report: ", 1)[1].split()
    assert Path(page).parent == only_run(target).path
    assert " checks passed" in Path(page).read_text(encoding="utf-8")
    jsonschema.validate(json.loads(Path(document).read_bytes()), schema())
    assert 'failures="0"' in Path(junit).read_text(encoding="utf-8")


def test_plan_shows_everything_and_writes_nothing(torture_plan: Ended) -> None:
    torture_plan.succeeded()
    for words in (
        "(nothing is written)",
        "circle: app.dept ↔ app.emp",
        "app.city.city_country_region_fkey",
        "1,133 edges of 17 kinds",
        "id · ",
        "hash of the row",
        "its JSON",
        "→ ",
        "text: ",
        "edge: ",
        "of records have text",
        "of the texts are distinct",
        "expected for 1,194 records: about ",
        "MB memory",
        "MB disk",
    ):
        assert words in torture_plan.out, words


def test_plan_puts_parents_before_their_children(sample_database: SampleDatabases, target: Path) -> None:
    shown = migrate(sample_database("iso3166"), target, "--dry-run").out
    assert shown.index("public.country ") < shown.index("public.subcountry ")


def test_printed_settings_are_a_configuration_file(shop_database: str, target: Path) -> None:
    flags = ("--batch-size", "7", "--text-columns", "customers:name,bio", "--print-config")
    printed = migrate("", target, *flags)
    printed.succeeded()
    settings = yaml.safe_load(printed.out)
    assert settings["batch_size"] == 7
    assert settings["text_columns"] == {"customers": ["name", "bio"]}
    file = target.with_name("migration.yaml")
    file.write_text(printed.out)
    again = run("pipelines.postgresql", "--config", str(file), "--print-config")
    assert again.out == printed.out
    assert not target.exists()


def test_printed_settings_hold_no_password(target: Path) -> None:
    printed = migrate("postgresql://reader:hush@localhost/shop", target, "--print-config")
    assert "hush" not in printed.out + printed.err
    assert "reader@localhost/shop" in printed.out


def test_help_tells_every_flag_of_the_pipeline() -> None:
    from dataclasses import fields

    from pipelines.settings.sources import PostgresSettings

    shown = run("pipelines.postgresql", "--help").out
    for declared in fields(PostgresSettings):
        flag = f"--{declared.name.replace('_', '-')}"
        assert flag in shown
        assert " ".join(declared.metadata["help"].split()[:3]) in " ".join(shown.split())


def test_help_tells_every_verb() -> None:
    shown = verb("--help")
    assert shown.code == 0
    (actions,) = (action for action in parser()._actions if action.dest == "verb")
    assert actions.choices is not None
    for name in actions.choices:
        assert name in shown.out
        told = verb(name, "--help")
        # What serves a store is given the store itself, and a table of words needs none.
        own = {"serve": "--api-key-file", "distil": "folder for the table"}
        assert told.code == 0 and own.get(name, "--target ") in told.out


def test_verbs_look_at_a_store(shop_store: tuple[Path, Ended]) -> None:
    target = ("--target", str(shop_store[0]))
    expected = {
        ("runs",): ("complete", "21,642 memories", "postgresql://127.0.0.1"),
        ("status",): ("complete", "(100.0 %)", "21,642 memories", "✓ every record arrived"),
        ("spaces",): ("1,000  customers", "5,000  orders"),
        ("get", "customers", "customers_1"): ('"id":1', "public.customers [1]", "local/lexical-1"),
        ("edges", "orders", "orders_100"): ("0.80  orders_customer_fkey  orders/orders_100 → customers/",),
        ("neighbours", "orders", "orders_100", "--depth", "2"): ("1  customers/", "2  "),
        ("recall", "garden chair", "--space", "products", "-k", "3"): ("products/products_SKU-",),
        ("dead-letters",): ("",),
        ("finalize",): ("was up to date: 21,642 memories",),
    }
    for arguments, words in expected.items():
        ended = verb(*arguments, *target)
        ended.succeeded()
        for word in words:
            assert word in ended.out, (arguments, ended.out)


def test_finds_in_recall_what_was_asked_for(shop_store: tuple[Path, Ended]) -> None:
    found = verb("recall", "garden chair", "--space", "products", "-k", "3", "--target", str(shop_store[0]))
    lines = found.out.splitlines()
    assert len(lines) == 3
    assert all("garden chair" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("get", "customers", "nobody"), ("`nobody`", "`customers`")),
        (("edges", "nowhere", "customers_1"), ("`nowhere`",)),
        (("neighbours", "customers", "nobody"), ("`nobody`",)),
        (("neighbours", "customers", "customers_1", "--depth", "far"), ("depth", "far")),
        (("dead-letters", "--run", "none"), ("`none`",)),
        (("undo", "none"), ("`none`",)),
        (("replay", "--run", "none"), ("`none`",)),
        (("runs", "--colour"), ("`--colour`",)),
        (("recal", "x"), ("recal",)),
        (("recall", "x", "-k", "-1"), ("-1",)),
        (("recall", "x", "--space", "nowhere"), ("`nowhere`",)),
        ((), ("VERB",)),
    ],
)
def test_verb_fails_helpfully(
    shop_store: tuple[Path, Ended], arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    target = ("--target", str(shop_store[0])) if arguments else ()
    verb(*arguments, *target).failed(2, *words)


def test_verbs_need_a_store(target: Path) -> None:
    for arguments in (("runs",), ("spaces",), ("get", "a", "b"), ("recall", "a"), ("undo", "a"), ("replay",)):
        verb(*arguments, "--target", str(target)).failed(2, f"`{target}` is not an Engram store")
        assert not target.exists()


def test_undone_run_is_gone(sample_database: SampleDatabases, target: Path) -> None:
    migrate(sample_database("iso3166"), target).succeeded()
    undone = verb("undo", only_run(target).id, "--target", str(target))
    undone.succeeded()
    assert "0 memories are left" in undone.out
    assert verb("spaces", "--target", str(target)).out == ""
    assert verb("runs", "--target", str(target)).out == ""
    verb("get", "country", "country_DE", "--target", str(target)).failed(2, "`country_DE`")
    migrate(sample_database("iso3166"), target).succeeded()
