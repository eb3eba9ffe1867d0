"""What can be set.

One declaration a setting gives its flag, its environment variable, its place in a configuration
file, its help and its JSON schema.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any

from engram_store.model import CONFIDENCE
from io_connectors.engram.public.choices import FAIL, ON_ABSORBED
from pipelines.settings.kinds import (
    CONFIDENCE_LEVEL,
    Address,
    Kind,
    Listening,
    Number,
    Secret,
    Switch,
    Text,
    Whole,
)


def setting(default: Any, kind: Kind, help: str, group: str = "general", alias: str = "") -> Any:
    """Declares a setting; the dataclass field's name is its name everywhere."""
    metadata = {"kind": kind, "help": help, "group": group, "alias": alias}
    if isinstance(default, (dict, list)):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """What every pipeline has."""

    source: str = setting(
        "", Address(), "where the records are, e.g. postgresql://reader@host/shop", "source"
    )
    source_password: str = setting(
        "",
        Secret(),
        "the password; better by ENGRAM_MIGRATE_SOURCE_PASSWORD or a file: other users see flags",
        "source",
    )
    source_password_file: str = setting("", Text(), "file with the password", "source")
    target: str = setting(
        "./engram-data",
        Text(),
        "folder of the embedded Engram store; s3://, gs:// or abfs:// of one in object storage; or http://…"
        " of an `engram-migrate serve` or an Engram server",
        "target",
    )
    target_key: str = setting(
        "",
        Secret(),
        "the server's key; better by ENGRAM_MIGRATE_TARGET_KEY or a file: other users see flags",
        "target",
    )
    target_key_file: str = setting("", Text(), "file with the server's key", "target")
    staging: str = setting(
        "",
        Text(),
        "store that fills an Engram server, or mirrors object storage; by default in ./engram-staging",
        "target",
    )
    on_absorbed: str = setting(
        FAIL,
        Text(ON_ABSORBED),
        "vectors that an Engram server takes for another's: send nothing, accept the loss, or move them",
        "target",
    )
    run: str = setting("", Text(), "name of this run; by default made from the source", "target")
    memory_space: str = setting("", Text(), "one space for everything", "target", "--target-space")
    vector_type: str = setting(
        "float16", Text(("float16", "float32")), "how vectors are kept (float16: 1 − cos ≤ 3e-8)", "target"
    )
    batch_size: int = setting(
        1000, Whole(1), "records a page: read, written and acknowledged together", "running"
    )
    parallel_workers: int = setting(4, Whole(1), "worker processes, at most the machine's cores", "running")
    checkpoint_file: str = setting(
        "", Text(), "where the page plan is kept; by default in the store", "running"
    )
    dry_run: bool = setting(False, Switch(), "show the plan and sample memories; write nothing", "running")
    replay: bool = setting(False, Switch(), "read pages with refused records again", "running")
    embedding_provider: str = setting(
        "local",
        Text(("local", "huggingface", "openai", "auto")),
        "what makes the vectors; `auto` is openai with a base URL, huggingface with a model, else local",
        "embedding",
    )
    embedding_model: str = setting(
        "",
        Text(),
        "a folder or a name on the hub (huggingface), the server's name for it (openai), a table (local)",
        "embedding",
    )
    embedding_base_url: str = setting(
        "", Text(), "a server that embeds as OpenAI's does, e.g. http://localhost:8000/v1", "embedding"
    )
    embedding_batch_size: int = setting(
        0, Whole(0), "records embedded together; 0 is 1000 for local and 100 for other providers", "embedding"
    )
    embedding_truncate: bool = setting(
        False, Switch(), "cut vectors of more than 768 floats; only for models trained so", "embedding"
    )
    embedding_query_prefix: str = setting(
        "", Text(), "what the model wants before a question, e.g. 'query: '", "embedding"
    )
    embedding_document_prefix: str = setting(
        "", Text(), "what the model wants before a text, e.g. 'passage: '", "embedding"
    )
    embedding_cache: str = setting(
        "",
        Text(),
        "file of vectors that were paid for; by default in the user's cache folder, `off` for none",
        "embedding",
    )
    embedding_in_flight: int = setting(4, Whole(1), "requests to the server under way at once", "embedding")
    embedding_price: float = setting(
        0.0, Number(most=None), "US dollars for a million tokens, to reckon the cost by", "embedding"
    )
    re_embed: bool = setting(
        False, Switch(), "replace this source's memories that another model embedded", "embedding"
    )
    require_semantic: bool = setting(
        False, Switch(), "refuse to run with vectors that know words only, not meaning", "embedding"
    )
    confidence: float = setting(
        CONFIDENCE["HIGH"], CONFIDENCE_LEVEL, "confidence of memories that have text", "mapping"
    )
    activation: float = setting(0.5, Number(), "activation at the start", "mapping")
    decay_rate: float = setting(0.01, Number(most=None), "decay of the activation, per hour", "mapping")
    skip_edges: bool = setting(False, Switch(), "migrate no edges", "mapping")
    validate: bool = setting(True, Switch(), "compare what arrived with the source at the end", "checking")
    samples: int = setting(
        1000, Whole(0), "records that are read again from the source and compared when validating", "checking"
    )
    max_loss: float = setting(
        0.01,
        Number(),
        "share of a table's or a space's records that may be lost; each loss is named",
        "checking",
    )
    check_latency: bool = setting(
        False, Switch(), "also compare the time of single look-ups with the source's", "checking"
    )
    check_meaning: bool = setting(
        False, Switch(), "also see whether memories are recalled by their own texts", "checking"
    )
    on_orphan: str = setting(
        "report",
        Text(("fail", "quarantine", "report")),
        "edges whose other end is missing: fail the run, keep them aside in a file, or only report them",
        "checking",
    )
    max_dead_letters: int = setting(100, Whole(0), "refused records after which the run stops", "checking")
    report_dir: str = setting(
        "",
        Text(),
        "folder for report.html, report.json and report.junit.xml; by default the run's own,"
        " or one in ./engram-report if a server keeps the run",
        "checking",
    )
    metrics_addr: str = setting(
        "",
        Listening(),
        "address at which Prometheus can ask how far the run is: a port of this machine, or host:port",
        "running",
    )
    log_format: str = setting("text", Text(("text", "json")), "form of the log on stderr", "running")
    log_level: str = setting(
        "warning", Text(("debug", "info", "warning", "error")), "least severe log lines shown", "running"
    )


def kind_of(declared: Field[Any]) -> Kind:
    """The kind that a setting was declared with."""
    kind: Kind = declared.metadata["kind"]
    return kind


def json_schema(settings: type[Settings]) -> dict[str, Any]:
    """The JSON schema of a configuration file for these settings."""
    properties = {
        declared.name: {"description": declared.metadata["help"], **kind_of(declared).schema}
        for declared in fields(settings)
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Engram Migrate: {settings.__name__}",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def as_document(settings: Settings) -> dict[str, Any]:
    """The settings as a configuration file holds them."""
    return {f.name: kind_of(f).dump(getattr(settings, f.name)) for f in fields(settings)}
