"""The report's page in a real browser: whole at any width, in light and dark, and inert."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.reporting.html import page as page_of
from tests.report.made import hostile, made
from tests.servers.browser import browser_program

# Driving a browser needs a package that only tests of pages use.
playwright = pytest.importorskip("playwright.sync_api")


@pytest.mark.slow
def test_page_fits_phone_and_desktop_in_light_and_dark(tmp_path: Path) -> None:
    said: list[str] = []
    for name, report in (("made", made()), ("hostile", hostile())):
        (tmp_path / f"{name}.html").write_text(page_of(report), encoding="utf-8")
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=browser_program(), args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda request: said.append(request.url) if "file:" not in request.url else None)
        for name in ("made", "hostile"):
            page.goto((tmp_path / f"{name}.html").as_uri())
            for scheme, back in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(22, 24, 28)")):
                page.emulate_media(color_scheme=scheme)
                assert page.evaluate("getComputedStyle(document.body).backgroundColor") == back
                for width in (360, 1280):
                    page.set_viewport_size({"width": width, "height": 900})
                    assert page.evaluate("document.documentElement.scrollWidth") <= width
            pictures = page.get_by_role("img").locator("visible=true")
            assert pictures.count() == 5  # three pictures, and a mark for each of two checks
        assert page.evaluate("window.hurt") is None
        assert page.locator("img, script").count() == 0
        browser.close()
    assert [url for url in said if not url.startswith("data:")] == []
