"""Keys for a live server that come near every edge of every encoding."""

from __future__ import annotations

from typing import Any

import redis

#: Sizes at which an encoding, or the size of a size, changes.
_EDGES = (0, 1, 20, 21, 62, 63, 64, 65, 122, 123, 124, 125, 126, 127, 250, 253, 254, 255, 4094, 4095, 4096)
_FAR_EDGES = (16_376, 16_377, 16_378, 16_379, 16_380, 16_381, 16_382, 16_383, 16_384, 16_385, 70_000)
_BITS = (6, 7, 8, 12, 13, 15, 16, 23, 24, 31, 32, 62)


def numbers() -> list[int]:
    """Integers around every power of two at which an encoding changes, and the last of all."""
    near = {sign * (1 << bits) + more for bits in _BITS for sign in (1, -1) for more in (-1, 0, 1)}
    return sorted({*range(-3, 15), *near, (1 << 63) - 1, -(1 << 63), 1 << 63})


def texts() -> list[bytes]:
    """Texts of every size at which an encoding changes, some of which compress."""
    noise = b"".join(bytes([(number * 73 + number // 7) % 256]) for number in range(70_000))
    return [part for size in (*_EDGES, *_FAR_EDGES) for part in (noise[:size], b"ab" * (size // 2))]


def fill(client: redis.Redis) -> None:
    """Puts keys of every type into a client's database."""
    elements: list[Any] = [*(b"%d" % number for number in numbers()), *texts()]
    pipe = client.pipeline()
    for number, element in enumerate(elements):
        pipe.set(b"string:%d" % number, element, px=10**12 + number if number % 3 == 0 else None)
        pipe.set(b"\x00\xff:" + element[:300], b"binary key")
    for name, some in (("short", elements[:30]), ("all", elements), ("long", texts())):
        pipe.rpush(f"list:{name}", *some)
        pipe.sadd(f"set:{name}", *some)
        pipe.hset(f"hash:{name}", mapping=dict(zip(some, reversed(some), strict=True)))
        scores: dict[Any, float] = {element: at / 3 for at, element in enumerate(some)}
        pipe.zadd(f"zset:{name}", {**scores, b"inf": float("inf"), b"-inf": float("-inf"), b"-0": -0.0})
    for bits in (15, 31, 63):
        pipe.sadd(f"intset:{bits}", *(1 << bits - 1, -(1 << bits - 1), 5))
    pipe.execute()
    _fill_streams(client, elements)


def _fill_streams(client: redis.Redis, elements: list[Any]) -> None:
    add: Any = client.execute_command
    for number, element in enumerate(elements):
        add("XADD", "stream", f"{1000 + number // 3}-{number}", "field", element, "other", b"%d" % number)
    add("XADD", "stream", "9000-1", "b", 1, "a", 2, "b", 3)
    add("XDEL", "stream", "1000-1", "1001-4")
    add("XGROUP", "CREATE", "stream", "group", "0")
    add("XGROUP", "CREATE", "stream", b"\xff", "1001-3")
    for consumer in (b"one", b"two", b"\x00"):
        add("XREADGROUP", "GROUP", "group", consumer, "COUNT", 7, "STREAMS", "stream", ">")
    add("XACK", "stream", "group", "1000-0")
    add("XDEL", "stream", "1001-5")
    add("XGROUP", "CREATE", "empty stream", "group", "$", "MKSTREAM")
