"""What a server's refusals and a connection's failures mean, as errors a person can act on."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import hiredis

from engram_store.errors import Interrupted, MigrationError, SourceError, SourceTransientError

_RIGHTS = "'~*' '+@read' '+@transaction' +select +info +time '+cluster|slots' '+cluster|nodes'"
_PASSWORD = (
    "check `--source-user` and the password (ENGRAM_MIGRATE_SOURCE_PASSWORD, or `--source-password-file`)"
)

#: What will be refused again, by the first word of the refusal.
_REFUSED = {
    "NOAUTH": "give a password: ENGRAM_MIGRATE_SOURCE_PASSWORD, or `--source-password-file`",
    "WRONGPASS": _PASSWORD,
    "NOPERM": f"let the user read: ACL SETUSER name {_RIGHTS}",
    "DENIED": "the server is in protected mode: connect from its own machine, or set a password there",
}
#: What passes: the server starts, a replica is resynchronised, slots move, a script runs.
_PASSING = ("LOADING", "MASTERDOWN", "CLUSTERDOWN", "MOVED", "ASK", "TRYAGAIN", "BUSY", "UNBLOCKED")

#: Refusals that have no word of their own.
_WORDED = {
    "invalid password": _PASSWORD,
    "without any password configured": "leave the password out: the server has none",
    "no password is set": "leave the password out: the server has none",
    "unknown command": "Redis 2.8 or newer is needed; migrate a dump file instead: `--use-rdb dump.rdb`",
    "DB index is out of range": "check `--source-db`; INFO keyspace lists the databases that hold keys",
    "SELECT is not allowed in cluster mode": "leave `--source-db` out: a cluster has database 0 only",
}
_PASSING_WORDED = ("max number of clients reached",)


def code_of(error: hiredis.ReplyError) -> str:
    """The word that a refusal begins with."""
    return str(error).partition(" ")[0]


def is_passing(error: hiredis.ReplyError) -> bool:
    """Whether the same command may be answered later."""
    return code_of(error) in _PASSING or any(words in str(error) for words in _PASSING_WORDED)


@contextmanager
def translating(doing: str) -> Iterator[None]:
    """Turns refusals and failures into errors of the tree.

    Args:
        doing: What is being done, as in "counting the keys".
    """
    try:
        yield
    except (hiredis.HiredisError, OSError) as error:
        raise translate(error, doing) from error


@contextmanager
def resumable() -> Iterator[None]:
    """Turns what failed for minutes, and worked before, into ``Interrupted``: later, the run goes on."""
    try:
        yield
    except MigrationError as error:
        if not error.retriable:
            raise
        raise Interrupted(error.what, why=error.why, suggestion=error.suggestion) from error


def translate(error: Exception, doing: str) -> MigrationError:
    """The error tree's form of a refusal or a failure."""
    what = f"{doing} failed"
    if isinstance(error, hiredis.ReplyError):
        return _refused(error, what)
    if isinstance(error, hiredis.ProtocolError):
        return SourceError(
            what, why=f"what answers there is no Redis server: {error}", suggestion="check host and port"
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return SourceError(
            what, why=error.verify_message, suggestion="name the authority's file: `--tls-ca-file ca.crt`"
        )
    if isinstance(error, ssl.SSLError):
        return SourceError(
            what,
            why=error.reason or str(error),
            suggestion="check that this port speaks TLS, and whether it wants `--tls-cert-file`",
        )
    if isinstance(error, PermissionError):
        return SourceError(what, why=_cause(error), suggestion="run as a user who may use the socket")
    return SourceTransientError(
        what,
        why=_cause(error),
        suggestion="check that the server runs, is reachable, and listens there (by TLS: `rediss://`)",
    )


def _refused(error: hiredis.ReplyError, what: str) -> MigrationError:
    why = str(error).splitlines()[0]
    if is_passing(error):
        return SourceTransientError(what, why=why, suggestion="wait until the server has its data again")
    suggestion = _REFUSED.get(code_of(error)) or next(
        (suggestion for words, suggestion in _WORDED.items() if words in why), "see the server's log"
    )
    # The first sentence: of protected mode the server writes a page.
    return SourceError(what, why=why.partition(". ")[0], suggestion=suggestion)


def _cause(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
