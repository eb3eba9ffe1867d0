"""The table of damages to what a public server holds; a further one is a further line."""

from __future__ import annotations

import numpy as np

from tests.engram_public.damage import (
    EMPTY,
    ID,
    LONG,
    NEXT,
    POST,
    Damage,
    Document,
    Spaces,
    content,
    copied,
    dropped,
    each,
    edge,
    edges,
    envelope,
    field,
    lines,
    memory,
    one_number,
    swapped,
    vector,
)

_BOTH = (f"users/{ID}", f"users/{NEXT}")
_POST = (f"posts/{POST}",)
_LONG = (f"users/{LONG}",)
_PAGE = tuple(f"users_{number}" for number in range(80, 95))
_LENGTH = (f"users/{ID}: its embedding has length",)
_PART = f"{LONG}~part2"


def _reversed(spaces: Spaces) -> None:
    """The edge of the post leaves its target, and reaches the post."""
    taken: list[Document] = []
    edges(lambda found: taken.append(found.pop(0)))(spaces)
    (turned,) = taken
    id, space = turned["target"], turned["target_space"]
    turned |= {"target": POST, "target_space": "posts"}
    envelope(lambda document: document["edges"].append(turned), id, space)(spaces)


def _edges_swapped(spaces: Spaces) -> None:
    """Two memories leave by each other's edges."""
    found: list[list[Document]] = []
    for id in (ID, NEXT):
        envelope(lambda document: found.append(document["edges"]), id)(spaces)
    for id in (NEXT, ID):
        envelope(lambda document: document.update(edges=found.pop(0)), id)(spaces)


_RECORDS = (
    Damage("a memory dropped", dropped(ID)),
    Damage("two memories dropped", dropped(ID, NEXT), _BOTH),
    Damage("a page of memories dropped", dropped(*_PAGE[:10]), tuple(f"users/{id}" for id in _PAGE[:10])),
    Damage("a whole page dropped", dropped(*_PAGE), ("15 lost", "users/users_80")),
    Damage("a space emptied", lambda spaces: spaces["posts"].memories.clear(), ("posts: 0 stored",)),
    Damage("a memory doubled", copied(ID, "copy"), ("users/copy", ID)),
    Damage("a memory doubled twice", each(["one", "two"], lambda id: copied(ID, id)), ("one", "two")),
    Damage("a memory renamed", copied(ID, "other", moved=True), (f"lost: users/{ID}", "users/other")),
    Damage("a memory in another space", copied(ID, ID, "posts", moved=True), (f"lost: users/{ID}",)),
    Damage("two memories swapped", swapped("content", "vector", "confidence", "timestamp"), _BOTH),
    Damage("an older state of a memory", content(lambda text: text.replace("Name of", "Old name of"))),
)

_CONTENTS = (
    Damage("a content cut by a character", content(lambda text: text[:-1])),
    Damage("a content cut to the half", content(lambda text: text[: len(text) // 2])),
    Damage("a content cut at its first line end", content(lambda text: text.partition("\n")[0])),
    Damage("no content", content(lambda text: "")),
    Damage("a blank behind a content", content(lambda text: text + " ")),
    Damage("a blank before a content", content(lambda text: " " + text)),
    Damage("other line ends", content(lambda text: text.replace("\n", "\r\n"))),
    Damage("a letter of the readable text", lines(lambda parts: ["X" + parts[0][1:], *parts[1:]])),
    Damage("readable text in capitals", lines(lambda parts: [parts[0].upper(), *parts[1:]])),
    Damage("an invisible character", lines(lambda parts: ["\u200b" + parts[0], *parts[1:]])),
    Damage("a letter of the content proper", envelope(lambda d: d.update(content=d["content"] + "."))),
    Damage("contents of two memories swapped", swapped("content"), _BOTH),
)

_FIELDS = (
    Damage("a lower confidence", field(confidence=0.1)),
    Damage("a confidence of 1", field(confidence=1.0)),
    Damage("a confidence a little lower", memory(lambda m: m._replace(confidence=m.confidence - 0.01))),
    Damage("no confidence", field(confidence=0.0)),
    Damage("another timestamp", field(timestamp="2020-01-01T00:00:00+00:00")),
    Damage("the time of writing", field(timestamp="2026-01-01T00:00:00.000001+00:00"), _BOTH[:1]),
    Damage(
        "a timestamp of another zone", memory(lambda m: m._replace(timestamp=m.timestamp[:-6] + "+01:00"))
    ),
    Damage(
        "a timestamp without its fraction", memory(lambda m: m._replace(timestamp=m.timestamp[:19] + "Z"))
    ),
    Damage("a timestamp that is none", field(timestamp="yesterday")),
    Damage("another decay", envelope(lambda d: d.update(decay_rate=d["decay_rate"] * 2))),
    Damage("no decay", envelope(lambda d: d.update(decay_rate=0.0))),
    Damage("another activation", envelope(lambda d: d.update(activation=0.1))),
    Damage("an activation as of another moment", envelope(lambda d: d.update(as_of=d["as_of"] + 3600))),
    Damage("another time of creation", envelope(lambda d: d.update(created_at="2020-01-01T00:00:00+00:00"))),
    Damage("another key of the source", envelope(lambda d: d["source"].update(key="87"))),
    Damage("another table of the source", envelope(lambda d: d["source"].update(kind="public.posts"))),
    Damage("another source", envelope(lambda d: d["source"].update(system="redis"))),
    Damage("another model", envelope(lambda d: d.update(model="local/lexical-2"))),
    Damage("another run", envelope(lambda d: d.update(run="older"))),
)

_EDGES = (
    Damage("an edge missing", edges(lambda found: found.pop(0)), _POST),
    Damage("all edges of a memory missing", edges(lambda found: found.clear()), _POST),
    Damage("an edge more", edges(lambda found: found.append({**found[0], "id": "extra"})), _POST),
    Damage("an edge doubled", edges(lambda found: found.append(found[0])), _POST),
    Damage("edges in another order", edges(lambda found: found.reverse()), _POST),
    Damage("an edge reversed", _reversed, _POST),
    Damage("edges of two memories swapped", _edges_swapped, _BOTH),
    Damage("an edge to nothing", edge(target="users_9999"), _POST),
    Damage("an edge without an end", edge(target=""), _POST),
    Damage("an edge to another memory", edge(target="posts_60"), _POST),
    Damage("an edge to another space", edge(target_space="users"), _POST),
    Damage("an edge of another weight", edge(weight=0.1), _POST),
    Damage("an edge of weight 0", edge(weight=0.0), _POST),
    Damage("an edge of another type", edge(type="HATES"), _POST),
    Damage("an edge of another id", edge(id="other"), _POST),
    Damage("an edge of another time", edge(created_at="2020-01-01T00:00:00+00:00"), _POST),
    Damage("an edge of other properties", edge(properties='{"note":"other"}'), _POST),
)

_ENVELOPES = (
    Damage(
        "an envelope of another version",
        lines(lambda parts: [*parts[:2], parts[2].replace(":1", ":2", 1)]),
    ),
    Damage("an envelope without its mark", lines(lambda parts: parts[:2])),
    Damage("an envelope without its document", lines(lambda parts: [parts[0], parts[2]])),
    Damage("an envelope in another order", lines(lambda parts: [parts[1], parts[0], parts[2]])),
    Damage("an envelope of more parts", content(lambda t: t.replace('"parts":1', '"parts":2'))),
    Damage("a vector said to be moved", envelope(lambda d: d.update(moved=True))),
    Damage("a continuation dropped", dropped(_PART), _LONG),
    Damage("the first part dropped", dropped(LONG), _LONG),
    Damage("a continuation cut", content(lambda text: text[:-1], _PART), _LONG),
    Damage("a continuation in place of another", copied(_PART, f"{LONG}~part3"), _LONG),
    Damage("a continuation with a vector", vector(lambda v: v + 0.1, _PART), (f"users/{_PART}",)),
)

_VECTORS = (
    Damage("a zero vector", vector(np.zeros_like), (f"users/{ID}: its embedding is zero",)),
    Damage("a number that is none", one_number(np.nan), (f"users/{ID}: 1 numbers",)),
    Damage("an infinite number", one_number(np.inf), (f"users/{ID}: 1 numbers",)),
    Damage("no number at all", vector(lambda v: v * np.nan), (f"users/{ID}: 768 numbers",)),
    Damage("a vector of twice the length", vector(lambda v: v * 2), _LENGTH),
    Damage("a vector of half the length", vector(lambda v: v * 0.5), _LENGTH),
    Damage("a vector turned round", vector(lambda v: -v), (f"users/{ID}", "cosine -1")),
    Damage("a vector with a number cut off", vector(lambda v: v[:-1]), (f"users/{ID}", "767 numbers")),
    Damage("an empty vector", vector(lambda v: v[:0]), (f"users/{ID}", "0 numbers")),
    Damage("the vector of a memory that came without", vector(lambda v: np.full_like(v, 0.5))),
    Damage("one number off", one_number(0.25)),
    Damage("one number off in its last digit", vector(lambda v: np.nextafter(v, v + (v == v[5])))),
    Damage("numbers in another order", vector(lambda v: v[::-1])),
    Damage("a vector rounded to five digits", vector(lambda v: v.round(5))),
    Damage("a vector where none should be", vector(lambda v: v + 0.5, EMPTY), (f"users/{EMPTY}",)),
    Damage("vectors of two memories swapped", swapped("vector"), _BOTH),
    Damage(
        "vectors of another model",
        each(_PAGE[:10], lambda id: vector(lambda v: np.roll(v, 1), id)),
        tuple(f"users/{id}" for id in _PAGE[:10]),
    ),
)

#: Every damage.
DAMAGES = (*_RECORDS, *_CONTENTS, *_FIELDS, *_EDGES, *_ENVELOPES, *_VECTORS)
