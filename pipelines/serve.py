"""``engram-migrate serve``: the embedded store over HTTP, with the embedding of the pipelines."""

from __future__ import annotations

import os
from pathlib import Path

from engram_store.errors import ConfigurationError
from io_connectors.engram.address import is_url
from io_connectors.secrets import SecretRef
from pipelines.logs import set_up_logs

#: Where the key may stand instead of a file.
KEY_VARIABLE = "ENGRAM_MIGRATE_API_KEY"


def serve(path: str, host: str, port: int, api_key_file: str | None) -> int:
    """Serves a store until it is told to stop.

    Raises:
        ConfigurationError: The extra ``server`` is not installed, the key is missing, or it is no folder.
    """
    try:
        from engram_store.server import serve as server
    except ImportError as error:
        raise ConfigurationError(
            "the server cannot be started",
            why=f"a package that it needs is not installed: {error.name}",
            suggestion="install Engram Migrate with its extra `server`",
            example="pip install 'engram-migrate[server]'",
        ) from error
    from pipelines.text_embedder import TextEmbedder

    if is_url(path):
        raise ConfigurationError(
            "only the store of a folder can be served",
            why=f"`{path.split('?', maxsplit=1)[0]}` is an address",
            suggestion="migrate into a folder, and serve that",
            example="engram-migrate serve ./engram-data",
        )
    set_up_logs("text", "warning")
    server.serve(Path(path), server.Listening(host, port, _key(api_key_file)), TextEmbedder())
    return 0


def _key(file: str | None) -> str | None:
    if file is None and not os.environ.get(KEY_VARIABLE):
        return None
    key = SecretRef(path=file).resolve() if file else SecretRef(variable=KEY_VARIABLE).resolve()
    key = key.strip()
    if not (key and key.isascii() and key.isprintable()):
        raise ConfigurationError(
            "the key is empty, or holds what no header can",
            suggestion="put a long random text into the file",
            example="openssl rand -hex 32 > key.txt",
        )
    return key
