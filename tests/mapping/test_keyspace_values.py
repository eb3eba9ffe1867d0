"""Contents of keys: decoded again, they are the bytes that Redis held, whatever order they came in."""

from __future__ import annotations

import base64
import json
import random
import struct
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engram_store.errors import MappingError
from io_connectors.redis.rows import (
    HASH,
    JSON,
    LIST,
    SET,
    STREAM,
    STRING,
    ZSET,
    Group,
    HashField,
    KeyRow,
    Pending,
    Stream,
    StreamEntry,
)
from transforms.mapping.keyspace_expiry import moment, moments
from transforms.mapping.keyspace_json import lossless
from transforms.mapping.keyspace_values import key_content

FAR = 1_893_456_000_000  # 2030-01-01
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

BYTES = st.binary(max_size=8) | st.text(max_size=8).map(str.encode)
TIMES = st.none() | st.integers(0, 10**17)
SCORES = st.floats(allow_nan=False)
HASHES = st.lists(st.builds(HashField, BYTES, BYTES, TIMES), unique_by=lambda field: field.name)
ZSETS = st.lists(st.tuples(BYTES, SCORES), unique_by=lambda member: member[0])
SETS = st.lists(BYTES, unique=True)
IDS = st.builds("{}-{}".format, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
COUNTS = st.integers(0, 2**63 - 1)
GROUPS = st.builds(
    Group,
    BYTES,
    IDS,
    st.none() | COUNTS,
    SETS,
    st.lists(st.builds(Pending, IDS, BYTES, st.integers(0, 10**13), COUNTS), unique_by=lambda p: p.id),
)
STREAMS = st.builds(
    Stream,
    st.lists(st.builds(StreamEntry, IDS, st.lists(st.tuples(BYTES, BYTES)))),
    IDS,
    IDS,
    COUNTS,
    st.lists(GROUPS, unique_by=lambda group: group.name),
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    STRING: BYTES,
    LIST: st.lists(BYTES),
    SET: SETS,
    ZSET: ZSETS,
    HASH: HASHES,
    STREAM: STREAMS,
    JSON: BYTES,
}


def row(type_: str, value: Any, key: bytes = b"k", expire_at: int | None = None, db: int = 0) -> KeyRow:
    return KeyRow(db, key, type_, value, expire_at)


def content_of(type_: str, value: Any, **rest: Any) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(key_content(row(type_, value, **rest)))
    return content


def raw(value: Any) -> bytes:
    """The bytes that stand in a content."""
    if isinstance(value, str):
        return value.encode()
    assert value.keys() == {"$type", "base64"} and value["$type"] == "bytes"
    return base64.b64decode(value["base64"])


def score(value: Any) -> float:
    return float(value if isinstance(value, float) else value["value"])


def millis(time: Any) -> int | None:
    if not isinstance(time, str):
        return time if time is None else int(time)
    return (datetime.fromisoformat(time.replace("Z", "+00:00")) - EPOCH) // timedelta(milliseconds=1)


def pairs(named: Any) -> list[tuple[bytes, Any]]:
    return [(raw(name), value) for name, value in (named.items() if isinstance(named, dict) else named)]


def decoded_stream(value: Any) -> Stream:
    return Stream(
        [StreamEntry(id, [(raw(f), raw(v)) for f, v in fields]) for id, fields in value["entries"]],
        value["last_id"],
        value["max_deleted_id"],
        value["entries_added"],
        [
            Group(
                raw(group["name"]),
                group["last_id"],
                group["entries_read"],
                [raw(consumer) for consumer in group["consumers"]],
                [
                    Pending(p["id"], raw(p["consumer"]), millis(p["delivered_at"]) or 0, p["deliveries"])
                    for p in group["pending"]
                ],
            )
            for group in value["groups"]
        ],
    )


def decoded(content: dict[str, Any]) -> Any:
    """The value that a content tells."""
    type_ = content["type"]
    if type_ == JSON:
        return raw(content["text"])
    value = content["value"]
    if type_ == STRING:
        return raw(value)
    if type_ in (LIST, SET):
        return [raw(v) for v in value]
    if type_ == ZSET:
        return [(raw(member), score(number)) for member, number in value]
    if type_ == HASH:
        expiring = {name: millis(time) for name, time in pairs(content.get("field_expire_at", {}))}
        return [HashField(name, raw(v), expiring.get(name)) for name, v in pairs(value)]
    return decoded_stream(value)


def exact(type_: str, value: Any) -> Any:
    """A value without the order that means nothing."""
    if type_ in (SET, HASH):
        return sorted(value, key=lambda item: item if type_ == SET else item.name)
    if type_ == ZSET:
        return sorted((s + 0.0, member) for member, s in value)
    if type_ == STREAM:
        groups = [
            g._replace(consumers=sorted(g.consumers), pending=sorted(g.pending)) for g in sorted(value.groups)
        ]
        return value._replace(groups=groups)
    return value


def shuffled(value: Any, type_: str, order: random.Random) -> Any:
    """The same value as another source may give it."""
    if type_ in (SET, HASH, ZSET):
        return order.sample(value, len(value))
    if type_ == STREAM:
        groups = [g._replace(consumers=order.sample(g.consumers, len(g.consumers))) for g in value.groups]
        return value._replace(groups=order.sample(groups, len(groups)))
    return value


@pytest.mark.parametrize("type_", sorted(VALUES.keys() - {JSON}))
@given(st.data())
def test_contents_give_every_byte_back(type_: str, data: st.DataObject) -> None:
    value, key, expire_at = data.draw(VALUES[type_]), data.draw(BYTES), data.draw(TIMES)
    content = content_of(type_, value, key=key, expire_at=expire_at, db=7)
    assert (content["type"], content["db"], raw(content["key"])) == (type_, 7, key)
    assert millis(content["expire_at"]) == expire_at
    found = decoded(content)
    if type_ == STREAM:  # its pending entries were sorted by id, which are numbers
        found = exact(type_, found)
    assert exact(type_, found) == exact(type_, value)


@pytest.mark.parametrize("type_", [SET, HASH, ZSET, STREAM])
@given(st.data(), st.randoms())
def test_order_that_means_nothing_changes_nothing(
    type_: str, data: st.DataObject, order: random.Random
) -> None:
    value = data.draw(VALUES[type_])
    assert key_content(row(type_, shuffled(value, type_, order))) == key_content(row(type_, value))


@given(st.lists(BYTES))
def test_lists_keep_their_order(values: list[bytes]) -> None:
    assert decoded(content_of(LIST, values)) == values


@pytest.mark.parametrize(
    ("type_", "value", "written"),
    [
        (STRING, b"plain", '"value":"plain"'),
        (STRING, b'{"a": 1, "a": 2}', r'"value":"{\"a\": 1, \"a\": 2}"'),
        (STRING, "line\n\ttab é 😀".encode(), r'"value":"line\n\ttab é 😀"'),
        (STRING, b"\x1b[1mbold", r'"value":"\u001b[1mbold"'),
        (STRING, b"\xff\x00", '"value":{"$type":"bytes","base64":"/wA="}'),
        (STRING, b"\x00\x08", '"value":{"$type":"bytes","base64":"AAg="}'),
        (STRING, b"HYLL\x01\x00\x00\x00", '"value":{"$type":"bytes","base64":"SFlMTAEAAAA="}'),
        (STRING, b"", '"value":""'),
        (LIST, [b"b", b"a", b"b"], '"value":["b","a","b"]'),
        (LIST, [], '"value":[]'),
        (SET, [b"b", b"\xff", b"a"], '"unordered":true,"value":["a","b",{"$type":"bytes","base64":"/w=="}]'),
        (ZSET, [(b"z", 1.0), (b"a", 1.0), (b"n", -0.0)], '"value":[["n",0.0],["a",1.0],["z",1.0]]'),
        (
            ZSET,
            [(b"hi", float("inf")), (b"lo", float("-inf")), (b"m", 0.1), (b"?", float("nan"))],
            '"value":[["lo",{"$type":"float","value":"-Infinity"}],["m",0.1],'
            '["hi",{"$type":"float","value":"Infinity"}],["?",{"$type":"float","value":"NaN"}]]',
        ),
        (HASH, [HashField(b"b", b"2", None), HashField(b"a", b"\xff", None)],
         '"value":{"a":{"$type":"bytes","base64":"/w=="},"b":"2"}'),
        (HASH, [HashField(b"b", b"2", None), HashField(b"\xff", b"1", FAR)],
         '"value":[["b","2"],[{"$type":"bytes","base64":"/w=="},"1"]],'
         '"field_expire_at":[[{"$type":"bytes","base64":"/w=="},"2030-01-01T00:00:00.000Z"]]'),
        (HASH, [HashField(b"b", b"2", FAR + 1), HashField(b"a", b"1", None)],
         '"value":{"a":"1","b":"2"},"field_expire_at":{"b":"2030-01-01T00:00:00.001Z"}'),
        (JSON, b'{ "b": [1, 2.50, null], "a": "\\u00e9" }', '"value":{"b":[1,2.5,null],"a":"é"}'),
        (JSON, b'"text"', '"value":"text"'),
        (JSON, b'{"a":1,"a":2}', r'"text":"{\"a\":1,\"a\":2}"'),
        (JSON, b"[1e400]", '"text":"[1e400]"'),
        (JSON, b"[NaN]", '"text":"[NaN]"'),
        (JSON, b"[18446744073709551615]", '"value":[18446744073709551615]'),
        (JSON, b"[18446744073709551616]", '"text":"[18446744073709551616]"'),
        (JSON, b"[0.1234567890123456789]", '"text":"[0.1234567890123456789]"'),
        (JSON, b"[1e99999999999999999999,1e-99999999999999999999]",
         '"text":"[1e99999999999999999999,1e-99999999999999999999]"'),
        (JSON, b'["\\ud800"]', r'"text":"[\"\\ud800\"]"'),
        (JSON, b'"\xff"', '"text":{"$type":"bytes","base64":"Iv8i"}'),
        (JSON, b"{", '"text":"{"'),
    ],
)  # fmt: skip
def test_values_by_hand(type_: str, value: Any, written: str) -> None:
    assert key_content(row(type_, value)) == (
        f'{{"type":"{type_}","db":0,"key":"k",{written},"expire_at":null}}'
    )


def test_stream_by_hand() -> None:
    stream = Stream(
        [StreamEntry("1-0", [(b"f", b"1"), (b"f", b"2")]), StreamEntry("2-0", [(b"\xff", b"")])],
        "5-1",
        "4-0",
        9,
        [
            Group(
                b"g",
                "2-0",
                None,
                [b"w2", b"w1"],
                [Pending("10-0", b"w1", FAR, 2), Pending("2-0", b"w2", FAR + 5, 1)],
            )
        ],
    )
    content = content_of(STREAM, stream)
    assert content["value"] == {
        "entries": [
            ["1-0", [["f", "1"], ["f", "2"]]],
            ["2-0", [[{"$type": "bytes", "base64": "/w=="}, ""]]],
        ],
        "last_id": "5-1",
        "max_deleted_id": "4-0",
        "entries_added": 9,
        "groups": [
            {
                "name": "g",
                "last_id": "2-0",
                "entries_read": None,
                "consumers": ["w1", "w2"],
                "pending": [
                    {
                        "id": "2-0",
                        "consumer": "w2",
                        "delivered_at": "2030-01-01T00:00:00.005Z",
                        "deliveries": 1,
                    },
                    {
                        "id": "10-0",
                        "consumer": "w1",
                        "delivered_at": "2030-01-01T00:00:00.000Z",
                        "deliveries": 2,
                    },
                ],
            }
        ],
    }


@pytest.mark.parametrize(
    ("expire_at", "written"),
    [
        (0, '"1970-01-01T00:00:00.000Z"'),
        (1_700_000_000_123, '"2023-11-14T22:13:20.123Z"'),
        (253_402_300_799_999, '"9999-12-31T23:59:59.999Z"'),
        (253_402_300_800_000, "253402300800000"),
        (2**63 - 1, "9223372036854775807"),
    ],
)
def test_times(expire_at: int, written: str) -> None:
    assert key_content(row(STRING, b"", expire_at=expire_at)).endswith(f'"expire_at":{written}}}')


@given(
    st.lists(TIMES | st.integers(-(2**63), 2**63 - 1) | st.integers(253_402_300_799_990, 253_402_300_800_010))
)
def test_many_times_are_written_as_each_alone(times: list[int | None]) -> None:
    assert moments(times) == [moment(time) for time in times]


DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(DOCUMENTS, st.booleans(), st.sampled_from([None, 1]))
def test_documents_are_taken_over(document: Any, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent)
    found = content_of(JSON, text.encode())["value"]
    assert json.dumps(found) == json.dumps(document)


@given(st.binary() | st.text(alphabet='{}[]",:0123456789eE+-.\\ud8 trufalsn').map(str.encode))
def test_what_is_no_document_stays_as_it_is(text: bytes) -> None:
    assume(lossless(text) is None)
    assert decoded(content_of(JSON, text)) == text


@pytest.mark.parametrize("depth", [200, 300, 5_000, 200_000])
def test_documents_of_any_depth(depth: int) -> None:
    text = b"[" * depth + b"]" * depth
    content = key_content(row(JSON, text))
    assert ('"value"' in content) == (depth == 200)
    assert ("[" * depth + "]" * depth) in content


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_scores_are_exact(scores: list[float]) -> None:
    members = [(str(place).encode(), value) for place, value in enumerate(scores)]
    found = dict(decoded(content_of(ZSET, members)))
    for member, value in members:
        assert struct.pack("d", found[member]) == struct.pack("d", value + 0.0)


def test_a_type_that_is_none_of_the_seven() -> None:
    with pytest.raises(MappingError, match="type `graph`"):
        key_content(row("graph", b""))
