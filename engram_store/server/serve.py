"""Running the server: where it listens, who may ask, and how it ends."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from engram_store.errors import ConfigurationError, TargetTerminalError
from engram_store.server.app import create_app
from engram_store.server.served import Embedder, Served
from engram_store.store import Store

HOST = "127.0.0.1"
PORT = 7432
#: For requests under way, and between two of one connection.
_SECONDS_TO_END = 3
_SECONDS_IDLE = 75


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a server listens, and what it wants to be shown.

    Attributes:
        host: An address, or ``localhost``.
        port: A TCP port.
        key: The key, or None.
    """

    host: str = HOST
    port: int = PORT
    key: str | None = None

    def check(self) -> None:
        """Refuses to be reached by others without a key.

        Raises:
            ConfigurationError: The address is not the loopback's, and there is no key.
        """
        if self.key is None and not _is_loopback(self.host):
            raise ConfigurationError(
                f"`{self.host}` can be reached from elsewhere, and there is no key.",
                why="Whoever reaches the server could read and change everything in the store.",
                suggestion="Give a key, or listen on the loopback address.",
                example="engram-migrate serve ./engram-data --host 0.0.0.0 --api-key-file key.txt",
            )

    @property
    def address(self) -> str:
        """The server's address, as a client writes it."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def socket(self) -> socket.socket:
        """A socket that is bound, before the store's data are looked at.

        Raises:
            TargetTerminalError: The address is no address of this machine, or the port is taken.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        bound = socket.socket(family)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((self.host, self.port))
        except (OSError, OverflowError) as error:
            bound.close()
            raise TargetTerminalError(
                f"The server cannot listen at `{self.address}`.",
                why=str(error),
                suggestion="Choose another port, or stop what listens there.",
                example=f"engram-migrate serve --port {self.port + 1}",
            ) from error
        return bound


def serve(path: Path, listening: Listening, embedder: Embedder) -> None:
    """Serves a store until the process is told to stop; nobody else may write to it meanwhile.

    Raises:
        ConfigurationError: There is no store, or it may not be served there.
        TargetTransientError: Another process writes to the store.
        TargetTerminalError: The port is taken.
    """
    listening.check()
    store = Store.open(path, create=True)
    with store.lock(), listening.socket() as bound:
        served = Served(store, embedder)
        config = uvicorn.Config(
            create_app(served, listening.key),
            access_log=False,
            server_header=False,
            date_header=False,
            log_config=None,
            timeout_keep_alive=_SECONDS_IDLE,
            timeout_graceful_shutdown=_SECONDS_TO_END,
        )
        print(f"serving {path} at {listening.address} (Ctrl-C ends it)", flush=True)
        try:
            # uvicorn ends what is under way, and then raises the signal that it was told to end by.
            uvicorn.Server(config).run(sockets=[bound])
        except KeyboardInterrupt:
            pass
        finally:
            served.finalize()
            served.close()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
