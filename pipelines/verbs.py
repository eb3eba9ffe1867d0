"""The verbs beside the pipelines: look at a store, take a run back, try refused records again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import orjson

from engram_store.errors import ConfigurationError
from engram_store.model import Edge, Memory
from engram_store.vectors import Vectors
from io_connectors.engram.home import RunHome, TargetRun
from pipelines.again import kept, settings_file
from pipelines.pipelines import main_of
from pipelines.terminal import say

_WIDTH = 100


def runs(home: RunHome) -> int:
    """Lists the runs of a home."""
    for name in home.runs():
        run = home.run(name)
        manifest = run.manifest
        records = sum(sum(receipt.memories.values()) for receipt in run.receipts())
        state, source = manifest.get("state", "?"), manifest.get("source_shown", "")
        say([f"{name}  {state:<10}  {records:>12,} memories  {source}"])
    return 0


def spaces(home: RunHome) -> int:
    """Lists the memory spaces and their sizes."""
    with home.reader() as reader:
        for space, count in reader.spaces().items():
            say([f"{count:>12,}  {space}"])
    return 0


def get(home: RunHome, space: str, id: str) -> int:
    """Shows one memory."""
    with home.reader() as reader:
        say(_memory_lines(_existing(reader.get(space, id), space, id, home.address)))
    return 0


def edges(home: RunHome, space: str, id: str) -> int:
    """Shows a memory's edges, in and out."""
    with home.reader() as reader:
        _existing(reader.get(space, id), space, id, home.address)
        for edge in reader.edges(space, id, "both"):
            say([_edge_line(edge)])
    return 0


def neighbours(home: RunHome, space: str, id: str, depth: int) -> int:
    """Shows the memories around one."""
    with home.reader() as reader:
        _existing(reader.get(space, id), space, id, home.address)
        for neighbour in reader.neighbours(space, id, depth):
            memory = neighbour.memory
            say([f"{neighbour.distance}  {memory.space}/{memory.id}  {_short(memory.content)}"])
    return 0


def recall(home: RunHome, text: str, space: str | None, k: int) -> int:
    """Finds the memories nearest to a text, embedded as the memories were."""
    with home.reader() as reader:
        if space is not None:
            _check_space(reader.spaces(), space, home.address)
        for memory, score in reader.recall(_query(home, text), space, k):
            say([f"{score:.3f}  {memory.space}/{memory.id}  {_short(memory.content)}"])
    return 0


def embed_query(home: RunHome, text: str) -> int:
    """Prints the vector of a text, embedded as the memories were, as a JSON list of 768 numbers."""
    print(orjson.dumps(_query(home, text), option=orjson.OPT_SERIALIZE_NUMPY).decode())
    return 0


def distil(model: str, out: str) -> int:
    """Makes a table of word pieces from a model."""
    from transforms.embedding.distil import distil

    pieces = distil(model, out)
    print(f"{out}: {pieces:,} word pieces; use it by --embedding-model {out}")
    return 0


def _query(home: RunHome, text: str) -> Vectors:
    """The vector of a question, by the model that the home's runs name."""
    from transforms.embedding.provider import embedder_of

    models = {home.run(name).model for name in home.runs()}
    if not models:
        raise ConfigurationError(
            f"there is nothing to recall in `{home.address}`",
            why="no run has been migrated into it",
            suggestion="migrate something first",
            example="python -m pipelines.postgresql --source … --target …",
        )
    if len(models) != 1:
        raise ConfigurationError(
            "the store's runs were embedded by different models",
            why=f"vectors of {', '.join(f'`{model}`' for model in sorted(models))} cannot be compared",
            suggestion="undo all runs but those of one model",
        )
    return embedder_of(models.pop()).embed_query(text)


def dead_letters(home: RunHome, run: str | None) -> int:
    """Lists the records that were refused, as JSON lines."""
    for name in [run] if run else home.runs():
        for letter in home.run(name).dead_letters():
            print(json.dumps({"run": name, **letter}, ensure_ascii=False))
    return 0


def replay(home: RunHome, run: str | None, flags: Sequence[str]) -> int:
    """Puts the pages with refused records through their pipeline again.

    The run's own settings are used; further flags, such as ``--source`` with a password or a
    larger ``--max-content-bytes``, come on top of them.
    """
    chosen = _only_run(home, run, "replay")
    with settings_file(chosen, home.address) as file:
        return main_of(chosen.manifest["system"])(["--config", file, "--replay", *flags])


def validate(
    home: RunHome, run: str | None, without_source: bool, report_dir: str | None, flags: Sequence[str]
) -> int:
    """Compares a run with its source and its target; nothing of either is changed.

    The run's own settings are used; further flags, such as ``--source`` with a password or
    ``--samples``, come on top of them.
    """
    from pipelines.reporting.saved import save_validation

    chosen = _only_run(home, run, "validate")
    if without_source:
        from pipelines.validation.validate import validate_target

        with home.lock():
            found = validate_target(home, chosen)
    else:
        from pipelines.validation.validate import validate_with_source

        with kept(chosen, home.address, flags) as again:
            found = validate_with_source(again.settings, again.home, again.run, again.source)
    say(found.lines())
    folder = report_dir or chosen.manifest.get("settings", {}).get("report_dir", "")
    first, *others = save_validation(found, folder)
    say(["", f"Result: {first}", *(f"        {path}" for path in others)])
    return found.exit_code


def undo(home: RunHome, run: str) -> int:
    """Takes back one run: its memories and edges go, and what they had replaced is back."""
    result = home.undo(run)
    print(f"run {run} is undone; {sum(result.memories.values()):,} memories are left")
    return 0


def finalize(home: RunHome) -> int:
    """Rebuilds what readers see from the pages."""
    result = home.finalize()
    state = "rebuilt" if result.rebuilt else "was up to date"
    memories, committed, orphans = (sum(c.values()) for c in (result.memories, result.edges, result.orphans))
    print(f"{state}: {memories:,} memories, {committed:,} edges, {orphans:,} orphan edges left out")
    return 0


def _only_run(home: RunHome, name: str | None, verb: str) -> TargetRun:
    names = home.runs()
    if name is None and len(names) != 1:
        raise ConfigurationError(
            "say which run is meant",
            why=f"the store has {len(names)}: {', '.join(f'`{n}`' for n in names)}",
            suggestion="name one of them",
            example=f"engram-migrate {verb} --run {names[0]}" if names else "",
        )
    return home.run(name or names[0])


def _check_space(known: Iterable[str], space: str, target: str) -> None:
    if space not in known:
        raise ConfigurationError(
            f"there is no space `{space}`",
            why=f"the spaces there are: {', '.join(f'`{name}`' for name in known) or 'none'}",
            suggestion="name one of them, or leave out `--space`",
            example=f"engram-migrate spaces --target {target}",
        )


def _existing(memory: Memory | None, space: str, id: str, target: str) -> Memory:
    if memory is None:
        raise ConfigurationError(
            f"there is no memory `{id}` in space `{space}`",
            suggestion="look for it by its words, or list the spaces",
            example=f'engram-migrate recall "{id}" --target {target}',
        )
    return memory


def _memory_lines(memory: Memory) -> list[str]:
    source = memory.source
    return [
        f"{memory.space}/{memory.id}",
        f"  content:    {memory.content}",
        f"  source:     {source.system} {source.kind} [{source.key}]",
        f"  created_at: {memory.created_at or '–'}",
        f"  confidence: {memory.confidence:.2f}",
        f"  activation: {memory.activation:.3f}, decaying by {memory.decay_rate:g} an hour",
        f"  embedded by {memory.model}, written by run {memory.run}, page {memory.page}",
    ]


def _edge_line(edge: Edge) -> str:
    ends = f"{edge.source_space}/{edge.source} → {edge.target_space}/{edge.target}"
    return f"{edge.weight:.2f}  {edge.type}  {ends}  {edge.id}  {edge.properties or ''}"


def _short(text: str) -> str:
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
