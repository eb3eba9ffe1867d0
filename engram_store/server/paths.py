"""Paths whose last part is a name of any characters, slashes and line ends too."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class _AnyName(Convertor[str]):
    regex = r"[\s\S]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


#: ``{id:name}`` in a route.
register_url_convertor("name", _AnyName())
