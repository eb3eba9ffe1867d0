"""One connection that speaks Redis's protocol: commands are packed, and replies parsed, by hiredis.

Reading keys is thousands of small replies: this costs a third of what a full client's way to a
reply costs (``benchmarks/redis.py``).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Any, cast

import hiredis

from engram_store.errors import ConfigurationError
from io_connectors.redis.live.address import RedisAddress, Tls

#: Seconds: a server that forks, loads or runs a slow script answers late, a dead one never.
_CONNECT_SECONDS = 20.0
_REPLY_SECONDS = 120.0

_RECEIVE_BYTES = 256 * 1024

Command = tuple["str | bytes | int", ...]

# Its own types allow commands of one word only.
_pack = cast("Callable[[Command], bytes]", hiredis.pack_command)


class Wire:
    """A connection.

    Args:
        connected: A connected socket; it is closed with the wire.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._reader = hiredis.Reader()

    def call(self, *command: str | bytes | int) -> Any:
        """The reply to one command.

        Raises:
            hiredis.ReplyError: The server refused.
            OSError: The connection failed.
        """
        (reply,) = self.exchange([command])
        if isinstance(reply, hiredis.ReplyError):
            raise reply
        return reply

    def exchange(self, commands: Iterable[Command]) -> list[Any]:
        """The replies to several commands that are sent together; a refusal is a reply among them.

        Raises:
            OSError: The connection failed.
        """
        packed = [_pack(command) for command in commands]
        self._socket.sendall(b"".join(packed))
        replies: list[Any] = []
        while len(replies) < len(packed):
            reply = self._reader.gets()
            if reply is False:
                self._receive()
            else:
                replies.append(reply)
        return replies

    def close(self) -> None:
        """Closes the connection."""
        self._socket.close()

    def _receive(self) -> None:
        received = self._socket.recv(_RECEIVE_BYTES)
        if not received:
            raise ConnectionResetError("the server closed the connection")
        self._reader.feed(received)


def dial(address: RedisAddress) -> Wire:
    """Connects, without saying who we are.

    Raises:
        OSError: Nobody answers there, or not as TLS does.
        ConfigurationError: A file for TLS cannot be used.
    """
    context = _context(address.tls) if address.encrypted else None
    if address.path:
        connected = socket.socket(socket.AF_UNIX)
        connected.settimeout(_CONNECT_SECONDS)
        _connect_socket(connected, address.path)
    else:
        connected = socket.create_connection((address.host, address.port), _CONNECT_SECONDS)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if context:
        connected = context.wrap_socket(connected, server_hostname=address.host)
    connected.settimeout(_REPLY_SECONDS)
    return Wire(connected)


def _connect_socket(unconnected: socket.socket, path: str) -> None:
    try:
        unconnected.connect(path)
    except OSError:
        unconnected.close()
        raise


def _context(tls: Tls) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.ca_file or None)
        if tls.cert_file:
            context.load_cert_chain(tls.cert_file, tls.key_file or None)
    except OSError as error:
        named = ", ".join(f"`{file}`" for file in (tls.ca_file, tls.cert_file, tls.key_file) if file)
        raise ConfigurationError(
            f"the files for TLS cannot be used: {named}",
            why=error.strerror or str(error),
            suggestion="check `--tls-ca-file`, `--tls-cert-file` and `--tls-key-file`, on every worker",
        ) from error
    return context
