"""A store is the same by its path, through a server and in object storage: one suite for all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
import pyarrow as pa
import pytest

from engram_store.digests import combined, edge_hashes, memory_hashes
from engram_store.errors import ConfigurationError, IntegrityError, TargetTransientError
from engram_store.model import PageReceipt
from io_connectors.engram.address import open_home
from io_connectors.engram.home import RunHome, TargetRun
from tests.server.mapped import letter, mapped
from tests.store.synthetic import vectors

MANIFEST = {"model": "local/lexical-1", "started_at": "2025-01-01T00:00:00+00:00", "system": "postgresql"}
AT = datetime(2025, 1, 2, tzinfo=timezone.utc)
ODD = "a/b?c=d&é#%2F ..\n😀"


def made(home: RunHome, name: str = "first", started_at: str = "2025-01-01T00:00:00+00:00") -> TargetRun:
    return home.create_run(name, {**MANIFEST, "started_at": started_at})


def filled(home: RunHome) -> TargetRun:
    """Two pages, committed and finalized: a → b → c, and c → someone who is not there."""
    run = made(home)
    run.plan_pages(["p1", "p2"])
    target = home.target(run.id, "float16").open()
    target.write(mapped("p1", ["a", "b"], [("a", "b"), ("b", "c")], letters=[letter("p1", "9")]))
    target.write(mapped("p2", ["c", ODD], [("c", "nobody")]))
    run.commit_pages(["p1", "p2"])
    home.finalize()
    return run


def test_a_run_is_made_once(home: RunHome) -> None:
    run = made(home)
    assert home.runs() == ["first"]
    assert home.run("first").manifest == run.manifest == MANIFEST
    with pytest.raises(ConfigurationError, match="already"):
        home.create_run("first", {**MANIFEST, "model": "another"})


@pytest.mark.parametrize("name", ["", "..", "a/b", "ä", "x" * 101])
def test_a_run_with_an_impossible_name_is_refused(home: RunHome, name: str) -> None:
    with pytest.raises(ConfigurationError):
        home.create_run(name, MANIFEST)
    with pytest.raises(ConfigurationError):
        home.run(name or "nothing")


def test_a_manifest_is_replaced(home: RunHome) -> None:
    run = made(home)
    run.save_manifest({**run.manifest, "state": "complete"})
    assert home.run("first").manifest["state"] == "complete"


def test_pages_are_acknowledged_with_receipts(home: RunHome) -> None:
    run = made(home)
    assert run.page_ids() == set()
    receipt = home.target("first", "float16").open().write(mapped(ODD, ["a"], [("a", None)]))
    assert receipt.page_id == ODD
    assert run.page_ids() == {ODD}
    assert list(run.receipts()) == list(run.receipts([ODD])) == [receipt]
    assert receipt.bytes > 0 and receipt.written_at > 0
    assert (receipt.memories, receipt.edges) == ({"users": 1}, {"fk": 1})


def test_the_same_page_again_is_the_same(home: RunHome) -> None:
    run, page = made(home), mapped("p", ["a", "b"], [("a", "b")], letters=[letter("p", "1")])
    target = home.target("first", "float32").open()
    first, again = target.write(page), target.write(page)
    assert replace(first, written_at=0.0) == replace(again, written_at=0.0)
    assert [found["key"] for found in run.dead_letters()] == ["1"]
    target.write(replace(page, dead_letters=()))
    assert list(run.dead_letters()) == []


@pytest.mark.parametrize("vector_type", ["float16", "float32"])
def test_a_page_comes_back_as_it_was_written(home: RunHome, vector_type: str) -> None:
    run = made(home)
    home.target("first", vector_type).open().write(mapped("p", ["a", ODD]))
    batch = run.memories("p")
    assert batch["id"].to_pylist() == ["a", ODD]
    some = run.memories("p", ["id", "embedding"])
    assert some.schema.names == ["id", "embedding"]
    dtype = some.schema.field("embedding").metadata[b"dtype"].decode()
    assert dtype == vector_type
    kept = np.frombuffer(b"".join(some["embedding"].to_pylist()), dtype=dtype).reshape(2, -1)
    assert np.array_equal(kept, vectors(["a", ODD]).astype(dtype))
    assert isinstance(batch, pa.RecordBatch)


def test_what_is_planned_counts_once_it_is_committed(home: RunHome) -> None:
    run = filled(home)
    assert run.committed_page_ids() == {"p1", "p2"}
    home.target("first", "float16").open().write(mapped("left over", ["z"]))
    run.keep_only({"p1", "p2"})
    assert run.page_ids() == {"p1", "p2"}


def test_findings_are_kept(home: RunHome) -> None:
    run = made(home)
    assert run.finding("checkpoint") is None
    run.save_finding("checkpoint", {"pages": [1, 2.5, None, "ü"]})
    assert run.finding("checkpoint") == {"pages": [1, 2.5, None, "ü"]}
    assert run.place("checkpoint.json").endswith("runs/first/checkpoint.json")


@pytest.mark.parametrize("name", ["MANIFEST", "committed", "planned", "../x"])
def test_a_finding_cannot_take_the_place_of_a_file_of_the_run(home: RunHome, name: str) -> None:
    run = made(home)
    with pytest.raises(ConfigurationError):
        run.save_finding(name, {})
    assert run.manifest == MANIFEST


def test_edges_are_checked_by_origin(home: RunHome) -> None:
    filled(home)
    found = home.target("first", "float16").open().check_edges()
    assert (found.edges, found.orphans) == (3, 1)
    assert found.origins["fk"].samples[0].target == "nobody"


def test_readers_see_what_was_committed(home: RunHome) -> None:
    filled(home)
    with home.reader() as reader:
        assert reader.spaces() == {"users": 4}
        assert (reader.count("users"), reader.count("nowhere")) == (4, 0)
        assert reader.run_counts("first") == {"users": 4}
        assert reader.edge_counts() == {"fk": 2}
        memory = reader.get("users", "a", AT)
        assert memory is not None
        assert memory.activation == pytest.approx(0.5 * np.exp(-0.01 * 24))
        assert (memory.content, memory.created_at) == ('{"name": "Ann"}', "2023-11-14T22:13:20.123456Z")
        assert (memory.run, memory.page, memory.source.key) == ("first", "p1", "a")
        odd = reader.get("users", ODD)
        assert odd is not None and odd.id == ODD
        assert reader.get("users", "nobody") is None
        assert reader.get("nowhere", "a") is None


def test_readers_are_given_all_parts(home: RunHome) -> None:
    run = filled(home)
    receipts = {receipt.page_id: receipt for receipt in run.receipts()}
    with home.reader() as reader:
        parts = list(reader.parts().memories())
        assert [(part.run, part.page, part.model) for part in parts] == [
            ("first", "p1", "local/lexical-1"),
            ("first", "p2", "local/lexical-1"),
        ]
        assert [combined(memory_hashes(p.rows)) for p in parts] == [receipts[p.page].digest for p in parts]
        (linked,) = reader.parts().edges()
        assert combined(edge_hashes(linked.rows)) == receipts["p1"].edge_digest
        assert linked.rows["target"].to_pylist() == ["b", "c"]
        assert {part.started_at for part in (*parts, linked)} == {run.started_at}
        assert [part.page for part in reader.parts().memories(parts[1].number)] == ["p2"]
        assert list(reader.parts().memories(parts[1].number + 5)) == []
        assert reader.parts().faults() == []


def test_edges_of_a_page_come_back_checked_or_not(home: RunHome) -> None:
    run = filled(home)
    assert run.edges("p1")["target"].to_pylist() == ["b", "c"]
    assert run.edges("p2")["target"].to_pylist() == ["nobody"]
    assert run.edges("p2", ["id", "type"]).to_pylist() == [{"id": "p2-0", "type": "KNOWS"}]


def test_readers_walk_edges(home: RunHome) -> None:
    filled(home)
    with home.reader() as reader:
        (edge,) = reader.edges("users", "a")
        assert (edge.source, edge.target, edge.type, edge.properties) == ("a", "b", "KNOWS", '{"since": 1}')
        assert edge.weight == pytest.approx(0.8)
        assert [edge.target for edge in reader.edges("users", "b", "both")] == ["b", "c"]
        assert [edge.source for edge in reader.edges("users", "b", "in")] == ["a"]
        around = reader.neighbours("users", "a", 2)
        assert [(near.memory.id, near.distance) for near in around] == [("b", 1), ("c", 2)]
        assert len(reader.neighbours("users", "a", 2, limit=1)) == 1
        assert reader.edges("users", "nobody") == []
        assert reader.neighbours("users", "nobody") == []


def test_readers_recall_by_vector(home: RunHome) -> None:
    filled(home)
    query = vectors(["c"])[0]
    with home.reader() as reader:
        (best, score), *rest = reader.recall(query, "users", 3, AT)
        assert (best.id, len(rest)) == ("c", 2)
        assert score == pytest.approx(1.0, abs=1e-3)
        assert reader.recall(query, "nowhere") == []
        vector = reader.embedding("users", "c")
        assert vector is not None and np.allclose(vector, query, atol=1e-3)
        assert reader.embedding("users", "nobody") is None
        with pytest.raises(ConfigurationError):
            reader.recall([0.0] * 768)


def test_readers_page_through_a_space(home: RunHome) -> None:
    run = made(home)
    target = home.target("first", "float16").open()
    names = [f"m{number:02}" for number in range(25)]
    for start in range(0, 25, 5):
        target.write(mapped(f"p{start:02}", names[start : start + 5]))
    run.commit_pages(run.page_ids())
    home.finalize()
    with home.reader() as reader:
        assert [memory.id for memory in reader.page("users", 3, 9)] == names[3:12]
        assert [memory.id for memory in reader.page("users", 23, 9)] == names[23:]
        assert reader.page("users", 25, 9) == reader.page("nowhere") == []
        assert [memory.id for memory in reader.scan("users", AT)] == names


def test_undo_brings_back_what_was_replaced(home: RunHome) -> None:
    filled(home)
    later = made(home, "second", "2025-02-01T00:00:00+00:00")
    home.target("second", "float16").open().write(mapped("q", ["a"], content="newer"))
    later.commit_pages(["q"])
    assert home.finalize().superseded_memories == 1
    with home.reader() as reader:
        newer = reader.get("users", "a")
    result = home.undo("second")
    with home.reader() as reader:
        older = reader.get("users", "a")
    assert newer is not None and older is not None
    assert (newer.content, older.content) == ("newer", '{"name": "Ann"}')
    assert (result.memories, home.runs()) == ({"users": 4}, ["first"])
    with pytest.raises(ConfigurationError, match="no run"):
        home.undo("second")


def test_finalize_again_changes_nothing(home: RunHome) -> None:
    filled(home)
    again = home.finalize()
    assert (again.rebuilt, again.memories, again.edges, again.orphans) == (
        False,
        {"users": 4},
        {"fk": 2},
        {"fk": 1},
    )


def test_an_id_twice_in_a_run_is_refused(home: RunHome) -> None:
    run = made(home)
    target = home.target("first", "float16").open()
    target.write(mapped("p1", ["a"]))
    target.write(mapped("p2", ["a"]))
    run.commit_pages(["p1", "p2"])
    with pytest.raises(IntegrityError, match="stands 2 times"):
        home.finalize()


def test_one_migration_at_a_time_writes(home: RunHome) -> None:
    other = open_home(home.address or str(getattr(home, "path", "")))
    with home.lock():
        with pytest.raises(TargetTransientError, match="in use by process"), other.lock():
            pass
        made(home)
    with other.lock():
        made(other, "second")
    assert home.runs() == ["first", "second"]


def test_while_one_migration_writes_the_others_may_not_finalize_or_undo(home: RunHome) -> None:
    filled(home)
    other = open_home(home.address)
    refused: list[Callable[[], object]] = [other.finalize, lambda: other.undo("first")]
    with home.lock():
        for work in refused:
            with pytest.raises(TargetTransientError, match="in use"):
                work()
        home.finalize()
    other.finalize()


def test_it_says_how_much_room_there_is(home: RunHome) -> None:
    assert home.free_bytes() > 0


def test_receipts_of_many_pages_come_in_parts(home: RunHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("io_connectors.engram.http.run._AT_ONCE", 2)
    run, target = made(home), home.target("first", "float16").open()
    written: list[PageReceipt] = [target.write(mapped(f"p{n}", [f"m{n}"])) for n in range(5)]
    assert list(run.receipts()) == written
