"""Where a server is: ``redis://``, ``rediss://`` or ``unix://``, without its password."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from engram_store.errors import ConfigurationError
from io_connectors.secrets import SecretRef

_PORT = 6379
_PLAIN, _TLS, _UNIX = "redis", "rediss", "unix"


@dataclass(frozen=True, slots=True)
class Tls:
    """Files for an encrypted connection; all may be empty.

    Attributes:
        ca_file: Certificates that the server's is checked by, instead of the system's.
        cert_file: Certificate of this client.
        key_file: Its key, where the certificate's file does not hold it.
    """

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where a server is, without its password; safe to put into a pipeline graph.

    Attributes:
        scheme: ``redis``, ``rediss`` or ``unix``.
        host: Its host; empty for a unix socket.
        port: Its port.
        path: The unix socket; empty for the network.
        user: The ACL user; empty for the default user.
        password: Where the password is to be found, or None.
        db: The database that the address names, or None.
        tls: Files for TLS.
    """

    scheme: str
    host: str = ""
    port: int = _PORT
    path: str = ""
    user: str = ""
    password: SecretRef | None = None
    db: int | None = None
    tls: Tls = Tls()

    @classmethod
    def parse(
        cls, source: str, user: str = "", password: SecretRef | None = None, tls: Tls | None = None
    ) -> RedisAddress:
        """Reads an address; a user in it counts before ``user``, a password is moved out of sight.

        Raises:
            ConfigurationError: It is no address of a Redis server.
        """
        try:
            parts = urlsplit(source)
            host, port, db = parts.hostname or "", parts.port or _PORT, _database(parts)
        except ValueError as error:
            raise _wrong(str(error)) from error
        if parts.scheme not in (_PLAIN, _TLS, _UNIX):
            raise _wrong(f"it must begin with {_PLAIN}://, {_TLS}:// or {_UNIX}://")
        if parts.scheme == _UNIX and not parts.path.strip("/"):
            raise _wrong("it names no socket")
        if parts.scheme != _UNIX and not host:
            raise _wrong("it names no host")
        if parts.password is not None and password is None:
            password = SecretRef.keep("SOURCE_PASSWORD", unquote(parts.password))
        path = unquote(parts.path) if parts.scheme == _UNIX else ""
        user = unquote(parts.username) if parts.username else user
        return cls(parts.scheme, host, port, path, user, password, db, tls or Tls())

    @property
    def display(self) -> str:
        """The address as shown to people."""
        return f"{self.scheme}://{self.path}" if self.path else f"{self.scheme}://{self.place}"

    @property
    def identity(self) -> str:
        """What tells the server from others: nothing else of it stays when it restarts."""
        return f"redis:{self.place}"

    @property
    def place(self) -> str:
        """Host and port, or the socket."""
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def encrypted(self) -> bool:
        """Whether the connection is by TLS."""
        return self.scheme == _TLS

    def at(self, host: str, port: int) -> RedisAddress:
        """Another node of the same cluster; without a host, another port of the same one."""
        scheme = _TLS if self.encrypted else _PLAIN
        return replace(self, scheme=scheme, host=host or self.host, port=port, path="")


def _database(parts: SplitResult) -> int | None:
    """The database in ``redis://host/3``, ``redis://host?db=3`` or ``unix:///socket?db=3``."""
    named = parse_qs(parts.query).get("db", [""])[-1]
    if not named and parts.scheme != _UNIX:
        named = parts.path.strip("/")
    if not named:
        return None
    if not named.isdecimal():
        raise ValueError(f"`{named}` is no database: they have numbers")
    return int(named)


def _wrong(why: str) -> ConfigurationError:
    return ConfigurationError(
        "`--source` is not the address of a Redis server",
        why=why,
        suggestion="give host and port, or a unix socket",
        example="--source redis://localhost:6379 --source-db 0   # rediss:// for TLS, unix:///path/of/socket",
    )
