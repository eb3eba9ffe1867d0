"""What differs between records as they should be and as they were found, by id and field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from engram_store.digests import edge_hashes, memory_hashes
from engram_store.model import DIMENSION
from engram_store.moments import rfc3339
from transforms.validation.vectors import floats

_SHOWN = 48

Key = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Records:
    """What kind of records are compared.

    Attributes:
        group: The column that an id is unique within: the space of memories, the origin of edges.
        fields: The columns that are compared one by one.
        hashes: A hash of each row over all its fields.
    """

    group: str
    fields: tuple[str, ...]
    hashes: Callable[[pa.RecordBatch], list[int]]

    def keys(self, batch: pa.RecordBatch) -> list[Key]:
        """What names each row."""
        return list(zip(batch[self.group].to_pylist(), batch["id"].to_pylist(), strict=True))


MEMORIES = Records(
    "space",
    ("content", "confidence", "activation", "decay_rate", "created_at", "source", "embedding"),
    memory_hashes,
)
EDGES = Records(
    "origin",
    ("source_space", "source", "target_space", "target", "type", "weight", "created_at", "properties"),
    edge_hashes,
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A record that is not as it should be.

    Attributes:
        key: Its space, or its origin, and its id.
        what: How it differs, in words.
        expected: Its row among the expected; None if it should not be there.
        missing: Whether it is not there at all.
    """

    key: Key
    what: str
    expected: int | None
    missing: bool = False

    @property
    def line(self) -> str:
        """The record and how it differs."""
        return f"{name_of(self.key)}: {self.what}"


def name_of(key: Key) -> str:
    """A record by its space, or origin, and id."""
    group, id = key
    return f"{group}/{id}"


def differences(kind: Records, expected: pa.RecordBatch, found: pa.RecordBatch) -> list[Difference]:
    """Compares two sets of records, in whatever order they come.

    Args:
        kind: What they are.
        expected: As they should be, each once.
        found: As they are.
    """
    wanted, there = kind.hashes(expected), kind.hashes(found)
    unseen = Counter(there)
    unseen.subtract(wanted)
    surplus = Counter({value: count for value, count in unseen.items() if count > 0})
    lacking = {value for value, count in unseen.items() if count < 0}
    if not surplus and not lacking:
        return []
    names, found_names = kind.keys(expected), kind.keys(found)
    rows = {names[row]: row for row, value in enumerate(wanted) if value in lacking}
    known = set(names)
    result = []
    for row in _surplus_rows(there, surplus):
        key = found_names[row]
        if key in rows:
            at = rows.pop(key)
            result.append(
                Difference(key, "; ".join(_fields(kind, expected, at, found, row)) or "differs", at)
            )
        else:
            what = "is there twice" if key in known else "is there, and should not be"
            result.append(Difference(key, what, None))
    return result + [Difference(key, "is missing", at, missing=True) for key, at in rows.items()]


def _surplus_rows(hashes: Sequence[int], surplus: Counter[int]) -> Iterator[int]:
    for row in range(len(hashes) - 1, -1, -1):
        if surplus[hashes[row]]:
            surplus[hashes[row]] -= 1
            yield row


def only(kind: Records, batch: pa.RecordBatch, keys: Iterable[Key]) -> pa.RecordBatch:
    """The rows of some records."""
    wanted = set(keys)
    return batch.take(
        pa.array([row for row, key in enumerate(kind.keys(batch)) if key in wanted], pa.int64())
    )


def _fields(
    kind: Records, expected: pa.RecordBatch, row: int, found: pa.RecordBatch, other: int
) -> Iterator[str]:
    for field in kind.fields:
        before, now = _value(expected, field, row), _value(found, field, other)
        if before != now and field == "embedding":
            yield _vectors_apart(before, now)
        elif before != now:
            yield f"{field} is {_shown(field, now, before)}, and should be {_shown(field, before, now)}"


def _value(batch: pa.RecordBatch, field: str, row: int) -> Any:
    column = batch[field]
    if field == "created_at":
        return column.slice(row, 1).cast(pa.int64())[0].as_py()
    return column[row].as_py()


def _shown(field: str, value: Any, other: Any) -> str:
    if value is None:
        return "nothing"
    if field == "created_at":
        return str(rfc3339(value))
    if isinstance(value, dict):
        return f"{value['system']} {value['kind']} [{value['key']}]"
    if isinstance(value, float):
        return f"{value:.9g}"
    return _around_the_difference(value, other if isinstance(other, str) else "")


def _around_the_difference(text: str, other: str) -> str:
    """As much of a text as shows where it begins to differ."""
    at = next((i for i, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), len(other))
    start = max(0, at - _SHOWN // 2)
    part = text[start : start + _SHOWN]
    before, after = "…" if start else "", "…" if start + _SHOWN < len(text) else ""
    return f"`{before}{part}{after}`"


def _vectors_apart(before: bytes | None, now: bytes | None) -> str:
    if now is None or before is None or len(now) != len(before):
        return "its embedding cannot be read" if now is None else "its embedding has another type"
    one, other = floats(before), floats(now)
    return f"its embedding differs in {int((one != other).sum())} of {DIMENSION} numbers"
