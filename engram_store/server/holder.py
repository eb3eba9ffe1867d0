"""Which migration writes: one at a time, for as long as its connection lasts.

What the lock file is to processes of one machine: it ends with its holder, however that ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Receive, Scope, Send

from engram_store.errors import TargetTransientError
from engram_store.server.answers import SIGN_OF_LIFE, Refused

#: The header by which a migration shows that it is the one that writes.
TOKEN = "x-engram-lock"


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """A migration that wants to write.

    Attributes:
        token: Known to it alone.
        who: It, in words.
        ended: Set when it says that it has done.
    """

    token: str
    who: str
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Holder:
    """Who holds the store. For the event loop's thread."""

    def __init__(self) -> None:
        self._claim: Claim | None = None

    def check(self, token: str | None) -> None:
        """Refuses whoever is not the holder, if there is one.

        Raises:
            Refused: Another migration writes.
        """
        if self._claim is not None and self._claim.token != token:
            raise Refused(
                409,
                TargetTransientError(
                    f"The store is in use by {self._claim.who}.",
                    why="One migration at a time may write to a store.",
                    suggestion="Wait until it has ended, or stop it; then give the same command again.",
                ),
            )

    def hold(self, token: str, who: str) -> Hold:
        """Makes a migration the holder, until its connection ends.

        Args:
            token: Known to it alone.
            who: It, in words.

        Raises:
            Refused: Another migration writes.
        """
        self.check(token)
        self._claim = Claim(token, who)
        return Hold(self, self._claim)

    def release(self, token: str | None) -> None:
        """Ends a claim, if the holder says so."""
        if self._claim is not None and self._claim.token == token:
            self._claim.ended.set()

    def forget(self, claim: Claim) -> None:
        """Takes note that a claim's connection has ended."""
        if self._claim is claim:
            self._claim = None


class Hold:
    """An answer that lasts as long as the claim; every few seconds it sends a blank."""

    def __init__(self, holder: Holder, claim: Claim) -> None:
        self._holder = holder
        self._claim = claim

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends blanks until the claim is released or its client is gone."""
        ends = {asyncio.ensure_future(_gone(receive)), asyncio.ensure_future(self._claim.ended.wait())}
        try:
            headers = [(b"content-type", b"text/plain")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            while not any(end.done() for end in ends):
                await send({"type": "http.response.body", "body": b" ", "more_body": True})
                await asyncio.wait(ends, timeout=SIGN_OF_LIFE, return_when=asyncio.FIRST_COMPLETED)
            self._holder.forget(self._claim)
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._holder.forget(self._claim)
            for end in ends:
                end.cancel()


async def _gone(receive: Receive) -> None:
    message: MutableMapping[str, Any] = {}
    while message.get("type") != "http.disconnect":
        message = await receive()
