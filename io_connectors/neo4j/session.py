"""Connections to Neo4j: how to reach it, what it is, and errors a person can act on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

import neo4j
from neo4j.exceptions import AuthError, DriverError, IncompleteCommit, Neo4jError
from neo4j.exceptions import ConfigurationError as BadSetting

from engram_store.errors import ConfigurationError, MigrationError, SourceError, SourceTransientError
from io_connectors.retry import DEFAULT_POLICY, RetryPolicy, retrying
from io_connectors.secrets import SecretRef

T = TypeVar("T")

SCHEMES = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")

#: A killed server with a few GB took 75–78 s to answer again.
RETRY_SECONDS = 150.0
_CONNECT_SECONDS = 20.0
#: The same patience for a new connection: the waits of these tries come to 150 s.
PATIENT = RetryPolicy(attempts=12)

#: The first server whose warnings can be turned off, and which would flood the log with them.
_QUIETABLE = (5, 7)
_OLDEST = (4, 4)


@dataclass(frozen=True, slots=True)
class Neo4jAddress:
    """Where a database is, without its password; safe to put into a pipeline graph.

    Attributes:
        url: ``neo4j://host:7687`` and its kin, without user or password.
        user: The user, or empty for a server without authentication.
        database: The database, or empty for the user's home database.
        password: Where the password is to be found, or None.
    """

    url: str
    user: str = ""
    database: str = ""
    password: SecretRef | None = None

    @classmethod
    def parse(
        cls, source: str, user: str = "neo4j", database: str = "", password: SecretRef | None = None
    ) -> Neo4jAddress:
        """Reads a URL; a user in it counts before ``user``, a password is moved out of sight.

        A path names the database: ``neo4j://host:7687/movies``.

        Raises:
            ConfigurationError: It is no Neo4j URL.
        """
        parts = urlsplit(source)
        if parts.scheme not in SCHEMES or not parts.hostname:
            raise ConfigurationError(
                "`--source` is not a Neo4j address",
                why=f"it must begin with {', '.join(f'{scheme}://' for scheme in SCHEMES)}, and name a host",
                suggestion="give the address that the Neo4j browser connects to",
                example="--source neo4j://localhost:7687 --source-user reader",
            )
        if parts.password is not None and password is None:
            password = SecretRef.keep("SOURCE_PASSWORD", unquote(parts.password))
        host = parts.netloc.rpartition("@")[2]
        url = urlunsplit((parts.scheme, host, "", parts.query, ""))
        name = database or unquote(parts.path.strip("/"))
        return cls(url, unquote(parts.username) if parts.username else user, name, password)

    @property
    def display(self) -> str:
        """Host and database as shown to people."""
        return f"{self.url}/{self.database}" if self.database else self.url


@dataclass(frozen=True, slots=True)
class Server:
    """The server that answered.

    Attributes:
        agent: As it names itself.
        version: Its major and minor version.
    """

    agent: str
    version: tuple[int, int]

    @classmethod
    def named(cls, agent: str) -> Server:
        """Reads ``Neo4j/5.26.30`` and its kin."""
        found = re.search(r"(\d+)\.(\d+)", agent)
        return cls(agent, (int(found[1]), int(found[2])) if found else (0, 0))


class _CutOff(SourceTransientError):
    """A transaction whose end nobody saw."""

    def __init__(self, cause: IncompleteCommit) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Connection:
    """A driver and what it is connected to.

    Attributes:
        server: The server.
    """

    def __init__(self, driver: neo4j.Driver, server: Server, address: Neo4jAddress) -> None:
        self._driver = driver
        self.server = server
        self._address = address

    def read(self, query: str, **parameters: Any) -> list[list[Any]]:
        """The rows of a query, fetched whole in one managed read transaction.

        The driver tries again on a lost connection and on transient errors, for ``RETRY_SECONDS``.

        Raises:
            neo4j.exceptions.Neo4jError: The server refused.
            neo4j.exceptions.DriverError: The server could not be reached.
        """
        return self.managed(lambda transaction: transaction.run(query, parameters).values())

    def managed(self, work: Callable[[neo4j.ManagedTransaction], T]) -> T:
        """Runs the work in one managed read transaction; it may run more than once.

        Raises:
            neo4j.exceptions.Neo4jError: The server refused.
            neo4j.exceptions.DriverError: The server could not be reached.
        """
        try:
            return retrying(lambda: self._managed_once(work))
        except _CutOff as error:
            cause = error.cause
        # Not within: each would be the other's reason, and whoever looks for the first would look for ever.
        raise cause

    def close(self) -> None:
        """Closes the driver."""
        self._driver.close()

    def _managed_once(self, work: Callable[[neo4j.ManagedTransaction], T]) -> T:
        with self._driver.session(**self._options()) as session:
            try:
                return session.execute_read(work)
            except IncompleteCommit as error:
                # The server went away at the very end. The driver cannot know that nothing was written.
                raise _CutOff(error) from error

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = {"default_access_mode": neo4j.READ_ACCESS}
        if self._address.database:
            options["database"] = self._address.database
        if self.server.version >= _QUIETABLE:
            options["notifications_min_severity"] = "OFF"
        return options


def connect(address: Neo4jAddress, policy: RetryPolicy = DEFAULT_POLICY) -> Connection:
    """Opens a connection, and tries again on transient failures.

    Args:
        address: The database.
        policy: How patiently; ``PATIENT`` where a server that answered before is waited for.

    Raises:
        SourceError: It cannot be made.
    """
    return retrying(lambda: _connect_once(address), policy)


def _connect_once(address: Neo4jAddress) -> Connection:
    with translating(f"connecting to `{address.display}`"):
        driver = neo4j.GraphDatabase.driver(
            address.url,
            auth=_auth(address),
            connection_timeout=_CONNECT_SECONDS,
            max_transaction_retry_time=RETRY_SECONDS,
            telemetry_disabled=True,
        )
        try:
            return _checked(Connection(driver, Server.named(driver.get_server_info().agent), address))
        except BaseException:
            driver.close()
            raise


def _checked(connection: Connection) -> Connection:
    if connection.server.version < _OLDEST:
        raise SourceError(
            f"`{connection.server.agent}` is too old, or no Neo4j",
            why="the queries need Neo4j 4.4 or newer",
            suggestion="upgrade the server, or load a dump of it into a newer one",
        )
    connection.read("RETURN 1")
    return connection


def _auth(address: Neo4jAddress) -> tuple[str, str] | None:
    if address.password is None:
        return None
    return address.user, address.password.resolve()


_REFUSED = {
    "Neo.ClientError.Security.Unauthorized": (
        "check `--source-user` and the password (ENGRAM_MIGRATE_SOURCE_PASSWORD, or `--source-password-file`)"
    ),
    "Neo.ClientError.Security.AuthenticationRateLimit": "wait a few seconds: too many wrong passwords",
    "Neo.ClientError.Security.CredentialsExpired": "set a password of your own on the server first",
    "Neo.ClientError.Security.Forbidden": "use a user who may read the whole graph",
    "Neo.ClientError.Database.DatabaseNotFound": "check `--database`; SHOW DATABASES lists them",
    "Neo.TransientError.Database.DatabaseUnavailable": "start the database; SHOW DATABASES tells its state",
}

#: What servers say of a connection without user and password.
_NO_PASSWORD = "missing key `scheme`"

#: What reading fewer records at a time can cure.
_TOO_MUCH = (
    "Neo.TransientError.General.OutOfMemoryError",
    "Neo.TransientError.General.MemoryPoolOutOfMemoryError",
    "Neo.TransientError.General.TransactionMemoryLimit",
    "Neo.TransientError.General.StackOverFlowError",
    "Neo.ClientError.General.TransactionOutOfMemoryError",
    "Neo.DatabaseError.General.OutOfMemoryError",
    "Neo.ClientError.Transaction.TransactionTimedOut",
    "Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration",
)


def is_too_much(error: Neo4jError) -> bool:
    """Whether the server had not the memory or the time for so many records at once."""
    return error.code in _TOO_MUCH


@contextmanager
def translating(doing: str) -> Iterator[None]:
    """Turns the driver's errors into errors of the tree.

    Args:
        doing: What is being done, as in "counting the nodes".
    """
    try:
        yield
    except (Neo4jError, DriverError, BadSetting) as error:
        raise translate(error, doing) from error


def translate(error: Exception, doing: str) -> MigrationError:
    """The error tree's form of a driver's error."""
    what = f"{doing} failed"
    if isinstance(error, AuthError | Neo4jError) and (error.code or "") in _REFUSED:
        return SourceError(what, why=_cause(error), suggestion=_REFUSED[error.code or ""])
    if isinstance(error, Neo4jError) and not error.is_retryable():
        return SourceError(what, why=f"{_cause(error)} ({error.code})", suggestion="see the server's log")
    if isinstance(error, BadSetting):
        return ConfigurationError(what, why=_cause(error), suggestion="correct `--source`")
    return SourceTransientError(
        what, why=_cause(error), suggestion="check that the server runs, listens there, and is reachable"
    )


def _cause(error: BaseException) -> str:
    """The first line of the deepest cause: of a refused connection the driver says "unable to route"."""
    deeper: BaseException | None = error
    while deeper is not None:
        error = deeper
        # A group of exceptions: one for each server that was tried.
        several = getattr(error, "exceptions", ())
        deeper = several[-1] if several else error.__cause__ or error.__context__
    message = getattr(error, "message", None) or str(error) or type(error).__name__
    plain = str(message).strip().splitlines()[0]
    return "no password was given" if _NO_PASSWORD in plain else plain
