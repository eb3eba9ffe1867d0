"""Running a transformer by sentence-transformers and torch, for models without an ONNX file."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from engram_store.errors import ConfigurationError
from io_connectors.pages import Vectors
from transforms.embedding.huggingface.batches import batches_of
from transforms.embedding.huggingface.folder import ModelFolder
from transforms.embedding.table import TOKENIZER, load_tokenizer

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class TorchEncoder:
    """Runs a model by torch; see ``Encoder``.

    Args:
        folder: The model's files.
        threads: Threads of one run.

    Raises:
        ConfigurationError: The files cannot be loaded.
    """

    def __init__(self, folder: ModelFolder, threads: int) -> None:
        # Read when torch is loaded. Waiting threads would take the processor from the other workers.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        import torch
        from transformers.utils import logging

        # Else it draws bars, and tells of weights that are not needed here.
        logging.disable_progress_bar()
        logging.set_verbosity_error()
        torch.set_num_threads(threads)
        self._tokenizer = load_tokenizer(folder.path / TOKENIZER)
        self._tokenizer.enable_truncation(folder.longest)
        self._tokenizer.no_padding()
        try:
            self._model = _load(folder)
        # The libraries raise exceptions of many kinds for files that they cannot read.
        except Exception as error:
            raise ConfigurationError(
                f"the model `{folder.path.name}` cannot be loaded",
                why=str(error).strip().partition("\n")[0],
                suggestion="see that its files are whole",
            ) from error
        # Beam may run several bundles of one process in threads; a tokenizer of transformers bears only one.
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> Iterator[tuple[Sequence[int], Vectors]]:
        """Encodes texts of like lengths together, the longest first; see ``Encoder.encode``."""
        lengths = [len(encoding.ids) for encoding in self._tokenizer.encode_batch(list(texts))]
        for rows in batches_of(lengths):
            yield rows, self._run([texts[row] for row in rows])

    def _run(self, texts: list[str]) -> Vectors:
        with self._lock:
            # The empty prompt: prefixes are put before the texts already.
            vectors = self._model.encode(texts, prompt="", batch_size=len(texts), show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float32)


def _load(folder: ModelFolder) -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer
    from transformers import AutoModel

    # Other forms of weights are pickles, which are not to be trusted.
    options = {"use_safetensors": True}
    # Loaded twice, since only the one says what is missing, and not the other: 0.04 s of 0.1 for MiniLM.
    _, found = AutoModel.from_pretrained(
        str(folder.path), local_files_only=True, output_loading_info=True, **options
    )
    # What is missing would be random, and other in each process. Sentences are not made by the pooler.
    if missing := [name for name in sorted(found["missing_keys"]) if not name.startswith("pooler.")]:
        raise ValueError(f"weights are missing: {', '.join(missing[:3])}")
    model = SentenceTransformer(str(folder.path), device="cpu", local_files_only=True, model_kwargs=options)
    model.max_seq_length = folder.longest
    # Models kept in 16 bits are loaded so, and would be slower and less exact.
    return model.float()
