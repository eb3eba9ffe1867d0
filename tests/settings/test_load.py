"""Where settings come from, and what is said when they are wrong."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from engram_store.errors import ConfigurationError
from pipelines.beam_run import check_beam_flags
from pipelines.settings.kinds import Records, Switch, databases
from pipelines.settings.load import PREFIX, Loaded, load
from pipelines.settings.model import Settings, kind_of
from pipelines.settings.sources import Neo4jSettings, PostgresSettings, RedisSettings

#: For each setting, a one-line form and the value that it means; no value is the default.
EXAMPLES: dict[str, tuple[str, Any]] = {
    "source": ("postgresql://h/d", "postgresql://h/d"),
    "source_password": ("hush", "hush"),
    "source_password_file": ("/run/secret", "/run/secret"),
    "target": ("./elsewhere", "./elsewhere"),
    "target_key": ("hush", "hush"),
    "target_key_file": ("/run/key", "/run/key"),
    "staging": ("./aside", "./aside"),
    "on_absorbed": ("report", "report"),
    "run": ("nightly", "nightly"),
    "memory_space": ("all_of_it", "all_of_it"),
    "vector_type": ("float32", "float32"),
    "batch_size": ("1_500", 1500),
    "parallel_workers": ("2", 2),
    "checkpoint_file": ("plan.json", "plan.json"),
    "dry_run": ("true", True),
    "check_latency": ("true", True),
    "check_meaning": ("true", True),
    "report_dir": ("./reports", "./reports"),
    "metrics_addr": ("9105", "127.0.0.1:9105"),
    "embedding_provider": ("auto", "auto"),
    "embedding_model": ("a/model", "a/model"),
    "embedding_base_url": ("http://h:1/v1", "http://h:1/v1"),
    "embedding_truncate": ("true", True),
    "embedding_query_prefix": ("query: ", "query: "),
    "embedding_document_prefix": ("passage: ", "passage: "),
    "embedding_cache": ("off", "off"),
    "embedding_in_flight": ("9", 9),
    "embedding_price": ("0.02", 0.02),
    "re_embed": ("true", True),
    "require_semantic": ("true", True),
    "embedding_batch_size": ("64", 64),
    "confidence": ("medium", 0.5),
    "activation": ("0.25", 0.25),
    "decay_rate": ("3", 3.0),
    "skip_edges": ("on", True),
    "validate": ("no", False),
    "samples": ("50", 50),
    "max_loss": ("0.001", 0.001),
    "on_orphan": ("fail", "fail"),
    "max_dead_letters": ("0", 0),
    "replay": ("yes", True),
    "log_format": ("json", "json"),
    "log_level": ("debug", "debug"),
    "include": ("public.*, app.users", ("public.*", "app.users")),
    "exclude": ("a", ("a",)),
    "table_to_space": ("users:user_space,app.o:orders", {"users": "user_space", "app.o": "orders"}),
    "text_columns": ("users:name,bio;orders:notes", {"users": ("name", "bio"), "orders": ("notes",)}),
    "timestamp_column": ("joined", {"*": "joined"}),
    "keys": ("v:id,day", {"v": ("id", "day")}),
    "edge_weight": ("0.1", 0.1),
    "max_content_bytes": ("7", 7),
    "source_user": ("reader", "reader"),
    "database": ("movies", "movies"),
    "label_to_space": ("Person:people,A B:a_b", {"Person": "people", "A B": "a_b"}),
    "memory_space_prefix": ("graph_", "graph_"),
    "unlabelled_space": ("rest", "rest"),
    "id_property": ("Person:email", {"Person": "email"}),
    "text_properties": ("Person:name,bio", {"Person": ("name", "bio")}),
    "timestamp_property": ("since", {"*": "since"}),
    "weight_property": ("KNOWS:strength", {"KNOWS": "strength"}),
    "weight_range": ("KNOWS:-1..10,*:observed", {"KNOWS": "-1..10", "*": "observed"}),
    "age_property": ("since", {"*": "since"}),
    "half_life_days": ("30", 30.0),
    "bidirectional_types": ("KNOWS,MARRIED_TO", ("KNOWS", "MARRIED_TO")),
    "source_db": ("0,3", "0,3"),
    "use_rdb": ("dump.rdb", "dump.rdb"),
    "use_aof": ("appendonlydir", "appendonlydir"),
    "rdb_engine": ("rdbtools", "rdbtools"),
    "salvage": ("true", True),
    "match": ("user:*", "user:*"),
    "tls_ca_file": ("ca.pem", "ca.pem"),
    "tls_cert_file": ("client.pem", "client.pem"),
    "tls_key_file": ("client.key", "client.key"),
    "key_to_space": ("user:*:users,a[0:9]:it:ems", {"user:*": "users", "a[0:9]:it": "ems"}),
    "text_fields": ("user:*:name,bio;p:title", {"user:*": ("name", "bio"), "p": ("title",)}),
    "hash_fields_as_memories": ("true", True),
    "zset_members_as_memories": ("true", True),
    "ttl_as_decay": ("true", True),
    "ttl_clock": ("now", "now"),
}
REFERENCE = {"name": "r", "child": "a", "columns": ["x"], "parent": "b", "parent_columns": ["y"]}
KINDS: tuple[type[Settings], ...] = (Neo4jSettings, RedisSettings, PostgresSettings)
#: Each setting with the last kind of settings that has it.
OWNERS = {d.name: kind for kind in KINDS for d in fields(kind)}
DECLARED = {d.name: d for kind in KINDS for d in fields(kind)}


def loaded(
    *arguments: str,
    environment: dict[str, str] | None = None,
    file: Path | None = None,
    kind: type[Settings] = PostgresSettings,
) -> Loaded[Any]:
    given = [*arguments, *(["--config", str(file)] if file else [])]
    return load(kind, "program", "What it does.", given, environment or {})


def as_flags(name: str, text: str) -> list[str]:
    flag = f"--{name.replace('_', '-')}"
    if isinstance(kind_of(DECLARED[name]), Switch):
        return [flag if EXAMPLES[name][1] else f"--no-{flag[2:]}"]
    return [flag, text]


def test_there_is_an_example_of_every_setting() -> None:
    assert {*EXAMPLES, "references"} == set(DECLARED)
    assert all(getattr(OWNERS[name](), name) != value for name, (_, value) in EXAMPLES.items())


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_setting_by_each_way(name: str, tmp_path: Path) -> None:
    text, value = EXAMPLES[name]
    kind = OWNERS[name]
    file = tmp_path / "settings.yaml"
    document = {name: value if isinstance(value, str) else kind_of(DECLARED[name]).dump(value)}
    file.write_text(yaml.safe_dump(document))
    assert getattr(loaded(*as_flags(name, text), kind=kind).settings, name) == value
    assert getattr(loaded(environment={PREFIX + name.upper(): text}, kind=kind).settings, name) == value
    assert getattr(loaded(file=file, kind=kind).settings, name) == value
    assert getattr(loaded(environment={PREFIX + "CONFIG": str(file)}, kind=kind).settings, name) == value


def test_records_are_given_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(f"references: [{REFERENCE}]")
    (record,) = loaded(file=file).settings.references
    assert record == {**REFERENCE, "columns": ("x",), "parent_columns": ("y",)}
    with pytest.raises(ConfigurationError) as refused:
        loaded("--references", "a:b")
    assert "only be given in a configuration file" in refused.value.why


def test_flags_before_environment_before_file_before_defaults(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("batch_size: 10\nrun: file\ntarget: file\nvalidate: false\n")
    environment = {PREFIX + "BATCH_SIZE": "20", PREFIX + "RUN": "env", PREFIX + "VALIDATE": "false"}
    settings = loaded("--batch-size", "30", "--validate", environment=environment, file=file).settings
    assert (settings.batch_size, settings.run, settings.target) == (30, "env", "file")
    assert settings.validate is True
    assert settings.log_level == PostgresSettings().log_level


def test_aliases_of_the_seed() -> None:
    assert loaded("--target-space", "people").settings.memory_space == "people"
    assert loaded("--mappings", "a:b_c").settings.table_to_space == {"a": "b_c"}
    assert loaded("--key-pattern", "user:*", kind=RedisSettings).settings.match == "user:*"
    assert loaded("--mappings", "a:*:b_c", kind=RedisSettings).settings.key_to_space == {"a:*": "b_c"}


@pytest.mark.parametrize("kind", KINDS)
def test_help_documents_every_setting(kind: type[Settings], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        loaded("--help", kind=kind)
    text = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    for name, declared in ((declared.name, declared) for declared in fields(kind)):
        assert f"--{name.replace('_', '-')} " in text, name
        assert declared.metadata["help"] and " ".join(declared.metadata["help"].split()) in text, name


@pytest.mark.parametrize("name", [n for n, d in DECLARED.items() if not isinstance(kind_of(d), Records)])
def test_other_flags_are_left_for_beam(name: str) -> None:
    cut = f"--{name.replace('_', '-')}"[:-1]
    assert loaded("--runner=Prism", cut, kind=OWNERS[name]).beam_flags == ("--runner=Prism", cut)


@pytest.mark.parametrize(("content", "text"), [("7", "7"), ("'7'", "7"), ("0,3", "0,3"), ("all", "all")])
def test_databases_in_a_file(tmp_path: Path, content: str, text: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(f"source_db: {content}")
    assert loaded(file=file, kind=RedisSettings).settings.source_db == text


@pytest.mark.parametrize("content", ["-1", "true", "1.5", "[0, 3]", "none", "'0,'", "''", "0-3"])
def test_what_is_no_database(tmp_path: Path, content: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(f"source_db: {content}")
    with pytest.raises(ConfigurationError, match="source_db in"):
        loaded(file=file, kind=RedisSettings)


@pytest.mark.parametrize(
    ("text", "numbers"), [("0", (0,)), ("3,0,3", (0, 3)), ("10,9", (9, 10)), ("all", None)]
)
def test_numbers_of_databases(text: str, numbers: tuple[int, ...] | None) -> None:
    assert databases(text) == numbers


@pytest.mark.parametrize(
    ("content", "what", "suggestion"),
    [
        ("bach_size: 3", "`bach_size`", "did you mean `batch_size`?"),
        ("1: 3", "`1`", "print the settings"),
        ("batch_size: many", "`batch_size in", DECLARED["batch_size"].metadata["help"]),
        ("batch_size: 0", "`batch_size in", "page"),
        ("batch_size: true", "`batch_size in", "page"),
        ("confidence: 1.5", "`confidence in", "confidence"),
        ("decay_rate: .inf", "`decay_rate in", "hour"),
        ("decay_rate: .nan", "`decay_rate in", "hour"),
        ("run: 2024-01-01", "`run in", "name of this run"),
        ("run: 2024-99-99", "cannot be read", "YAML"),
        ("include: [1]", "`include in", "only tables"),
        ("table_to_space: [a]", "`table_to_space in", "spaces of tables"),
        ("references: [{name: a}]", "`references in", "foreign keys"),
        ("on_orphan: ignore", "`on_orphan in", "other end is missing"),
        ("- a", "not a mapping", "start from"),
        ("a: [", "cannot be read", "YAML"),
        ("? [a]\n: b", "cannot be read", "YAML"),
        ("!!python/object:os.system x", "cannot be read", "YAML"),
    ],
)
def test_file_that_is_wrong(tmp_path: Path, content: str, what: str, suggestion: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(content)
    with pytest.raises(ConfigurationError) as refused:
        loaded(file=file)
    assert what in refused.value.what
    assert suggestion in refused.value.suggestion


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    for file in (tmp_path / "missing.yaml", tmp_path, binary):
        with pytest.raises(ConfigurationError, match="cannot be read") as refused:
            loaded(file=file)
        assert str(file) in refused.value.what


@pytest.mark.parametrize(
    ("arguments", "environment", "where"),
    [
        (["--batch-size", "x"], {}, "`--batch-size`"),
        (["--confidence", "HIHG"], {}, "`--confidence`"),
        (["--table-to-space", "users"], {}, "`--table-to-space`"),
        (["--text-columns", "users"], {}, "`--text-columns`"),
        ([], {"DRY_RUN": "maybe"}, "`ENGRAM_MIGRATE_DRY_RUN`"),
        ([], {"PARALLEL_WORKERS": "0"}, "`ENGRAM_MIGRATE_PARALLEL_WORKERS`"),
        (["--batch-size"], {}, "--batch-size"),
    ],
)
def test_value_that_is_wrong(arguments: list[str], environment: dict[str, str], where: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        loaded(*arguments, environment={PREFIX + name: value for name, value in environment.items()})
    assert where in refused.value.what
    assert refused.value.suggestion
    assert refused.value.exit_code == 2


OURS = [f"--{name.replace('_', '-')}" for name in DECLARED]


def test_flags_of_beam_are_let_through() -> None:
    check_beam_flags(["--runner", "PrismRunner", "--direct_num_workers=2", "--save_main_session"], OURS)


@pytest.mark.parametrize(
    ("flag", "meant"),
    [
        ("--bach-size", "--batch-size"),
        ("--runer=x", "--runner"),
        ("--parallel_workers", "--parallel-workers"),
    ],
)
def test_misspelt_flag_is_refused(flag: str, meant: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check_beam_flags([flag, "3"], OURS)
    assert flag in refused.value.what
    assert refused.value.suggestion == f"did you mean `{meant}`?"


def test_every_pipelines_settings_stand_in_groups() -> None:
    assert {d.metadata["group"] for d in fields(Settings)} <= {
        *("source", "target", "running", "embedding", "mapping", "checking")
    }
