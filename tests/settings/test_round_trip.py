"""Settings that were printed load as they were; their schema agrees; secrets are not among them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.settings.kinds import (
    OBSERVED,
    Address,
    Databases,
    Kind,
    Listening,
    Lists,
    Number,
    Pairs,
    Ranges,
    Records,
    Secret,
    Switch,
    Text,
    Whole,
    Words,
)
from pipelines.settings.load import load
from pipelines.settings.model import Settings, as_document, json_schema, kind_of
from pipelines.settings.schema import SETTINGS, published
from pipelines.settings.sources import PostgresSettings

REPOSITORY = Path(__file__).resolve().parents[2]
# No control characters: PyYAML writes U+0085 as a line break, and reads it back as a blank.
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=6)
NAMES = TEXTS.filter(bool)
WORDS = st.lists(NAMES, max_size=3).map(tuple)


def texts(kind: Text) -> st.SearchStrategy[str]:
    return st.sampled_from(kind.options) if kind.options else TEXTS


def records(kind: Records) -> st.SearchStrategy[Any]:
    record = st.fixed_dictionaries({name: values(inner) for name, inner in kind.required})
    return st.lists(record, max_size=2).map(tuple)


#: Values of each kind, as settings hold them.
VALUES: dict[type, Callable[[Any], st.SearchStrategy[Any]]] = {
    Address: lambda _: st.sampled_from(["", "postgresql://u@h/d?a=b", "host=h user=u"]),
    Secret: lambda _: st.just(""),
    Databases: lambda _: st.sampled_from(["0", "15", "0,3", "all"]),
    Listening: lambda _: st.sampled_from(["", "127.0.0.1:9105", "[::1]:1"]),
    Text: texts,
    Whole: lambda kind: st.integers(kind.least),
    Number: lambda kind: st.floats(kind.least, kind.most, allow_nan=False, allow_infinity=False),
    Switch: lambda _: st.booleans(),
    Words: lambda _: WORDS,
    Lists: lambda _: st.dictionaries(TEXTS, WORDS, max_size=3),
    Pairs: lambda _: st.dictionaries(NAMES, NAMES, max_size=3),
    Ranges: lambda _: st.dictionaries(NAMES, st.sampled_from(["0..10", "-2.5..1e3", OBSERVED]), max_size=3),
    Records: records,
}


def values(kind: Kind) -> st.SearchStrategy[Any]:
    return VALUES[type(kind)](kind)


DECLARED = {f.name: f for kind in SETTINGS.values() for f in fields(kind)}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@pytest.mark.parametrize("kind", SETTINGS.values(), ids=SETTINGS)
@given(data=st.data())
def test_printed_settings_load_as_they_were(
    tmp_path: Path, kind: type[Settings], data: st.DataObject
) -> None:
    given_settings = data.draw(st.builds(kind, **{f.name: values(kind_of(f)) for f in fields(kind)}))
    file = tmp_path / "settings.yaml"
    document = as_document(given_settings)
    file.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
    assert load(kind, "p", "d", ["--config", str(file)], {}).settings == given_settings
    jsonschema.validate(json.loads(json.dumps(document)), json_schema(kind))


@pytest.mark.parametrize("declared", DECLARED.values(), ids=DECLARED)
@given(data=st.data())
@settings(max_examples=15)
def test_kinds_take_what_they_dump(declared: Any, data: st.DataObject) -> None:
    kind = kind_of(declared)
    value = data.draw(values(kind))
    assert kind.check(kind.dump(value)) == value
    jsonschema.validate(json.loads(json.dumps(kind.dump(value))), kind.schema)


PLAIN = st.text("abcXYZ019_.*", min_size=1, max_size=6)


@given(st.lists(PLAIN, max_size=4))
def test_words_on_one_line(words: list[str]) -> None:
    assert Words().parse(", ".join(words)) == tuple(words)


@given(st.dictionaries(PLAIN, PLAIN, max_size=4))
def test_pairs_on_one_line(pairs: dict[str, str]) -> None:
    assert Pairs().parse(",".join(f"{name}:{value}" for name, value in pairs.items())) == pairs


@given(st.dictionaries(PLAIN, st.lists(PLAIN, min_size=1, max_size=3).map(tuple), max_size=4))
def test_lists_on_one_line(lists: dict[str, tuple[str, ...]]) -> None:
    line = ";".join(f"{name}:{','.join(entries)}" for name, entries in lists.items())
    assert Lists().parse(line) == lists


def test_schema_refuses_what_loading_refuses() -> None:
    schema = json_schema(PostgresSettings)
    jsonschema.Draft202012Validator.check_schema(schema)
    for wrong in (
        {"bach_size": 1},
        {"batch_size": 0},
        {"batch_size": "1"},
        {"confidence": 2},
        {"on_orphan": "ignore"},
        {"include": [""]},
        {"references": [{"name": "a"}]},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


@pytest.mark.parametrize(
    "document", [{"include": "users"}, {"confidence": "HIGH"}, {"timestamp_column": "joined"}]
)
def test_schema_takes_the_short_forms_that_loading_takes(document: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(document))
    load(PostgresSettings, "p", "d", ["--config", str(file)], {})
    jsonschema.validate(document, json_schema(PostgresSettings))


@pytest.mark.parametrize("system", SETTINGS)
def test_published_schema_is_this_one(system: str) -> None:
    """Else: python -m pipelines.settings.schema SYSTEM > docs/config.SYSTEM.schema.json."""
    file = REPOSITORY / "docs" / f"config.{system}.schema.json"
    assert file.read_text(encoding="utf-8") == published(system)


@pytest.mark.parametrize("range_", ["0", "1..0", "1..1", "a..b", "0..inf", "nan..1", "0..1..2", ""])
def test_ranges_that_are_none(range_: str) -> None:
    with pytest.raises(ValueError, match=r"range of `KNOWS` must be|must map|must look"):
        Ranges().check({"KNOWS": range_})


def test_a_secret_is_never_dumped() -> None:
    assert as_document(PostgresSettings(source_password="hush"))["source_password"] == ""


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("postgresql://u:hush@h/d", "postgresql://u@h/d"),
        ("postgresql://u:hu@sh@h/d", "postgresql://u@h/d"),
        ("postgresql://u:hu/sh@h/d", "postgresql://u@h/d"),
        ("redis://:hush@h:6379/0", "redis://@h:6379/0"),
        ("postgresql://u@h/d?password=hush&sslmode=require", "postgresql://u@h/d?sslmode=require"),
        ("postgresql://u@h/d?sslmode=require&password=hush", "postgresql://u@h/d?sslmode=require"),
        ("postgresql://u@h/d?password=hush", "postgresql://u@h/d"),
        ("postgresql://u@h/d?sslpassword=hush&a=b@c", "postgresql://u@h/d?a=b@c"),
        ("host=h password=hush user=u", "host=h  user=u"),
        ("host=h password = 'hu \\' sh' user=u", "host=h  user=u"),
        ("host=h sslpassword=hush", "host=h"),
        ("postgresql://u@h:5432/d?a=b@c:d@e", "postgresql://u@h:5432/d?a=b@c:d@e"),
    ],
)
def test_passwords_are_never_printed(source: str, shown: str) -> None:
    assert as_document(PostgresSettings(source=source))["source"] == shown
