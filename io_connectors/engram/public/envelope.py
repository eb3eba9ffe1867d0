r"""What the public server has no field for, in a memory's content: the versioned envelope.

A content has three parts, divided by line feeds: readable text, a piece of a JSON document, and a
small JSON object that says which piece::

    title: Woollen blanket; colour: red
    {"content":"{\"title\":…}","activation":0.5,"decay_rate":0.01,…,"edges":[…]}
    {"engram_migrate":1,"part":1,"parts":1}

The document holds the memory as the store has it, and the edges that leave it. The server takes
100,000 bytes of content, so a longer document goes on in continuation memories: ``<id>~part2``,
``<id>~part3`` and so on, with zero vectors, which the server neither absorbs nor lets absorb. That is
the one overflow rule, for long contents and for many edges alike; nothing is cut.

Not in it: the page (it differs each time that a source without snapshots is read) and the
confidence (a field of the server's own).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from engram_store.errors import IntegrityError
from engram_store.model import Edge, Memory, Source

VERSION = 1
#: The most bytes of a content, below the server's 100,000.
MOST_BYTES = 99_999

_MARK = "engram_migrate"
_PIECE = 90_000
_TEXT = 2_000
_DIVIDER = "; "


@dataclass(frozen=True, slots=True)
class Opened:
    """What an envelope holds.

    Attributes:
        memory: The memory with the activation of ``as_of``; its ``page`` is empty.
        as_of: The instant for which the activation holds, Unix seconds.
        edges: The edges that leave it.
        moved: Whether its vector was moved away from one that was too near; see ``disambiguate``.
    """

    memory: Memory
    as_of: float
    edges: tuple[Edge, ...]
    moved: bool


def fold(memory: Memory, as_of: float, edges: Sequence[Edge], *, moved: bool = False) -> list[str]:
    """The contents of a memory: its own, and those of its continuations.

    Args:
        memory: The memory, with the activation of ``as_of``.
        as_of: The instant for which the activation holds, Unix seconds.
        edges: The edges that leave it.
        moved: Whether its vector is not its own.
    """
    document = orjson.dumps(
        {
            "content": memory.content,
            "activation": memory.activation,
            "decay_rate": memory.decay_rate,
            "as_of": as_of,
            "created_at": memory.created_at,
            "source": memory.source._asdict(),
            "model": memory.model,
            "run": memory.run,
            **({"moved": True} if moved else {}),
            "edges": [_slim(edge) for edge in edges],
        }
    )
    pieces = list(_cut(document))
    texts = [readable(memory.content) or memory.id[:_TEXT]]
    texts += [f"part {part} of {len(pieces)}" for part in range(2, len(pieces) + 1)]
    return [
        f"{text}\n{piece}\n{_tag(part, len(pieces))}"
        for part, (text, piece) in enumerate(zip(texts, pieces, strict=True), 1)
    ]


def parts_of(content: str) -> int | None:
    """How many contents belong to a memory, told from the first; None if it is no envelope."""
    try:
        _, _, tag = content.rsplit("\n", 2)
        found = orjson.loads(tag)
        return int(found["parts"]) if found[_MARK] == VERSION else None
    except (ValueError, KeyError, TypeError):
        return None


def unfold(space: str, id: str, confidence: float, contents: Sequence[str]) -> Opened:
    """The memory and its edges back from its contents.

    Raises:
        IntegrityError: They are no envelope of this version, or not all of one.
    """
    try:
        document = orjson.loads("".join(content.rsplit("\n", 2)[1] for content in contents))
        return _opened(space, id, confidence, document)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise IntegrityError(
            f"the memory `{id}` of space `{space}` is not as it was delivered",
            why=f"its content does not open: {error}",
            suggestion="see what the server holds",
        ) from error


def continuation(id: str, part: int) -> str:
    """The id under which a further part of a memory is kept; the first part has the memory's own."""
    return id if part == 1 else f"{id}~part{part}"


def readable(content: str) -> str:
    """A memory's values in words, at most 2,000 characters; empty if there are none."""
    try:
        words = _DIVIDER.join(_words("", orjson.loads(content)))
    except ValueError:
        words = content
    return words[:_TEXT] if words.strip() else ""


def _words(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _words(key, part)
    elif isinstance(value, list):
        for part in value:
            yield from _words(name, part)
    elif value is not None and value != "":
        yield f"{name}: {value}" if name else str(value)


def _slim(edge: Edge) -> dict[str, Any]:
    fields = asdict(edge)
    del fields["source"], fields["source_space"]
    return fields


def _cut(document: bytes) -> Iterator[str]:
    """Pieces of at most ``_PIECE`` bytes, never through the middle of a character."""
    start = 0
    while start < len(document):
        end = min(start + _PIECE, len(document))
        while end < len(document) and document[end] & 0xC0 == 0x80:
            end -= 1
        yield document[start:end].decode()
        start = end


def _tag(part: int, parts: int) -> str:
    return orjson.dumps({_MARK: VERSION, "part": part, "parts": parts}).decode()


def _opened(space: str, id: str, confidence: float, document: dict[str, Any]) -> Opened:
    edges: Iterable[dict[str, Any]] = document["edges"]
    memory = Memory(
        id=id,
        space=space,
        content=document["content"],
        confidence=confidence,
        activation=document["activation"],
        decay_rate=document["decay_rate"],
        created_at=document["created_at"],
        source=Source(**document["source"]),
        model=document["model"],
        run=document["run"],
        page="",
    )
    return Opened(
        memory=memory,
        as_of=document["as_of"],
        edges=tuple(Edge(source=id, source_space=space, **edge) for edge in edges),
        moved=document.get("moved", False),
    )
