"""The run that a command means: a new one, or the one that it goes on with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from engram_store import files
from engram_store.errors import ConfigurationError, IntegrityError, ResumeError
from io_connectors.engram.address import is_url, open_home
from io_connectors.engram.home import RunHome, TargetRun
from io_connectors.engram.public.choices import DeliveryChoices
from pipelines.embedding import model_of
from pipelines.logs import notice
from pipelines.settings.model import Settings, as_document
from pipelines.settings.password import target_key_of

#: The finding that keeps the page boundaries.
_CHECKPOINT = "checkpoint"
#: States of a run that has nothing left to read.
_FINISHED = ("complete", "invalid")


@dataclass(frozen=True, slots=True)
class RunKey:
    """What must not change between the attempts of one run.

    Attributes:
        system: The source's system.
        source: What tells the source from every other one.
        mapping: For each part of the source, a digest of what decides what its records become.
        model: The embedding model's identity.
        vector_type: How vectors are kept.
    """

    system: str
    source: str
    mapping: Mapping[str, str]
    model: str
    vector_type: str


def run_name(settings: Settings, system: str, source: str) -> str:
    """A run's name: where the user gives none, the same for the same source; see ``RunKey``.

    With ``--re-embed`` the model is part of it, since the run stands beside the one it replaces.
    """
    if settings.run:
        return settings.run
    parts = [source, model_of(settings)] if settings.re_embed else [source]
    return "-".join([system, *(blake2b(part.encode(), digest_size=4).hexdigest() for part in parts)])


def run_folder(settings: Settings, system: str, source: str) -> Path | None:
    """The folder in which the run of a source is kept, or will be; None where a server keeps it."""
    if is_url(settings.target):
        return None
    return Path(settings.target) / "runs" / run_name(settings, system, source)


@contextmanager
def open_run(
    settings: Settings, key: RunKey, shown_source: str, spaces: Iterable[str]
) -> Iterator[tuple[RunHome, TargetRun]]:
    """Locks the target and finds or makes the run.

    Args:
        settings: The settings.
        key: What the run must agree with.
        shown_source: The source's address without secrets.
        spaces: The memory spaces that the run writes to.

    Yields:
        The home of the runs, and the run.

    Raises:
        ResumeError: The run of that name was begun with another source, mapping or model.
        ConfigurationError: Another source's run has written to one of the spaces.
        TargetTransientError: Another run is writing to the target.
    """
    home = _home(settings, create=True)
    name = run_name(settings, key.system, key.source)
    spaces = sorted(set(spaces))
    with home.lock():
        _check_spaces(home, key, spaces)
        others = _runs_of_other_models(home, name, key.source, key.model, spaces)
        if others and not settings.re_embed:
            raise _other_model(home.run(others[0]), key)
        if name in home.runs():
            run = home.run(name)
            _check(run, key, settings)
        else:
            run = home.create_run(name, {**_manifest(settings, key, shown_source), "spaces": spaces})
        yield home, run


@contextmanager
def kept_run(settings: Settings, key: RunKey) -> Iterator[tuple[RunHome, TargetRun]]:
    """Locks the target and finds the run that is to be looked at, as ``open_run`` finds one to go on with.

    Its model is not asked for: whether it is the right one, the looking shows.

    Raises:
        ConfigurationError: There is no such run.
        ResumeError: It was made with another source or mapping.
        TargetTransientError: A run is writing to the target.
    """
    home = _home(settings, create=False)
    with home.lock():
        run = home.run(run_name(settings, key.system, key.source))
        _check(run, replace(key, model=run.model), settings)
        yield home, run


def _home(settings: Settings, *, create: bool) -> RunHome:
    choices = DeliveryChoices(settings.staging, settings.on_absorbed, notice)
    return open_home(settings.target, target_key_of(settings), create=create, choices=choices)


def reads_anew(settings: Settings, run: TargetRun) -> bool:
    """Whether a source that leaves no trace of every change is to be read as a whole once more."""
    return run.manifest["state"] in _FINISHED and not settings.replay


def load_checkpoint(settings: Settings, run: TargetRun, key: RunKey) -> dict[str, Any]:
    """The saved page boundaries, or nothing if there are none.

    Raises:
        ResumeError: The file belongs to another source, or is no checkpoint.
    """
    place = settings.checkpoint_file or run.place(f"{_CHECKPOINT}.json")
    try:
        document = _read_checkpoint(settings, run)
        if document is None:
            return {}
        source, pages = document["source"], document["pages"]
    except (IntegrityError, ValueError, KeyError, TypeError) as error:
        raise ResumeError(
            f"`{place}` is not a checkpoint of Engram Migrate",
            why=getattr(error, "why", "") or str(error),
            suggestion="name another --checkpoint-file, or remove this one: written pages are found anyway",
        ) from error
    if source != key.source:
        raise ResumeError(
            f"the checkpoint `{place}` belongs to another source",
            why=f"it was made for `{source}`, and this is `{key.source}`",
            suggestion="name another --checkpoint-file",
        )
    return dict(pages)


def save_checkpoint(settings: Settings, run: TargetRun, key: RunKey, pages: Mapping[str, Any]) -> None:
    """Keeps the page boundaries before the first page is read."""
    document = {"source": key.source, "pages": pages}
    if not settings.checkpoint_file:
        run.save_finding(_CHECKPOINT, document)
        return
    path = Path(settings.checkpoint_file)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_bytes(path, orjson.dumps(document))


def _read_checkpoint(settings: Settings, run: TargetRun) -> Any:
    if not settings.checkpoint_file:
        return run.finding(_CHECKPOINT)
    path = Path(settings.checkpoint_file)
    return orjson.loads(path.read_bytes()) if path.exists() else None


def note_attempt(run: TargetRun, snapshot: str, pages: int) -> None:
    """Records in the manifest that a plan's pages are about to be read in a snapshot."""
    manifest = run.manifest
    taken = {"name": snapshot, "at": datetime.now(timezone.utc).isoformat(timespec="seconds")}
    attempts = [*manifest.get("attempts", []), taken]
    run.save_manifest({**manifest, "attempts": attempts, "planned_pages": pages, "state": "unfinished"})


def note_state(run: TargetRun, state: str) -> None:
    """Records in the manifest how the run stands."""
    run.save_manifest({**run.manifest, "state": state})


def _manifest(settings: Settings, key: RunKey, shown_source: str) -> dict[str, Any]:
    return {
        "engram_migrate": version("engram-migrate"),
        "system": key.system,
        "source": key.source,
        "source_shown": shown_source,
        "mapping": dict(key.mapping),
        "model": key.model,
        "vector_type": key.vector_type,
        "settings": as_document(settings),
        "attempts": [],
        "state": "unfinished",
    }


def _check_spaces(home: RunHome, key: RunKey, spaces: Sequence[str]) -> None:
    """Ids tell records of one source apart, not of two: `users_1` of both would be one memory."""
    for name in home.runs():
        manifest = home.run(name).manifest
        shared = sorted(set(spaces) & set(manifest.get("spaces", ())))
        if shared and manifest["source"] != key.source:
            raise ConfigurationError(
                f"the space `{shared[0]}` already holds memories of another source",
                why=f"run `{name}` came from `{manifest['source_shown']}`; records of the two with equal keys"
                " would replace each other",
                suggestion="give this source spaces or a store of its own, or take the other run back",
                example=f"--memory-space another_name   # or: engram-migrate undo {name}",
            )


def replaced_runs(home: RunHome, run: TargetRun) -> list[str]:
    """The runs that a run with ``--re-embed`` takes the place of."""
    manifest = run.manifest
    return _runs_of_other_models(home, run.id, manifest["source"], manifest["model"], manifest["spaces"])


def _runs_of_other_models(
    home: RunHome, name: str, source: str, model: str, spaces: Iterable[str]
) -> list[str]:
    """The other runs of the source whose memories, in some of the spaces, another model embedded."""
    manifests = {other: home.run(other).manifest for other in home.runs() if other != name}
    return [
        other
        for other, manifest in manifests.items()
        if manifest.get("source") == source
        and manifest.get("model") != model
        and set(spaces) & set(manifest.get("spaces", ()))
    ]


def _other_model(run: TargetRun, key: RunKey) -> ResumeError:
    return ResumeError(
        f"the spaces hold memories that another model embedded, in run `{run.id}`",
        why=f"that was `{run.model}`, this is `{key.model}`, and vectors of the two cannot be compared",
        suggestion="have this run replace that one, or take that one back",
        example=f"--re-embed   # or: engram-migrate undo {run.id}",
    )


def _check(run: TargetRun, key: RunKey, settings: Settings) -> None:
    manifest = run.manifest
    differing = [
        f"{what} (was `{manifest.get(field)}`, is `{now}`)"
        for what, field, now in (
            ("the source", "source", key.source),
            ("the embedding model", "model", key.model),
            ("the vector type", "vector_type", key.vector_type),
        )
        if manifest.get(field) != now
    ]
    before, now = manifest.get("mapping", {}), key.mapping
    changed = sorted(part for part in before.keys() | now.keys() if before.get(part) != now.get(part))
    if changed:
        some = ", ".join(f"`{part}`" for part in changed[:5]) + (" …" if len(changed) > 5 else "")
        differing.append(f"the tables or their mapping: {some}")
    if differing:
        raise ResumeError(
            f"run `{run.id}` in `{settings.target}` was begun with other settings",
            why="; ".join(differing),
            suggestion="give the settings it was begun with, take it back, or have another model replace it",
            example=f"engram-migrate undo {run.id} --target {settings.target}   # or --re-embed",
        )
