"""A transformer as a model of the pipeline, whatever runs it."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from engram_store.errors import ConfigurationError
from io_connectors.pages import Vectors
from transforms.embedding.cache import Part
from transforms.embedding.fit import fitted
from transforms.embedding.huggingface.folder import ModelFolder

if TYPE_CHECKING:
    from transforms.embedding.provider import EmbeddingSpec

#: Characters of a text that are given to the tokenizer, for each token that the model reads.
_CHARACTERS_A_TOKEN = 16


class Encoder(Protocol):
    """What runs a transformer."""

    def encode(self, texts: Sequence[str]) -> Iterator[tuple[Sequence[int], Vectors]]:
        """Rows of some texts, and their vectors as the model makes them; until all are there."""


class TransformerModel:
    """A model that runs here; see ``Model``.

    Args:
        spec: What was asked for.
        folder: The model's files.
    """

    semantic = True

    def __init__(self, spec: EmbeddingSpec, folder: ModelFolder) -> None:
        self._spec = spec
        self._folder = folder
        self._encoder: Encoder | None = None
        # Beam may run several bundles of one process in threads: one copy of the weights is enough.
        self._loading = threading.Lock()
        self.identity = spec.identity(revision=folder.revision())
        self.description = f"Embeddings are those of the model `{spec.model}`, which runs here."

    def prepare(self, text: str, *, query: bool = False) -> str:
        """The text with its prefix: the one that was asked for, or else the model's own."""
        asked, own = (
            (self._spec.query_prefix, self._folder.query_prompt)
            if query
            else (self._spec.document_prefix, self._folder.document_prompt)
        )
        whole = (asked or own) + text.encode("utf-8", "replace").decode()
        whole = whole.lower() if self._folder.lowered else whole
        return whole[: self._folder.longest * _CHARACTERS_A_TOKEN]

    def compute(self, texts: Sequence[str]) -> Iterator[Part]:
        """Embeds texts; see ``Model.compute``."""
        with self._loading:
            self._encoder = self._encoder or _encoder(self._folder, self._spec.threads)
        for rows, vectors in self._encoder.encode(texts):
            yield Part(rows, fitted(vectors, self._spec.model, truncate=self._spec.truncate))


def open_model(spec: EmbeddingSpec) -> TransformerModel:
    """The model that a spec names; its weights are loaded when it is first asked.

    Raises:
        ConfigurationError: It names none, or nothing here can run it.
    """
    if not spec.model:
        raise ConfigurationError(
            "the provider `huggingface` needs a model",
            suggestion="name a folder, or a model of the hub",
            example="--embedding-model sentence-transformers/all-MiniLM-L6-v2",
        )
    return TransformerModel(spec, ModelFolder.open(spec.model))


def encoder_of(spec: EmbeddingSpec) -> tuple[ModelFolder, Encoder]:
    """The files of the model that a spec names, and what runs them.

    Raises:
        ConfigurationError: There is no such model, or nothing here can run it.
    """
    folder = ModelFolder.open(spec.model)
    return folder, _encoder(folder, spec.threads)


def _encoder(folder: ModelFolder, threads: int) -> Encoder:
    # What the identity's revision was made of is what is run: never one form of the weights for another.
    if folder.weights:
        _need(folder, "tokenizers", "onnxruntime", extra="onnx", size="40 MB")
        from transforms.embedding.huggingface.onnx import OnnxEncoder

        return OnnxEncoder(folder, folder.weights, threads)
    _need(folder, "sentence_transformers", extra="st", size="6 GB")
    from transforms.embedding.huggingface.torch import TorchEncoder

    return TorchEncoder(folder, threads)


def _need(folder: ModelFolder, *modules: str, extra: str, size: str) -> None:
    for module in modules:
        if not importlib.util.find_spec(module):
            form = "an ONNX file" if folder.weights else "no ONNX file"
            raise ConfigurationError(
                f"nothing here can run the model `{folder.path.name}`",
                why=f"it has {form}, and `{module}` is not installed",
                suggestion=f"install the extra `{extra}` ({size})",
                example=f"pip install 'engram-migrate[{extra}]'",
            )
