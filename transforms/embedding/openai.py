"""The ``openai`` provider: vectors from OpenAI's server, or any that speaks like it.

POST {base}/embeddings  {"model": …, "input": […], "encoding_format": "float"}
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import orjson

from engram_store.errors import (
    ConfigurationError,
    EmbeddingError,
    EmbeddingServiceError,
    MigrationError,
)
from engram_store.model import DIMENSION
from io_connectors.retry import retrying
from transforms.embedding.cache import Part
from transforms.embedding.fit import fitted

if TYPE_CHECKING:
    import httpx

    from transforms.embedding.provider import EmbeddingSpec

BASE_URL = "https://api.openai.com/v1"

# OpenAI's limits of one request. No text has more tokens than a third of its UTF-8 bytes, by and large.
_MOST_TEXTS = 100
_MOST_TOKENS = 300_000
_TOKEN_BYTES = 3
_LONGEST_TEXT = 8_000 * _TOKEN_BYTES

#: Models that make vectors of the length they are asked for.
_OF_ANY_LENGTH = "text-embedding-3"
_PATIENCE = 120.0
#: Seconds without any answer after which the server's own waits are no longer heeded.
_LONGEST_DROUGHT = 900.0


class OpenAIModel:
    """A model behind an embeddings server.

    Args:
        spec: Model, address, prefixes and requests in flight; the key is found in the environment.
    """

    semantic = True

    def __init__(self, spec: EmbeddingSpec) -> None:
        self._spec = spec
        self._url = f"{(spec.base_url or BASE_URL).rstrip('/')}/embeddings"
        self._client: httpx.Client | None = None
        self._answered = time.monotonic()

    @property
    def identity(self) -> str:
        """Provider, model, server and prefixes."""
        return self._spec.identity()

    @property
    def description(self) -> str:
        """What these vectors are."""
        return f"Embeddings are those of `{self._spec.model}` at {self._url}."

    def prepare(self, text: str, *, query: bool = False) -> str:
        """The text with its prefix, cut to what the server takes."""
        whole = (self._spec.query_prefix if query else self._spec.document_prefix) + text
        return whole.encode("utf-8", "replace")[:_LONGEST_TEXT].decode("utf-8", "ignore")

    def compute(self, texts: Sequence[str]) -> Iterator[Part]:
        """Embeds texts, some requests at once; see ``Model.compute``."""
        refused: MigrationError | None = None
        with ThreadPoolExecutor(self._spec.in_flight) as pool:
            waiting = [pool.submit(self._ask, texts, rows) for rows in requests_of(texts)]
            for request in as_completed(waiting):
                try:
                    yield request.result()
                except EmbeddingError as error:
                    refused = error
                except MigrationError:
                    for other in waiting:
                        other.cancel()
                    raise
        if refused is not None:
            raise refused

    def _ask(self, texts: Sequence[str], rows: range) -> Part:
        body: dict[str, Any] = {"model": self._spec.model, "input": texts[rows.start : rows.stop]}
        body["encoding_format"] = "float"
        if self._spec.model.startswith(_OF_ANY_LENGTH):
            body["dimensions"] = DIMENSION
        answer = retrying(lambda: self._post(orjson.dumps(body)))
        vectors, tokens = self._read(answer, len(rows))
        return Part(rows, fitted(vectors, self._spec.model, truncate=self._spec.truncate), tokens)

    def _post(self, body: bytes) -> bytes:
        import httpx

        try:
            answer = self._connected().post(self._url, content=body)
        except httpx.TransportError as error:
            raise self._lost(str(error) or type(error).__name__) from error
        if not answer.is_success:
            raise self._refusal(answer)
        self._answered = time.monotonic()
        return answer.content

    def _read(self, answer: bytes, texts: int) -> tuple[npt.NDArray[np.float32], int]:
        try:
            document = orjson.loads(answer)
            by_row = {entry["index"]: entry["embedding"] for entry in document["data"]}
            vectors = np.array([by_row[row] for row in range(texts)], dtype=np.float32)
            tokens = int((document.get("usage") or {}).get("total_tokens", 0))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._stranger(f"its answer for {texts} texts is not that many vectors") from error
        if vectors.ndim != 2 or len(by_row) != texts:
            raise self._stranger(f"it gave {len(by_row)} vectors for {texts} texts")
        return vectors, tokens

    def _refusal(self, answer: httpx.Response) -> MigrationError:
        status, said = answer.status_code, answer.text[:300]
        if status in (401, 403):
            return ConfigurationError(
                f"`{self._url}` does not accept the key",
                why=said,
                suggestion=f"put the key into {self._spec.key.variable}",
                example=f"export {self._spec.key.variable}=…",
            )
        if status == 429 and "insufficient_quota" not in said:
            return self._lost(f"it answered {status}: {said}", _told(answer))
        if status >= 500 or status in (408, 409):
            return self._lost(f"it answered {status}: {said}", _told(answer))
        if status in (400, 413, 422):
            return EmbeddingError(
                f"`{self._spec.model}` refused to embed",
                why=f"it answered {status}: {said}",
                suggestion="see what is odd about the text",
            )
        return self._stranger(f"it answered {status}: {said}")

    def _lost(self, why: str, told: float | None = None) -> EmbeddingServiceError:
        heeded = time.monotonic() - self._answered < _LONGEST_DROUGHT
        return EmbeddingServiceError(
            f"`{self._url}` does not embed at the moment", why=why, retry_after=told if heeded else None
        )

    def _stranger(self, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"`{self._url}` does not embed by `{self._spec.model}`",
            why=why,
            suggestion="see the address and the model's name",
            example="--embedding-base-url http://localhost:8000/v1 --embedding-model NAME",
        )

    def _connected(self) -> httpx.Client:
        if self._client is None:
            import httpx

            # A server of one's own may want no key.
            key = self._spec.key.resolve() if not self._spec.base_url else self._spec.key.optional()
            headers = {"Content-Type": "application/json"}
            if key:
                headers["Authorization"] = f"Bearer {key}"
            self._client = httpx.Client(headers=headers, timeout=_PATIENCE)
        return self._client


def requests_of(texts: Sequence[str]) -> Iterator[range]:
    """Rows that go into one request together: bounded in texts and in tokens."""
    first = tokens = 0
    for row, text in enumerate(texts):
        more = len(text.encode("utf-8", "replace")) // _TOKEN_BYTES + 1
        if row > first and (row - first == _MOST_TEXTS or tokens + more > _MOST_TOKENS):
            yield range(first, row)
            first, tokens = row, 0
        tokens += more
    if texts:
        yield range(first, len(texts))


def _told(answer: httpx.Response) -> float | None:
    """The seconds that the server asks to wait."""
    after = answer.headers.get("Retry-After", "")
    return float(after) if after.replace(".", "", 1).isdecimal() else None
