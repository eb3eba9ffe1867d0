"""The files of a table of word pieces, as ``distil`` makes them."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson

from engram_store.errors import ConfigurationError
from engram_store.model import DIMENSION
from io_connectors.pages import Vectors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FORMAT = 1
#: Floats of a piece: one half of a vector.
WIDTH = DIMENSION // 2

TABLE = "table.json"
TOKENIZER = "tokenizer.json"
VECTORS = "vectors.npy"


@dataclass(frozen=True)
class Table:
    """A table of word pieces.

    Attributes:
        model: The model that it was made from.
        revision: A digest of its files.
        vectors: (pieces, 384) float32, weighted by rarity.
        tokenizer: Cuts words into pieces.
    """

    model: str
    revision: str
    vectors: Vectors
    tokenizer: Tokenizer

    @classmethod
    def open(cls, name: str) -> Table:
        """Loads a table.

        Raises:
            ConfigurationError: The folder holds none.
        """
        folder = Path(name).expanduser()
        try:
            document = orjson.loads((folder / TABLE).read_bytes())
            if document["format"] != FORMAT:
                raise ValueError(f"its format is {document['format']}, and {FORMAT} is known here")
            content = (folder / VECTORS).read_bytes() + (folder / TOKENIZER).read_bytes()
            vectors = np.load(folder / VECTORS, allow_pickle=False)
            if vectors.ndim != 2 or vectors.shape[1] != WIDTH or vectors.dtype != np.float32:
                raise ValueError(f"`{VECTORS}` does not hold {WIDTH} 32-bit floats a piece")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(
                f"`{name}` is no table of word pieces",
                why=str(error),
                suggestion="make one from a model",
                example="engram-migrate distil ./my-model ./my-table",
            ) from error
        tokenizer = load_tokenizer(folder / TOKENIZER)
        return cls(document["model"], blake2b(content, digest_size=8).hexdigest(), vectors, tokenizer)


def load_tokenizer(file: Path) -> Tokenizer:
    """A tokenizer from its file.

    Raises:
        ConfigurationError: It cannot be read, or the library is not installed.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise ConfigurationError(
            "to cut words into pieces, `tokenizers` is needed, and it is not installed",
            suggestion="install Engram Migrate with its extra `onnx`",
            example="pip install 'engram-migrate[onnx]'",
        ) from error
    try:
        return Tokenizer.from_file(str(file))
    # The library raises bare exceptions for files that it cannot read.
    except Exception as error:
        raise ConfigurationError(
            f"the tokenizer `{file}` cannot be read", why=str(error), suggestion="see that the file is whole"
        ) from error
