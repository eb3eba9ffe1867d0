"""Running a transformer by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Encoding

from engram_store.errors import ConfigurationError
from io_connectors.pages import Vectors
from transforms.embedding.huggingface.batches import batches_of
from transforms.embedding.huggingface.folder import ModelFolder
from transforms.embedding.table import TOKENIZER, load_tokenizer

_Hidden = npt.NDArray[np.float32]
_Mask = npt.NDArray[np.int64]

_INPUTS = (_TOKENS, _MASK, _TYPES) = ("input_ids", "attention_mask", "token_type_ids")
#: Dimensions of an output that holds a vector for each token of each text.
_TOKEN_VECTORS = 3


class OnnxEncoder:
    """Runs a model's ONNX file; see ``Encoder``.

    Args:
        folder: The model's files.
        weights: The ONNX file.
        threads: Threads of one run.

    Raises:
        ConfigurationError: The files cannot be loaded.
    """

    def __init__(self, folder: ModelFolder, weights: Path, threads: int) -> None:
        self._pool = _POOLINGS[folder.pooling]
        self._tokenizer = load_tokenizer(folder.path / TOKENIZER)
        try:
            self._session = onnxruntime.InferenceSession(
                str(weights), _options(threads), providers=["CPUExecutionProvider"]
            )
        # The library raises exceptions of its own, without a common base, for files that it cannot read.
        except Exception as error:
            raise ConfigurationError(
                f"the model `{folder.path.name}` cannot be loaded",
                why=str(error).splitlines()[0],
                suggestion="see that its files are whole",
            ) from error
        self._tokenizer.enable_truncation(folder.longest)
        self._tokenizer.no_padding()
        self._inputs = {given.name for given in self._session.get_inputs()}
        self._refuse_another_form(folder.path.name)

    def encode(self, texts: Sequence[str]) -> Iterator[tuple[Sequence[int], Vectors]]:
        """Encodes texts of like lengths together, the longest first; see ``Encoder.encode``."""
        encodings = self._tokenizer.encode_batch(list(texts))
        for rows in batches_of([len(encoding.ids) for encoding in encodings]):
            yield rows, self._run([encodings[row] for row in rows])

    def _run(self, encodings: Sequence[Encoding]) -> Vectors:
        padded = _padded(encodings)
        feed = {name: padded[name] for name in self._inputs}
        hidden: _Hidden = self._session.run(None, feed)[0]
        return self._pool(hidden, padded[_MASK]).astype(np.float32)

    def _refuse_another_form(self, name: str) -> None:
        """What generates text, say, wants more than tokens, or gives something else for them."""
        unknown = sorted(self._inputs - set(_INPUTS))
        shape = self._session.get_outputs()[0].shape
        if unknown or len(shape) != _TOKEN_VECTORS:
            raise ConfigurationError(
                f"the model `{name}` cannot be loaded",
                why=f"its ONNX file wants `{unknown[0]}`, which is not known here"
                if unknown
                else "its ONNX file does not give a vector for each token first",
                suggestion="choose another of its ONNX files, or another model",
            )


def _padded(encodings: Sequence[Encoding]) -> Mapping[str, _Mask]:
    shape = (len(encodings), max(len(encoding.ids) for encoding in encodings))
    padded = {name: np.zeros(shape, dtype=np.int64) for name in _INPUTS}
    for row, encoding in enumerate(encodings):
        width = len(encoding.ids)
        padded[_TOKENS][row, :width] = encoding.ids
        padded[_MASK][row, :width] = 1
        padded[_TYPES][row, :width] = encoding.type_ids
    return padded


def _mean(hidden: _Hidden, mask: _Mask) -> _Hidden:
    weights = mask[:, :, None].astype(np.float32)
    mean: _Hidden = (hidden * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9)
    return mean


def _cls(hidden: _Hidden, mask: _Mask) -> _Hidden:
    return hidden[:, 0]


def _max(hidden: _Hidden, mask: _Mask) -> _Hidden:
    largest: _Hidden = np.where(mask[:, :, None] == 1, hidden, -np.inf).max(axis=1)
    return largest


def _last(hidden: _Hidden, mask: _Mask) -> _Hidden:
    last: _Hidden = hidden[np.arange(len(hidden)), mask.sum(axis=1) - 1]
    return last


_POOLINGS: Mapping[str, Callable[[_Hidden, _Mask], _Hidden]] = {
    "mean": _mean,
    "cls": _cls,
    "max": _max,
    "lasttoken": _last,
}


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Waiting threads would take the processor from the other workers: without, twice as many texts.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options
