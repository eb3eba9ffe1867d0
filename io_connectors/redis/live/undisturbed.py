"""Reading a value in pieces, so that they belong together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import hiredis

from io_connectors.redis.live.refusals import is_passing
from io_connectors.redis.live.wire import Wire

T = TypeVar("T")

_ATTEMPTS = 3


class Disturbed(Exception):
    """The value was changed during each attempt to read it."""


def undisturbed(wire: Wire, key: bytes, read: Callable[[], T]) -> T:
    """What is read of a key while nobody changes it.

    The server watches the key, as for a transaction. Where the user may not ask for that, it is
    read once.

    Raises:
        Disturbed: It was changed each time.
    """
    for _ in range(_ATTEMPTS):
        (watching,) = wire.exchange([("WATCH", key)])
        if isinstance(watching, hiredis.ReplyError):
            if is_passing(watching):
                raise watching
            return read()
        try:
            value = read()
        finally:
            _, settled = wire.exchange([("MULTI",), ("EXEC",)])
        if settled is not None:
            return value
    raise Disturbed
