"""Requests to our server, with its errors as errors of the tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from engram_store.errors import (
    ConfigurationError,
    IntegrityError,
    MappingError,
    MigrationError,
    TargetTerminalError,
    TargetTransientError,
)
from io_connectors.retry import retrying
from io_connectors.secrets import SecretRef

if TYPE_CHECKING:
    import httpx

#: Where the extensions stand.
BASE = "/api/v1/engram"

#: Requests that one process has under way at most.
IN_FLIGHT = 10

#: Seconds without a byte after which a connection counts as lost. During long work the server
#: shows signs of life.
_PATIENCE = 60.0
_TO_CONNECT = 10.0

_ERRORS: Mapping[str, type[MigrationError]] = {
    kind.__name__: kind
    for kind in (ConfigurationError, IntegrityError, MappingError, TargetTerminalError, TargetTransientError)
}


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is; small, picklable, and free of secrets.

    Attributes:
        url: Its address, without a slash at the end.
        key: Where its key is, or None.
    """

    url: str
    key: SecretRef | None = None

    def request(self, method: str, path: str, **parts: Any) -> httpx.Response:
        """Asks once.

        Args:
            method: The HTTP method.
            path: The path, quoted.
            parts: ``params`` behind the question mark, a ``json`` or a ``content`` for the body,
                further ``headers``.

        Raises:
            TargetTransientError: The server is not there, is stopped or busy, or the connection was cut.
            MigrationError: What the server refused with.
        """
        answer = self._send(method, path, **parts)
        if not answer.is_success:
            raise self._refusal(answer)
        return answer

    def ask(self, method: str, path: str, **parts: Any) -> Any:
        """Asks as often as the retry policy allows, and reads the JSON that is answered.

        Raises:
            MigrationError: As ``request``.
        """
        return retrying(lambda: self.document(self.request(method, path, **parts)))

    def find(self, path: str, method: str = "GET", **parts: Any) -> httpx.Response | None:
        """Asks for what may not be there, as often as the retry policy allows.

        Returns:
            None where the server has nothing.

        Raises:
            MigrationError: As ``request``.
        """

        def once() -> httpx.Response | None:
            answer = self._send(method, path, **parts)
            if not answer.is_success and answer.status_code != 404:
                raise self._refusal(answer)
            return answer if answer.is_success else None

        return retrying(once)

    def stream(self, method: str, path: str, **parts: Any) -> httpx.Response:
        """Asks once for an answer that is read while it comes; the caller closes it.

        Raises:
            MigrationError: As ``request``; while it is read, errors are those of httpx.
        """
        import httpx

        client = _client(self)
        try:
            answer = client.send(client.build_request(method, path, **_as_sent(parts)), stream=True)
            if not answer.is_success:
                answer.read()
                raise self._refusal(answer)
        except httpx.TransportError as error:
            raise self.lost(error) from error
        return answer

    def lines(self, path: str) -> Iterator[Any]:
        """The JSON objects of an answer that has one a line.

        Raises:
            MigrationError: As ``request``.
        """
        import httpx

        answer = retrying(lambda: self.stream("GET", path))
        try:
            yield from (orjson.loads(line) for line in answer.iter_lines())
        except httpx.TransportError as error:
            raise self.lost(error) from error
        finally:
            answer.close()

    def document(self, answer: httpx.Response) -> Any:
        """The JSON of an answer.

        Raises:
            MigrationError: Long work failed after its answer had begun.
        """
        if not answer.content:
            return None
        try:
            document = orjson.loads(answer.content)
        except ValueError as error:
            raise self._stranger(f"an answer is not JSON: {error}") from error
        if isinstance(document, dict) and document.keys() == {"error"}:
            raise _named(document["error"])
        return document

    def lost(self, error: Exception) -> TargetTransientError:
        """The error for a connection that could not be made or was cut."""
        return TargetTransientError(
            f"the server `{self.url}` cannot be reached, or was lost",
            why=str(error) or type(error).__name__,
            suggestion="see that it runs and can be reached; then run the same command again",
            example="engram-migrate serve ./engram-data",
        )

    def _send(self, method: str, path: str, **parts: Any) -> httpx.Response:
        import httpx

        try:
            return _client(self).request(method, path, **_as_sent(parts))
        except httpx.TransportError as error:
            raise self.lost(error) from error

    def _refusal(self, answer: httpx.Response) -> MigrationError:
        """The error that an answer stands for."""
        try:
            parts = orjson.loads(answer.content)["error"]
            error = _named(parts)
        except (ValueError, KeyError, TypeError):
            error = self._stranger(f"it answered {answer.status_code} {answer.reason_phrase}")
        if answer.status_code in (429, 503):
            return _busy(error, answer.headers.get("Retry-After", ""))
        if answer.status_code >= 500 and answer.status_code != 507:
            return TargetTransientError(error.what, why=error.why, suggestion=error.suggestion)
        return error

    def _stranger(self, why: str) -> MigrationError:
        return TargetTerminalError(
            f"`{self.url}` does not answer as an Engram Migrate server does",
            why=why,
            suggestion="see which server it is, and what is between",
            example=f"curl {self.url}{BASE}",
        )


def segment(name: str) -> str:
    """A name as one part of a path.

    Raises:
        ConfigurationError: It means a folder, however it is quoted.
    """
    if name in (".", ".."):
        raise ConfigurationError(f"`{name}` cannot be a name", suggestion="choose another one")
    return quote(name, safe="")


def _as_sent(parts: dict[str, Any]) -> dict[str, Any]:
    if "json" not in parts:
        return parts
    headers = {**parts.get("headers", {}), "Content-Type": "application/json"}
    rest = {name: part for name, part in parts.items() if name not in ("json", "headers")}
    return {**rest, "content": orjson.dumps(parts["json"]), "headers": headers}


def _named(parts: Mapping[str, str]) -> MigrationError:
    kind = _ERRORS.get(parts["code"], TargetTerminalError)
    rest = {name: str(parts.get(name, "")) for name in ("why", "suggestion", "example")}
    return kind(str(parts["message"]), **rest)


def _busy(error: MigrationError, after: str) -> TargetTransientError:
    seconds = float(after) if after.isdecimal() else None
    return TargetTransientError(error.what, why=error.why, suggestion=error.suggestion, retry_after=seconds)


@lru_cache(maxsize=16)
def _client(server: Server) -> httpx.Client:
    """One client a process and server; it may be used by several threads."""
    try:
        import httpx
    except ImportError as error:
        raise ConfigurationError(
            "to speak to a server, httpx is needed, and it is not installed",
            suggestion="install Engram Migrate with its extra `http`",
            example="pip install 'engram-migrate[http]'",
        ) from error
    headers = {"Authorization": f"Bearer {server.key.resolve()}"} if server.key else {}
    return httpx.Client(
        base_url=server.url,
        headers=headers,
        timeout=httpx.Timeout(_PATIENCE, connect=_TO_CONNECT),
        limits=httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT),
        trust_env=False,
    )
