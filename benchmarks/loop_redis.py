"""A migration from a live Redis as a loop: names by SCAN, values by pipelines of redis-py, and SQLite.

python -m benchmarks.loop_redis URL FILE

What ``benchmarks.keyspace.fill_shop`` makes is known by heart: hashes and strings, told apart by their names,
that never expire.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import redis

from benchmarks.by_hand import BATCH, Memories

#: How names begin → the type of the key, and the command that gives its value.
_KINDS = {"user": ("hash", "HGETALL"), "note": ("string", "GET")}

Value = str | Mapping[str, str]


def main(url: str, file: str) -> None:
    client: Any = redis.Redis.from_url(url, decode_responses=True)
    with closing(Memories(Path(file))) as memories, client:
        for keys in _batches(client):
            values = _values(client, keys)
            texts = [_text(key, value) for key, value in zip(keys, values, strict=True)]
            memories.add([_memory(key, value) for key, value in zip(keys, values, strict=True)], texts, [])


def _batches(client: Any) -> Iterator[list[str]]:
    # SCAN may give a name twice.
    names = iter(dict.fromkeys(client.scan_iter(count=BATCH)))
    return iter(lambda: list(islice(names, BATCH)), [])


def _values(client: Any, keys: list[str]) -> list[Value]:
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.execute_command(_kind(key)[1], key)
    values: list[Value] = pipe.execute()
    return values


def _kind(key: str) -> tuple[str, str]:
    return _KINDS[key.partition(":")[0]]


def _text(key: str, value: Value) -> str:
    said = value if isinstance(value, str) else " | ".join(f"{name}: {value[name]}" for name in sorted(value))
    return f"{key.replace(':', ' ')}: {said}"


def _memory(key: str, value: Value) -> dict[str, Any]:
    written = value if isinstance(value, str) else dict(sorted(value.items()))
    document = {"type": _kind(key)[0], "db": 0, "key": key, "value": written, "expire_at": None}
    return {
        "id": f"redis_{key}",
        "space": "redis",
        "content": orjson.dumps(document).decode(),
        "confidence": 0.9,
        "activation": 0.5,
        "decay_rate": 0.01,
        "created_at": None,
        "kind": _kind(key)[0],
        "key": key,
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
