"""The web page in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engram_store.store import Store
from tests.server.serving import Serving
from tests.servers.browser import browser_program
from tests.store.synthetic import Link, memories, write

# Driving a browser needs a package that only this test uses.
playwright = pytest.importorskip("playwright.sync_api")

HOSTILE = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>"&'


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Serving]:
    """A server whose memories try to become markup wherever they can."""
    store = Store.open(tmp_path / "store", create=True)
    run = store.create_run("first", {"model": "local/lexical-1", "started_at": "2025-01-01T00:00:00Z"})
    write(run, "p", memories(["a", HOSTILE], content=HOSTILE), [Link("e", "a", HOSTILE)])
    store.finalize()
    with Serving(tmp_path / "store") as server:
        yield server


@pytest.mark.slow
def test_search_open_walk_and_nothing_becomes_markup(hostile: Serving) -> None:
    said: list[str] = []
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=browser_program(), args=["--no-sandbox"])
        page = browser.new_page(color_scheme="dark")
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(hostile.url)
        page.get_by_role("status").get_by_text("1 spaces").wait_for()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 28)"
        page.emulate_media(color_scheme="light")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"

        page.get_by_role("searchbox").fill("window hurt")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("button", name="users/a").click()
        section = page.get_by_role("region", name="memory")
        assert section.locator("pre").inner_text() == HOSTILE

        section.get_by_role("button").click()
        section.get_by_role("heading", name=f"users/{HOSTILE}", exact=True).wait_for()
        section.get_by_text("← KNOWS").wait_for()
        section.get_by_role("button", name="users/a").click()
        section.get_by_text("→ KNOWS").wait_for()

        page.get_by_role("button", name="List").click()
        page.get_by_role("status").get_by_text("2 memories").wait_for()
        assert page.evaluate("window.hurt") is None
        assert page.locator("img, ul script").count() == 0
        browser.close()
    assert said == []
