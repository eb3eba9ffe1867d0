"""References to secrets: the pipeline graph carries the name of a secret, never the secret."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from engram_store.errors import ConfigurationError

_PREFIX = "ENGRAM_MIGRATE_"


@dataclass(frozen=True, slots=True)
class SecretRef:
    """The name of an environment variable, or the path of a file, that holds a secret.

    Workers resolve it in ``setup()``; what is pickled, logged and reported is the name only.
    """

    variable: str = ""
    path: str = ""

    @classmethod
    def keep(cls, name: str, value: str) -> SecretRef:
        """Moves a secret that was given in clear into this process's environment.

        Local workers inherit it; for workers elsewhere set the variable there.
        """
        variable = _PREFIX + name
        os.environ[variable] = value
        return cls(variable=variable)

    def resolve(self) -> str:
        """The secret itself.

        Raises:
            ConfigurationError: The variable or the file is not there.
        """
        if self.path:
            return self._read_file()
        value = os.environ.get(self.variable)
        if value is None:
            raise ConfigurationError(
                f"the environment variable `{self.variable}` is not set",
                why="it should hold a password, and every worker needs it",
                suggestion="set it where the workers run",
                example=f"export {self.variable}=…",
            )
        return value

    def optional(self) -> str:
        """The secret, or nothing where the variable is not set."""
        return self.resolve() if self.path or self.variable in os.environ else ""

    def _read_file(self) -> str:
        try:
            return Path(self.path).read_text(encoding="utf-8").rstrip("\n")
        except OSError as error:
            raise ConfigurationError(
                f"the secret's file `{self.path}` cannot be read",
                why=error.strerror or str(error),
                suggestion="check the path and its rights, on every worker",
            ) from error
