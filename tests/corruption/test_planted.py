"""Whatever is damaged in a store is found and named, by its path and through a server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from engram_store.errors import IntegrityError
from engram_store.store import Store
from io_connectors.engram.address import open_home
from pipelines.report import Check
from pipelines.validation.checks import checks_of
from pipelines.validation.evidence import gather
from tests.corruption.again import Again
from tests.corruption.conftest import OneServer
from tests.corruption.damage import Damage, page_of_earlier_version
from tests.corruption.in_files import IN_FILES
from tests.corruption.in_index import IN_INDEX
from tests.corruption.made import RUN
from tests.servers.objects import upload
from transforms.validation.samples import AgainstSource, choose, compare_with_source

SEED = 7

#: Every damage, by where it is done.
DAMAGES = [
    *(("index", damage) for damage in IN_INDEX),
    *(("files", damage) for damage in IN_FILES),
]


def validated(target: str, source: Path) -> list[Check]:
    """The checks of the run in a target, whose source has what the pages of another store hold."""
    home = open_home(target)
    run, pages = home.run(RUN), Store.open(source).run(RUN)
    with home.reader() as reader:
        evidence, comparison = gather(home, run, reader, files=True, max_loss=0.01)
        found = AgainstSource(SEED)
        there = dict.fromkeys(evidence.ledger.digests.keys() & pages.page_ids(), 1)
        tables = dict.fromkeys(there, "records")
        picks = choose(there, tables, comparison.found.doubtful & there.keys(), 1_000, SEED)
        compare_with_source(comparison, Again(pages, picks), picks, found)
    checks = list(checks_of(replace(evidence, source=found)))
    alone = checks_of(evidence)
    assert all(c.passed for c in checks) == all(c.passed for c in alone), "the source should only give names"
    return checks


def wrong(target: str, source: Path) -> str:
    """All that is said to be wrong; empty if everything is right."""
    try:
        checks = validated(target, source)
    except IntegrityError as error:
        return str(error)
    failed = [check for check in checks if not check.passed]
    return "\n".join(line for check in failed for line in (check.name, check.found, *check.details))


@pytest.fixture(params=["path", "http", pytest.param("objects", marks=pytest.mark.objects)])
def opened(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Path], str]:
    """Makes a store a target: by its path, served, in a bucket. A further target is a further parameter."""
    if request.param == "path":
        return str
    if request.param == "objects":
        monkeypatch.chdir(tmp_path)
        return partial(
            upload, request.getfixturevalue("object_server"), request.getfixturevalue("bucket_url")
        )
    server: OneServer = request.getfixturevalue("server")
    return server.serve


def test_an_undamaged_store_is_valid(opened: Callable[[Path], str], store: Path, pristine: Path) -> None:
    checks = validated(opened(store), pristine)
    assert [check for check in checks if not check.passed] == []
    assert [check.details for check in checks if check.details] == []
    assert len(checks) == 5


@pytest.mark.parametrize(
    "damage", [damage for _, damage in DAMAGES], ids=[f"{where}: {d.name}" for where, d in DAMAGES]
)
def test_damage_is_found_and_named(
    damage: Damage, opened: Callable[[Path], str], store: Path, pristine: Path
) -> None:
    damage.do(store)
    said = wrong(opened(store), pristine)
    assert said, "nothing was found"
    assert [name for name in damage.named if name not in said] == [], said


def test_pages_of_earlier_versions_are_named_and_not_wrong(
    opened: Callable[[Path], str], store: Path, pristine: Path
) -> None:
    page_of_earlier_version(store)
    checks = validated(opened(store), pristine)
    assert [check for check in checks if not check.passed] == []
    details = [line for check in checks for line in check.details]
    assert details == ["page p2 is of an earlier version: it has no digests to compare"]
    assert "7 of 8 pages compared" in "".join(check.found for check in checks)


def test_there_are_many_kinds() -> None:
    assert len({(where, damage.name) for where, damage in DAMAGES}) == len(DAMAGES) >= 40
