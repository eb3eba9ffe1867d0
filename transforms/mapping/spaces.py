"""Memory space names: what the public Engram server accepts, made from table names."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from engram_store.errors import ConfigurationError

_VALID = re.compile(r"[a-z0-9_-]{3,64}")


def check_space(name: str) -> str:
    """The name itself, if it is one.

    Raises:
        ConfigurationError: It is not 3 to 64 characters of ``a-z 0-9 _ -``.
    """
    if not _VALID.fullmatch(name):
        raise ConfigurationError(
            f"`{name}` cannot name a memory space",
            why="a space's name is 3 to 64 characters of a-z, 0-9, _ and -",
            suggestion=f"use `{slug(name)}`",
        )
    return name


def slug(text: str, kind: str = "table") -> str:
    """The nearest valid space name; long ones end in a digest so that they stay apart.

    Args:
        text: What the space is named after.
        kind: What that is; put before a name that would be too short.
    """
    plain = re.sub(r"[^a-z0-9_-]+", "_", text.lower()).strip("_")
    if not plain:
        plain = hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
    if len(plain) < 3:
        plain = f"{kind}_{plain}"
    if len(plain) > 64:
        plain = f"{plain[:55]}_{hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"
    return plain


def spaces_for(names: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
    """A space of its own for each (schema, table).

    The table's slug; with its schema where two tables would share a slug.

    Raises:
        ConfigurationError: Two names cannot be told apart even so.
    """
    short = Counter(slug(table) for _, table in names)
    spaces = {
        (schema, table): slug(table) if short[slug(table)] == 1 else slug(f"{schema}_{table}")
        for schema, table in names
    }
    for name, count in Counter(spaces.values()).items():
        if count > 1:
            clashing = sorted(
                f"{schema}.{table}" for (schema, table), space in spaces.items() if space == name
            )
            raise ConfigurationError(
                f"the tables {', '.join(f'`{table}`' for table in clashing)} would share the space `{name}`",
                why="their names differ only in characters that a space's name cannot hold",
                suggestion="say which spaces they shall have",
                example=f'--table-to-space "{clashing[0]}:{name}_1,{clashing[1]}:{name}_2"',
            )
    return spaces
