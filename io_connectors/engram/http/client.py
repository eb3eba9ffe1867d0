"""Requests to our server, with its errors as errors of the tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

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

    from io_connectors.engram.http.lookups import Answer

#: Where the extensions stand.
BASE = "/api/v1/engram"

#: Requests that one process has under way at most.
IN_FLIGHT = 10

#: Seconds without a byte after which a connection counts as lost. During long work the server
#: shows signs of life.
PATIENCE = 60.0
TO_CONNECT = 10.0

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
            raise self.refusal(answer)
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
                raise self.refusal(answer)
            return answer if answer.is_success else None

        return retrying(once)

    def answer(self, method: str, path: str) -> httpx.Response:
        """Asks once, and takes whatever is answered.

        Raises:
            TargetTransientError: The server is not there, or the connection was cut.
        """
        return self._send(method, path)

    def stream(self, method: str, path: str, **parts: Any) -> httpx.Response:
        """Asks once for an answer that is read while it comes; the caller closes it.

        Raises:
            MigrationError: As ``request``; while it is read, errors are those of httpx.
        """
        answer = self._begin(method, path, **parts)
        if not answer.is_success:
            self._read(answer)
            raise self.refusal(answer)
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

    def document(self, answer: Answer | httpx.Response) -> Any:
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
        return self._read(self._begin(method, path, **parts))

    def _begin(self, method: str, path: str, **parts: Any) -> httpx.Response:
        """Asks, and gives the answer before its body has come."""
        transport, headers, timeout = _connections(self)
        import httpx

        request = _request(f"{self.url}{path}", method, headers, **parts)
        request.extensions["timeout"] = timeout
        try:
            return transport.handle_request(request)
        except httpx.TransportError as error:
            raise self.lost(error) from error

    def _read(self, answer: httpx.Response) -> httpx.Response:
        import httpx

        try:
            answer.read()
        except httpx.TransportError as error:
            raise self.lost(error) from error
        return answer

    def refusal(self, answer: Answer | httpx.Response) -> MigrationError:
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


def headers_of(server: Server) -> dict[str, str]:
    """What every request shows: the key, if there is one.

    Raises:
        ConfigurationError: The key cannot be read, or is none.
    """
    return {"Authorization": f"Bearer {_key(server.key)}"} if server.key else {}


def _request(
    url: str,
    method: str,
    always: Mapping[str, str],
    *,
    params: Mapping[str, str | int] | None = None,
    **parts: Any,
) -> httpx.Request:
    import httpx

    sent = {**always, **parts.get("headers", {})}
    content = parts.get("content")
    if "json" in parts:
        content, sent["Content-Type"] = orjson.dumps(parts["json"]), "application/json"
    return httpx.Request(
        method, f"{url}?{urlencode(params)}" if params else url, content=content, headers=sent
    )


def _named(parts: Mapping[str, str]) -> MigrationError:
    kind = _ERRORS.get(parts["code"], TargetTerminalError)
    why, suggestion, example = (str(parts.get(name, "")) for name in ("why", "suggestion", "example"))
    return kind(str(parts["message"]), why=why, suggestion=suggestion, example=example)


def _busy(error: MigrationError, after: str) -> TargetTransientError:
    seconds = float(after) if after.isdecimal() else None
    return TargetTransientError(error.what, why=error.why, suggestion=error.suggestion, retry_after=seconds)


@cache
def _connections(server: Server) -> tuple[httpx.HTTPTransport, dict[str, str], dict[str, Any]]:
    """The connections of this process to a server, for several threads, with key and patience.

    Without the client that httpx puts around them: its cookies and redirects are not needed, and
    cost as much as the server takes to find a memory.
    """
    try:
        import httptools  # noqa: F401  # for look-ups
        import httpx
    except ImportError as error:
        raise ConfigurationError(
            "to speak to a server, httpx and httptools are needed, and one is not installed",
            suggestion="install Engram Migrate with its extra `http`",
            example="pip install 'engram-migrate[http]'",
        ) from error
    headers = headers_of(server)
    limits = httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT)
    timeout = httpx.Timeout(PATIENCE, connect=TO_CONNECT).as_dict()
    return httpx.HTTPTransport(limits=limits), headers, timeout


def _key(reference: SecretRef) -> str:
    key = reference.resolve().strip()
    if not (key and key.isascii() and key.isprintable()):
        raise ConfigurationError(
            "the server's key is empty, or holds what no header can",
            suggestion="give the key that the server was started with",
            example="--target-key-file key.txt",
        )
    return key
