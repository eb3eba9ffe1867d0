"""How pages are coded where they leave a process, and weighed where they do not.

Beam weighs the first ten elements of every step, and ever fewer of the others, by coding them. Steps
that are fused need no coding otherwise; and coding a page of a thousand memories takes milliseconds.
"""

from __future__ import annotations

import pickle

from apache_beam.coders import Coder, registry

from io_connectors.pages import MappedPage, SourcePage

#: Mostly the vector. A guess is enough: runners show it, and nothing depends on it.
_RECORD_BYTES = 4_000

Page = SourcePage | MappedPage


class PageCoder(Coder):
    """Pickles a page, and guesses its size by its records."""

    def encode(self, value: Page) -> bytes:
        """A page as bytes."""
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)

    def decode(self, encoded: bytes) -> Page:
        """The page back."""
        page: Page = pickle.loads(encoded)
        return page

    def estimate_size(self, value: Page) -> int:
        """About how many bytes a page would be."""
        return _RECORD_BYTES * len(value)


registry.register_coder(SourcePage, PageCoder)
registry.register_coder(MappedPage, PageCoder)
