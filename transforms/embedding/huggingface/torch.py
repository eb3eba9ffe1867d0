"""Running a transformer by sentence-transformers and torch, for models without an ONNX file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from io_connectors.pages import Vectors
from transforms.embedding.huggingface.folder import ModelFolder

_TEXTS_AT_ONCE = 32


class TorchEncoder:
    """Runs a model by torch; see ``Encoder``.

    Args:
        folder: The model's files.
        threads: Threads of one run.
    """

    def __init__(self, folder: ModelFolder, threads: int) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(threads)
        self._model = SentenceTransformer(str(folder.path), device="cpu")
        self._model.max_seq_length = folder.longest

    def encode(self, texts: Sequence[str]) -> Iterator[tuple[Sequence[int], Vectors]]:
        """Encodes texts; see ``Encoder.encode``."""
        for first in range(0, len(texts), _TEXTS_AT_ONCE):
            some = list(texts[first : first + _TEXTS_AT_ONCE])
            # The empty prompt: prefixes are put before the texts already.
            vectors = self._model.encode(some, prompt="", show_progress_bar=False)
            yield range(first, first + len(some)), vectors
