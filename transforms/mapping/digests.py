"""A digest of a user's choices, by which a run is not gone on with under other ones."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping


def digest(choices: object, names: Iterable[str], ordered: Collection[str]) -> str:
    """blake2b-64, in hex, over some of the choices.

    Args:
        choices: Has the choices as attributes.
        names: The choices that count.
        ordered: Those whose order decides something; of the others it does not matter how they
            were typed.
    """
    made_of = repr([(name, _stable(getattr(choices, name), name in ordered)) for name in names])
    return hashlib.blake2b(made_of.encode(), digest_size=8).hexdigest()


def _stable(value: object, ordered: bool) -> object:
    if isinstance(value, Mapping):
        return list(value.items()) if ordered else sorted(value.items())
    return value
