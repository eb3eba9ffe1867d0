"""The kinds of values that settings have: how each is typed on a command line, kept in YAML, and checked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from engram_store.model import CONFIDENCE


class Kind(Protocol):
    """One kind of value. ``parse`` and ``check`` raise ValueError with a sentence for people."""

    def parse(self, text: str) -> Any:
        """The value that a flag or an environment variable spells."""

    def check(self, value: Any) -> Any:
        """The value that a YAML file holds, in its Python form."""

    def dump(self, value: Any) -> Any:
        """The value as YAML and JSON hold it."""

    @property
    def schema(self) -> dict[str, Any]:
        """JSON schema of the YAML form."""


class _Plain:
    """A kind whose Python, YAML and JSON forms are the same."""

    def dump(self, value: Any) -> Any:
        return value


@dataclass(frozen=True)
class Text(_Plain):
    """Any text; with ``options``, one of these."""

    options: tuple[str, ...] = ()

    def parse(self, text: str) -> str:
        """The text itself."""
        return str(self.check(text))

    def check(self, value: Any) -> str:
        """A text, one of the options if there are any."""
        if not isinstance(value, str):
            raise ValueError(f"it must be a text, not {value!r}")
        if self.options and value not in self.options:
            raise ValueError(f"it must be one of {', '.join(self.options)}, not `{value}`")
        return value

    @property
    def schema(self) -> dict[str, Any]:
        """A string."""
        return {"type": "string", **({"enum": list(self.options)} if self.options else {})}


@dataclass(frozen=True)
class Address(Text):
    """Where a source is. A password in it is never shown, printed or saved."""

    def dump(self, value: Any) -> Any:
        """The address without its password."""
        text = str(value)
        if "://" in text:
            return _QUERY.sub("", _URI.sub(r"\1@", text)).rstrip("?&")
        return _KEYWORD.sub("", text).strip()


# To the first @ behind the user's colon, and on to the last of the authority: a password that was
# not percent-encoded may hold one.
_URI = re.compile(r"(://[^:/?#@]*):[^@]*@(?:[^/?#]*@)?")
_QUERY = re.compile(r"(?<=[?&])\w*password=[^&#]*&?", re.IGNORECASE)
_KEYWORD = re.compile(r"\b\w*password\s*=\s*('(?:[^'\\]|\\.)*'|\S*)", re.IGNORECASE)


@dataclass(frozen=True)
class Secret(Text):
    """A text that is never shown, printed or saved."""

    def dump(self, value: Any) -> Any:
        """Nothing."""
        return ""


@dataclass(frozen=True)
class Databases(Text):
    """Databases by number; as a flag ``0``, ``0,3`` or ``all``."""

    def check(self, value: Any) -> str:
        """Their text; a file may hold a single one as a number."""
        text = str(value) if type(value) is int else super().check(value)
        if not _DATABASES.fullmatch(text):
            raise ValueError(f"it must be a number, numbers such as 0,3, or all, not `{text}`")
        return text

    @property
    def schema(self) -> dict[str, Any]:
        """A string, or an integer."""
        return {
            "anyOf": [
                {"type": "string", "pattern": f"^({_DATABASES.pattern})$"},
                {"type": "integer", "minimum": 0},
            ]
        }


_DATABASES = re.compile("all|[0-9]+(,[0-9]+)*")


def databases(text: str) -> tuple[int, ...] | None:
    """The databases that a text names, in order and once each; None for all."""
    return None if text == "all" else tuple(sorted(set(map(int, text.split(",")))))


@dataclass(frozen=True)
class Listening(Text):
    """An address to listen at: ``host:port``, or a port of this machine alone; empty for none."""

    def check(self, value: Any) -> str:
        """The address with its host; a file may hold a lone port as a number."""
        text = str(value) if type(value) is int else super().check(value)
        host, _, port = text.rpartition(":")
        if text and not (port.isdecimal() and port.isascii() and 0 < int(port) < 2**16):
            raise ValueError(f"it must be host:port with a port from 1 to 65535, not `{text}`")
        return f"{host or LOOPBACK}:{port}" if text else ""

    @property
    def schema(self) -> dict[str, Any]:
        """A string, or a port."""
        port = {"type": "integer", "minimum": 1, "maximum": 2**16 - 1}
        return {"anyOf": [{"type": "string", "pattern": "^$|^(.*:)?[0-9]{1,5}$"}, port]}


#: Where nobody but this machine can ask.
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Whole(_Plain):
    """A whole number not below ``least``."""

    least: int = 0

    def parse(self, text: str) -> int:
        """``1000``, also ``1_000``."""
        try:
            return self.check(int(text))
        except ValueError as error:
            raise ValueError(f"it must be a whole number not below {self.least}, not `{text}`") from error

    def check(self, value: Any) -> int:
        """A whole number, and not too small."""
        if not isinstance(value, int) or isinstance(value, bool) or value < self.least:
            raise ValueError(f"it must be a whole number not below {self.least}, not {value!r}")
        return value

    @property
    def schema(self) -> dict[str, Any]:
        """An integer."""
        return {"type": "integer", "minimum": self.least}


@dataclass(frozen=True)
class Number(_Plain):
    """A number from ``least`` to ``most``; ``names`` are words that stand for numbers."""

    least: float = 0.0
    most: float | None = 1.0
    names: tuple[tuple[str, float], ...] = ()

    def parse(self, text: str) -> float:
        """``0.8``, or one of the names."""
        try:
            return self.check(float(text))
        except ValueError:
            return self.check(text)

    def check(self, value: Any) -> float:
        """A number within the bounds, or a name."""
        if isinstance(value, str) and value.upper() in dict(self.names):
            return dict(self.names)[value.upper()]
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        inside = is_number and self.least <= value < math.inf
        if not inside or (self.most is not None and value > self.most):
            words = "".join(f", or {name}" for name, _ in self.names)
            most = "up" if self.most is None else f"{self.most:g}"
            raise ValueError(f"it must be a number from {self.least:g} to {most}{words}, not {value!r}")
        return float(value)

    @property
    def schema(self) -> dict[str, Any]:
        """A number, or a name."""
        number: dict[str, Any] = {"type": "number", "minimum": self.least}
        if self.most is not None:
            number["maximum"] = self.most
        return {"anyOf": [number, {"enum": [name for name, _ in self.names]}]} if self.names else number


#: A confidence as Engram names it, or a number.
CONFIDENCE_LEVEL = Number(names=tuple(CONFIDENCE.items()))


@dataclass(frozen=True)
class Switch(_Plain):
    """On or off; as a flag ``--name`` and ``--no-name``."""

    def parse(self, text: str) -> bool:
        """``true``/``false`` and their like, from the environment."""
        words = {"1": True, "true": True, "yes": True, "on": True}
        words |= {"0": False, "false": False, "no": False, "off": False, "": False}
        if text.lower() not in words:
            raise ValueError(f"it must be true or false, not `{text}`")
        return words[text.lower()]

    def check(self, value: Any) -> bool:
        """True or false."""
        if not isinstance(value, bool):
            raise ValueError(f"it must be true or false, not {value!r}")
        return value

    @property
    def schema(self) -> dict[str, Any]:
        """A boolean."""
        return {"type": "boolean"}


@dataclass(frozen=True)
class Words:
    """A list of texts; as a flag ``a,b``."""

    def parse(self, text: str) -> tuple[str, ...]:
        """Texts separated by commas."""
        return tuple(part.strip() for part in text.split(",") if part.strip())

    def check(self, value: Any) -> tuple[str, ...]:
        """A list of texts; a single text is a list of one."""
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, (list, tuple)) or not all(isinstance(v, str) and v for v in values):
            raise ValueError(f"it must be a list of texts, not {value!r}")
        return tuple(values)

    def dump(self, value: Sequence[str]) -> list[str]:
        """A list."""
        return list(value)

    @property
    def schema(self) -> dict[str, Any]:
        """An array of strings, or one."""
        word = {"type": "string", "minLength": 1}
        return {"anyOf": [{"type": "array", "items": word}, word]}


@dataclass(frozen=True)
class Pairs:
    """Texts by name; as a flag ``users:people,orders:sales``. ``lone`` is the name of a bare text."""

    lone: str | None = None

    def parse(self, text: str) -> dict[str, str]:
        """Name and text joined by the last colon, pairs separated by commas."""
        pairs = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, colon, value = part.rpartition(":")
            if not colon and self.lone is not None:
                name = self.lone
            if not (name.strip() and value.strip()):
                raise ValueError(f"it must look like `users:people,orders:sales`, and `{part}` does not")
            pairs[name.strip()] = value.strip()
        return pairs

    def check(self, value: Any) -> dict[str, str]:
        """A mapping of texts, or a bare text where one may stand alone."""
        if isinstance(value, str) and self.lone is not None:
            return {self.lone: value}
        if not isinstance(value, Mapping) or not all(
            isinstance(v, str) and v for pair in value.items() for v in pair
        ):
            raise ValueError(f"it must map names to texts, not {value!r}")
        return dict(value)

    def dump(self, value: Mapping[str, str]) -> dict[str, str]:
        """A mapping."""
        return dict(value)

    @property
    def schema(self) -> dict[str, Any]:
        """An object of strings."""
        pairs = {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}}
        return pairs if self.lone is None else {"anyOf": [pairs, {"type": "string", "minLength": 1}]}


@dataclass(frozen=True)
class Ranges(Pairs):
    """Ranges of numbers by name; as a flag ``KNOWS:0..10,RATED:observed``."""

    def parse(self, text: str) -> dict[str, str]:
        """Name and range joined by the last colon, pairs separated by commas."""
        return self.check(super().parse(text))

    def check(self, value: Any) -> dict[str, str]:
        """A mapping of ranges."""
        pairs = super().check(value)
        for name, text in pairs.items():
            if text != OBSERVED:
                bounds(name, text)
        return pairs


#: Stands for the range that the source's own values have.
OBSERVED = "observed"


def bounds(name: str, text: str) -> tuple[float, float]:
    """The ends of a range such as ``0..10``."""
    try:
        low, high = (float(end) for end in text.split(".."))
    except ValueError:
        low = high = math.nan
    if not low < high or math.isinf(high - low):
        raise ValueError(f"the range of `{name}` must be like 0..10, or `{OBSERVED}`, not `{text}`")
    return low, high


@dataclass(frozen=True)
class Lists:
    """Lists of texts by name; as a flag ``users:name,bio;orders:notes``."""

    def parse(self, text: str) -> dict[str, tuple[str, ...]]:
        """Name and list joined by the last colon, lists separated by semicolons."""
        lists = {}
        for part in filter(None, (part.strip() for part in text.split(";"))):
            name, _, values = part.rpartition(":")
            if not (name.strip() and Words().parse(values)):
                raise ValueError(f"it must look like `users:name,bio;orders:notes`, and `{part}` does not")
            lists[name.strip()] = Words().parse(values)
        return lists

    def check(self, value: Any) -> dict[str, tuple[str, ...]]:
        """A mapping of lists."""
        if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
            raise ValueError(f"it must map names to lists of texts, not {value!r}")
        return {name: Words().check(values) for name, values in value.items()}

    def dump(self, value: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """A mapping of lists."""
        return {name: list(values) for name, values in value.items()}

    @property
    def schema(self) -> dict[str, Any]:
        """An object of arrays."""
        return {"type": "object", "additionalProperties": Words().schema}


@dataclass(frozen=True)
class Records:
    """A list of small records, each with the same fields; only in a file."""

    required: tuple[tuple[str, Kind], ...]

    def parse(self, text: str) -> Any:
        """Records have no one-line form."""
        raise ValueError("it can only be given in a configuration file")

    def check(self, value: Any) -> tuple[dict[str, Any], ...]:
        """A list of mappings with exactly the fields."""
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"it must be a list, not {value!r}")
        return tuple(self._check_one(record) for record in value)

    def dump(self, value: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """A list of mappings."""
        return [{name: kind.dump(record[name]) for name, kind in self.required} for record in value]

    @property
    def schema(self) -> dict[str, Any]:
        """An array of objects."""
        properties = {name: kind.schema for name, kind in self.required}
        item = {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }
        return {"type": "array", "items": item}

    def _check_one(self, record: Any) -> dict[str, Any]:
        names = [name for name, _ in self.required]
        if not isinstance(record, Mapping) or set(record) != set(names):
            raise ValueError(f"each entry must have exactly the fields {', '.join(names)}, not {record!r}")
        return {name: kind.check(record[name]) for name, kind in self.required}
