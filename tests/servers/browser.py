"""A browser for the tests of pages."""

from __future__ import annotations

import os
import shutil

import pytest


def browser_program() -> str:
    """A Chromium of this machine."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        if os.environ.get("ENGRAM_MIGRATE_TEST_REQUIRE_SERVERS") == "1":
            pytest.fail("no Chromium on this machine")
        pytest.skip("no Chromium on this machine; run scripts/setup-servers.sh")
    return found
