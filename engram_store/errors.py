"""The one error tree, at the bottom so that every layer can raise from it.

MigrationError
├── ConfigurationError      wrong or contradictory settings            exit 2
├── SourceError             the source refused, failed or changed      exit 3
├── MappingError            a record cannot be turned into a memory    exit 3
├── EmbeddingError          a text could not be embedded               exit 1
├── EmbeddingServiceError   the server that embeds does not answer     exit 75
├── TargetError             the target refused, failed or is full      exit 4
│   ├── TargetTransientError    worth trying again
│   └── TargetTerminalError     will fail the same way again
├── DeadLetterLimitError    more bad records than the user allowed     exit 5
├── IntegrityError          what was read back is not what was written exit 6
├── ResumeError             the saved run does not fit this command    exit 7
├── PreflightError          found wanting before the first record      exit 8
└── Interrupted             stopped half-way; the same command goes on exit 75

Each error says what failed, why, and the next command to type. It survives pickling, and a
Beam runner's habit of handing back only the text of a worker's traceback: ``in_text`` finds
the error again in that text.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

AGAIN = "run the same command again; finished pages are kept"

_MARK = re.compile(r"engram-error:([A-Za-z0-9+/=]+)")


class MigrationError(Exception):
    """Something that stops a migration, said so that a person can act on it.

    Args:
        what: What failed, in one sentence; names in backticks.
        why: The cause, as far as it is known.
        suggestion: What to do about it.
        example: A command or setting to type, or empty.
        retry_after: Seconds that the other side asked to wait before another try, or None.
    """

    exit_code: ClassVar[int] = 1
    retriable: ClassVar[bool] = False

    def __init__(
        self,
        what: str,
        *,
        why: str = "",
        suggestion: str = "",
        example: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.suggestion = suggestion
        self.example = example
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self).__name__, self.fields()))

    def fields(self) -> dict[str, object]:
        """The error's parts, as JSON can hold them."""
        return dict(vars(self))

    def lines(self) -> list[str]:
        """The error as a person reads it, one thought a line."""
        named = (("why", self.why), ("try", self.suggestion), ("e.g.", self.example))
        return [self.what, *(f"  {name}: {text}" for name, text in named if text)]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def marked(self) -> WorkerFailure:
        """This error, wrapped so that ``in_text`` finds it in a worker's traceback."""
        packed = json.dumps([type(self).__name__, self.fields()]).encode()
        return WorkerFailure(f"{self}\nengram-error:{base64.b64encode(packed).decode()}")

    @staticmethod
    def in_text(text: str) -> MigrationError | None:
        """The last error that ``marked`` left in a traceback's text, or None."""
        found = _MARK.findall(text)
        if not found:
            return None
        name, fields = json.loads(base64.b64decode(found[-1]))
        return _rebuild(name, fields)


class WorkerFailure(RuntimeError):
    """A MigrationError on its way out of a Beam worker; its text carries the error."""


@contextmanager
def marking() -> Iterator[None]:
    """Marks a MigrationError that leaves the block, as it must be to leave a Beam worker."""
    try:
        yield
    except MigrationError as error:
        raise error.marked() from error


class ConfigurationError(MigrationError):
    """Wrong, missing or contradictory settings."""

    exit_code = 2


class SourceError(MigrationError):
    """The source could not be reached or read, or changed under the reader."""

    exit_code = 3


class SourceTransientError(SourceError):
    """A source failure that is worth another try (a restart, a lost connection)."""

    retriable = True


class MappingError(MigrationError):
    """A record that cannot be turned into a memory; it becomes a dead letter."""

    exit_code = 3


class EmbeddingError(MigrationError):
    """A text that could not be embedded, or a model that does not fit."""


class EmbeddingServiceError(MigrationError):
    """The server that embeds was not to be had; what it gave before is kept."""

    exit_code = 75
    retriable = True

    def __init__(self, what: str, *, why: str = "", retry_after: float | None = None) -> None:
        super().__init__(what, why=why, suggestion=AGAIN, retry_after=retry_after)


class TargetError(MigrationError):
    """The target refused, failed or is full."""

    exit_code = 4


class TargetTransientError(TargetError):
    """A target failure that is worth another try."""

    retriable = True


class TargetTerminalError(TargetError):
    """A target failure that will come again however often it is tried."""


class DeadLetterLimitError(MigrationError):
    """More records were refused than ``--max-dead-letters`` allows."""

    exit_code = 5


class IntegrityError(MigrationError):
    """What the target holds is not what was sent."""

    exit_code = 6


class ResumeError(MigrationError):
    """A saved run exists and does not fit the command that was given."""

    exit_code = 7


class PreflightError(MigrationError):
    """A condition found wanting before the first record was read."""

    exit_code = 8


class Interrupted(MigrationError):
    """The run stopped half-way; the same command goes on where it stopped.

    Args:
        what: What stopped it.
        why: The cause, as far as it is known.
        suggestion: What to do first, if anything; that the command goes on is always said.
    """

    exit_code = 75

    def __init__(self, what: str, *, why: str = "", suggestion: str = "") -> None:
        super().__init__(what, why=why, suggestion=f"{suggestion}; then {AGAIN}" if suggestion else AGAIN)


def _rebuild(name: str, fields: dict[str, object]) -> MigrationError:
    kind = _TREE[name]
    error = kind.__new__(kind)
    Exception.__init__(error, fields["what"])
    vars(error).update(fields)
    return error


def _tree(kind: type[MigrationError]) -> dict[str, type[MigrationError]]:
    branches = {kind.__name__: kind}
    for child in kind.__subclasses__():
        branches |= _tree(child)
    return branches


_TREE = _tree(MigrationError)
