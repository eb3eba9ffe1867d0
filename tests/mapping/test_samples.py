"""Memories, edges and orphans of every sample are those of its truth."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.postgresql.planning import planned
from tests.servers.samples import SAMPLE_NAMES, SampleDatabases


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_rows_edges_and_orphans(sample_database: SampleDatabases, name: str) -> None:
    truth = sample_database.truth[name]
    with planned(sample_database(name)) as found:
        pages = found.mapped()
    assert not found.tables.not_followed
    memories: Counter[str] = Counter()
    present: set[tuple[str, str]] = set()
    spaces: dict[str, set[str]] = {}
    for page in pages:
        memories.update(page.memories.kinds)
        present.update(zip(page.memories.spaces, page.memories.ids, strict=True))
        for kind, space in zip(page.memories.kinds, page.memories.spaces, strict=True):
            spaces.setdefault(kind, set()).add(space)
        assert not page.dead_letters
    edges: Counter[str] = Counter()
    orphans: Counter[str] = Counter()
    edge_ids = Counter(edge_id for page in pages for edge_id in page.edges.ids)
    for page in pages:
        columns = (page.edges.origins, page.edges.target_spaces, page.edges.targets)
        for origin, space, target in zip(*columns, strict=True):
            edges[origin] += 1
            orphans[origin] += target is None or (space, target) not in present
        assert set(zip(page.edges.source_spaces, page.edges.sources, strict=True)) <= present
    tables = {t: known for t, known in truth["tables"].items() if not known["is_partition"]}
    assert memories == {t: known["rows_only"] for t, known in tables.items() if known["rows_only"]}
    assert all(len(of_table) == 1 for of_table in spaces.values())
    origins = {f"{key['child']}.{key['name']}": key for key in truth["foreign_keys"]}
    assert +edges == {o: key["child_nonnull_rows"] for o, key in origins.items() if key["child_nonnull_rows"]}
    assert {o: edges[o] - orphans[o] for o in origins} == {o: k["expected_edges"] for o, k in origins.items()}
    assert {o: orphans[o] for o in origins} == {o: key["orphans"] for o, key in origins.items()}
    assert set(edge_ids.values()) <= {1}
    assert len(present) == sum(memories.values())
