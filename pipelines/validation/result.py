"""What validating a run on its own comes to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from engram_store.errors import IntegrityError
from pipelines.report import Check, check_lines

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Validation:
    """What validating a run on its own came to.

    Attributes:
        run: The run.
        system: The source's kind; empty if no pipeline made the run.
        source: The source's address without secrets; empty where it was not asked.
        target: How the target was named.
        at: When it was asked, RFC 3339.
        checks: What was asked.
    """

    run: str
    system: str
    source: str
    target: str
    at: str
    checks: tuple[Check, ...]

    @property
    def valid(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def exit_code(self) -> int:
        """What a command that validates ends with."""
        return 0 if self.valid else IntegrityError.exit_code

    def document(self) -> dict[str, Any]:
        """The result as JSON holds it."""
        return {"version": _VERSION, "valid": self.valid, **asdict(self)}

    def lines(self) -> list[str]:
        """The result as a person reads it."""
        first = f"Run {self.run}: {self.source or 'without its source'} → {self.target}"
        last = "valid" if self.valid else "not valid"
        return [first, *(line for check in self.checks for line in check_lines(check)), f"  {last}"]
