"""The forms of a report: each says the same, and none of them lets a name become markup."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import orjson
import pytest

from pipelines.report import Report
from pipelines.reporting.html import page
from pipelines.reporting.junit import junit
from pipelines.reporting.saved import save_report
from pipelines.reporting.schema import published, schema
from pipelines.settings.model import Settings
from tests.docs.markdown import REPOSITORY
from tests.report.made import HOSTILE, hostile, made


def test_published_schema_is_the_reports() -> None:
    file = REPOSITORY / "docs" / "report.schema.json"
    told = "make it again: python -m pipelines.reporting.schema > docs/report.schema.json"
    assert file.read_text(encoding="utf-8") == published(), told


@pytest.mark.parametrize("report", [made(), hostile()], ids=["made", "hostile"])
def test_report_is_as_its_schema_says(report: Report) -> None:
    document = orjson.loads(orjson.dumps(report.document()))
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(document, schema())


def test_schema_refuses_other_documents() -> None:
    document = orjson.loads(orjson.dumps(made().document()))
    for spoilt in (
        {**document, "records": "many"},
        {**document, "version": 1},
        {**document, "further": 0},
        {name: value for name, value in document.items() if name != "checks"},
        {**document, "checks": [{"name": "x", "passed": "yes", "found": "", "details": []}]},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(spoilt, schema())


def test_every_field_of_the_schema_says_what_it_is() -> None:
    parts = [schema(), *schema()["$defs"].values()]
    told = [name for part in parts for name, of in part["properties"].items() if not of.get("description")]
    assert told == [], "describe them in the dataclass's docstring"


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def _read(text: str) -> _Tags:
    tags = _Tags()
    tags.feed(text)
    return tags


def test_page_says_all_that_matters() -> None:
    text = _read(page(made())).text
    for words in (
        "1 of 2 checks failed",
        "every record arrived, or is a dead letter: 21,642 in the source",
        "a (page p): norm 0.7",
        "refused: its JSON is too large",
        "orphan edges of public.orders.orders_customer_fkey",
        "orders_1 → a record that is not there",
        "Throughput",
        "Activation",
        "Decay rate",
        "0.01 to 0.02: 20,000 memories",
    ):
        assert words in text, words


def test_page_of_a_run_without_anything_is_whole() -> None:
    report = made()
    empty = replace(
        report, tables={}, spaces={}, edges={}, checks=(), attempts=(), expired=0,
        distributions=type(report.distributions)(),
    )  # fmt: skip
    text = _read(page(empty)).text
    assert "Nothing was checked." in text and "Nothing was left out." in text and "Throughput" not in text


def test_hostile_names_stay_names_in_the_page() -> None:
    tags = _read(page(hostile()))
    assert not {"script", "img"} & set(tags.tags)
    assert not [name for name in tags.attributes if name.startswith("on")]
    assert tags.text.count("window.hurt=1") > 20


def test_page_needs_no_network() -> None:
    assert not re.search(r"https?://|//\w|@import|url\(", page(made()).replace("postgresql://", ""))


def test_junit_has_a_case_for_each_check() -> None:
    suites = ElementTree.fromstring(junit("shop-1", "postgresql", made().checks))
    (suite,) = suites
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    passed, failed = suite
    assert passed.get("name") == "every record arrived, or is a dead letter" and not passed.findall("failure")
    (failure,) = failed
    assert failure.get("message") == "1,000 looked at, 2 empty" and failure.text == "a (page p): norm 0.7"


def test_junit_holds_any_name() -> None:
    (suite,) = ElementTree.fromstring(junit("shop-1", "postgresql", hostile().checks))
    assert suite[1][0].text == HOSTILE.replace("\x00", "\ufffd")


def test_files_are_where_they_were_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked = save_report(made(), Settings(report_dir="some/where"))
    assert asked == [f"some/where/report.{form}" for form in ("html", "json", "junit.xml")]
    kept = save_report(made(), Settings(target="http://127.0.0.1:1"))
    assert kept[0] == "engram-report/shop-1/report.html"
    beside = save_report(made(), Settings(target="./store"))
    assert beside[0] == "./store/runs/shop-1/report.html"
    for paths in (asked, kept, beside):
        assert json.loads(Path(paths[1]).read_bytes())["run"] == "shop-1"
        assert Path(paths[0]).read_text(encoding="utf-8") == page(made())
