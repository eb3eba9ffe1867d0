"""What a user may choose about a delivery."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

FAIL = "fail"
REPORT = "report"
DISAMBIGUATE = "disambiguate"
#: What there is to do about memories that the server would absorb.
ON_ABSORBED = (FAIL, REPORT, DISAMBIGUATE)

_STAGING = "./engram-staging"


def _silent(_line: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class DeliveryChoices:
    """How to deliver to a public Engram server.

    Attributes:
        staging: The folder of the staging store; empty for one named after the server.
        on_absorbed: One of ``ON_ABSORBED``; None for what was chosen before, else ``fail``.
        say: Shows a line to the user.
    """

    staging: str = ""
    on_absorbed: str | None = None
    say: Callable[[str], None] = _silent

    def folder(self, url: str) -> str:
        """The folder of the staging store for a server."""
        if self.staging:
            return self.staging
        parts = urlsplit(url)
        port = parts.port or {"https": 443}.get(parts.scheme, 80)
        host = (parts.hostname or "").replace(":", "-")
        return f"{_STAGING}/{host}_{port}"
