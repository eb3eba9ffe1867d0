"""Pages as bytes: whole and true, or refused."""

from __future__ import annotations

import httpx
import pyarrow as pa
import pytest

from engram_store.errors import IntegrityError, MappingError
from engram_store.wire import WirePage, pack_page, unpack_page
from tests.server.mapped import packed
from tests.store.synthetic import Link, edges, memories, receipt

PAGES = "/api/v1/engram/runs/first/pages"


def test_a_page_is_packed_and_unpacked() -> None:
    page = unpack_page(packed())
    assert page.memories.equals(memories(["a", "b"]))
    assert page.edges.equals(edges([Link("e", "a", "b")]))
    assert page.receipt.page_id == "p" and page.dead_letters == {"map": []}


@pytest.mark.parametrize(
    "data",
    [b"", b"x" * 100, packed()[:-40], packed()[:200], packed()[:-1000], packed() * 0 + b"\xff" * 8],
)
def test_what_is_no_page_is_refused(client: httpx.Client, data: bytes) -> None:
    client.put("/api/v1/engram/runs/first", json={"model": "local/lexical-1"})
    answer = client.put(f"{PAGES}/p", content=data)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "MappingError"
    assert client.get(PAGES).json()["acknowledged"] == []


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"digest": "0" * 32}, 422),
        ({"memories": {"users": 3}}, 422),
        ({"edges": {}}, 422),
        ({"memories": {"users": "2"}}, 400),
        ({"memories": [2]}, 400),
        ({"texts": (1, 2, 3)}, 400),
        ({"page_id": "another"}, 400),
        ({"page_id": 7}, 400),
        ({"low_confidence": True}, 400),
    ],
)
def test_a_page_whose_receipt_is_not_its_own_is_refused(
    client: httpx.Client, changes: dict[str, object], status: int
) -> None:
    client.put("/api/v1/engram/runs/first", json={"model": "local/lexical-1"})
    answer = client.put(f"{PAGES}/p", content=packed(**changes))
    assert answer.status_code == status, answer.text
    assert client.get(PAGES).json()["acknowledged"] == []


def test_a_page_is_checked_to_the_last_offset() -> None:
    batch = memories(["a", "b"])
    offsets = pa.py_buffer(b"\x00\x00\x00\x00\xff\xff\xff\x7f\x02\x00\x00\x00")
    broken = pa.StringArray.from_buffers(2, offsets, pa.py_buffer(b"ab"))
    columns = [broken, *batch.columns[1:]]
    spoilt = pa.RecordBatch.from_arrays(columns, schema=batch.schema)
    page = WirePage(spoilt, edges(), receipt("p", batch, edges()), {})
    with pytest.raises(MappingError, match="not a page"):
        unpack_page(pack_page(page))


def test_a_page_of_other_columns_is_refused() -> None:
    page = WirePage(edges(), edges(), receipt("p", memories([]), edges()), {})
    with pytest.raises(MappingError, match="its columns are"):
        unpack_page(pack_page(page))


def test_a_digest_tells_changed_content() -> None:
    batch = memories(["a"], content="as it was")
    page = WirePage(memories(["a"], content="as it is now"), edges(), receipt("p", batch, edges()), {})
    with pytest.raises(IntegrityError, match="digest"):
        unpack_page(pack_page(page))
