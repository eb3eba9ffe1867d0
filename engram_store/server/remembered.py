"""Memories that came one by one: each on the disk at once, and part of a generation later.

Making a generation takes time in proportion to the whole store, so it is not made for each memory.
Until then they are served from here. A memory is a page of its own, named by its id and its
content, so the same memory again is the same file, and no file is ever written over.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from hashlib import blake2b

import numpy as np
import orjson
import pyarrow as pa

from engram_store.digests import combined, memory_hashes
from engram_store.errors import TargetTransientError
from engram_store.model import EDGE_SCHEMA, Memory, PageReceipt, Source, memory_schema
from engram_store.moments import rfc3339
from engram_store.recall import Vectors
from engram_store.run import Run
from engram_store.store import Store

#: The run that they are kept in.
RUN = "http"
#: What they came from.
SYSTEM = "http"

#: So many make the server fold them into a generation, and so many it holds at most meanwhile.
FOLD_AT = 1_000
MOST = 5_000

Key = tuple[str, str]

_NO_EDGES = pa.RecordBatch.from_pylist([], EDGE_SCHEMA)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A memory as a client sends it.

    Attributes:
        space: Its space.
        id: Its id.
        content: Its content.
        confidence: 0 to 1; also its activation, which does not fade.
        created_at: Microseconds since 1970 UTC, or None.
        vector: Its vector, (768,), kept as it is.
    """

    space: str
    id: str
    content: str
    confidence: float
    created_at: int | None
    vector: Vectors


class Remembered:
    """The memories of the run ``http`` that are part of no generation yet.

    Args:
        store: The locked store.
        model: Names the model of the vectors, when the run is made.
    """

    def __init__(self, store: Store, model: Callable[[], str]) -> None:
        self._store = store
        self._model = model
        self._lock = threading.Lock()
        self._waiting: dict[Key, tuple[str, Memory, Vectors]] = {}
        self._load()

    def __len__(self) -> int:
        return len(self._waiting)

    def get(self, space: str, id: str) -> Memory | None:
        """A memory that waits, or None."""
        found = self._waiting.get((space, id))
        return found[1] if found else None

    def vector(self, space: str, id: str) -> Vectors | None:
        """The vector of a memory that waits, or None."""
        found = self._waiting.get((space, id))
        return found[2] if found else None

    def of(self, space: str | None) -> list[tuple[Memory, Vectors]]:
        """All that wait, of one space or of all."""
        with self._lock:
            waiting = list(self._waiting.values())
        return [(memory, vector) for _, memory, vector in waiting if space in (None, memory.space)]

    def spaces(self) -> Mapping[str, str]:
        """The spaces that were made by name: space → when."""
        run = self._run()
        made: dict[str, str] = run.manifest.get("made_spaces", {}) if run else {}
        return made

    def make_space(self, space: str) -> str:
        """Makes a space that holds nothing yet; gives the moment at which it was made."""
        with self._lock:
            run = self._created()
            manifest = run.manifest
            made = manifest.setdefault("made_spaces", {})
            if space not in made:
                made[space] = datetime.now(timezone.utc).isoformat(timespec="seconds")
                run.save_manifest(manifest)
            return str(made[space])

    def add(self, arrival: Arrival) -> Memory:
        """Writes a memory; it is on the disk when this returns.

        Raises:
            TargetTransientError: Too many wait.
            TargetTerminalError: The disk is full or may not be written.
        """
        if len(self._waiting) >= MOST:
            raise TargetTransientError(
                f"{len(self._waiting):,} memories wait to become part of the store.",
                why="They come faster than the store can be rebuilt.",
                suggestion="Send them again in a moment, or migrate them as pages.",
            )
        with self._lock:
            run = self._created()
            batch = _batch(arrival)
            page_id = _page_id(arrival)
            run.write_page(batch, _NO_EDGES, _receipt(page_id, arrival, batch))
            return self._note(run, page_id, batch)

    def commit(self) -> dict[Key, str]:
        """Makes the waiting memories count at the next finalize; gives their pages."""
        with self._lock:
            folding = {key: page_id for key, (page_id, _, _) in self._waiting.items()}
            run = self._run()
            if run is not None:
                counting = {_key_of(page_id): page_id for page_id in run.committed_page_ids()}
                counting |= {_key_of(page_id): page_id for page_id in folding.values()}
                run.commit_pages(counting.values())
        return folding

    def folded(self, folding: Mapping[Key, str]) -> None:
        """Forgets memories that have become part of a generation, and drops what they replaced."""
        with self._lock:
            for key, page_id in folding.items():
                if self._waiting[key][0] == page_id:
                    del self._waiting[key]
            run = self._run()
            if run is not None:
                kept = run.committed_page_ids() | {page_id for page_id, _, _ in self._waiting.values()}
                for page_id in run.page_ids() - kept:
                    run.memories_path(page_id).unlink()

    def _load(self) -> None:
        """Takes up what an earlier server wrote; of the pages of one memory, the newest."""
        run = self._run()
        if run is not None:
            uncommitted = run.receipts(run.page_ids() - run.committed_page_ids())
            for receipt in sorted(uncommitted, key=lambda receipt: receipt.written_at):
                self._note(run, receipt.page_id, run.memories(receipt.page_id))

    def _note(self, run: Run, page_id: str, batch: pa.RecordBatch) -> Memory:
        fields = batch.drop_columns(["embedding", "source", "created_at"]).to_pylist()[0]
        (moment,) = batch["created_at"].cast(pa.int64()).to_pylist()
        memory = Memory(
            **fields,
            created_at=rfc3339(moment),
            source=Source(**batch["source"][0].as_py()),
            model=run.model,
            run=run.id,
            page=page_id,
        )
        vector = np.frombuffer(batch["embedding"][0].as_py(), dtype="<f4")
        self._waiting[memory.space, memory.id] = (page_id, memory, vector)
        return memory

    def _run(self) -> Run | None:
        return self._store.run(RUN) if RUN in self._store.runs() else None

    def _created(self) -> Run:
        run = self._run()
        if run is None:
            manifest = {"system": SYSTEM, "source_shown": "memories sent one by one", "model": self._model()}
            run = self._store.create_run(RUN, {**manifest, "state": "open"})
            # From now on only what is committed counts.
            run.commit_pages(())
        return run


def _key_of(page_id: str) -> str:
    return page_id.partition("-")[0]


def _page_id(arrival: Arrival) -> str:
    key = blake2b(orjson.dumps([arrival.space, arrival.id]), digest_size=12).hexdigest()
    rest = [arrival.content, arrival.confidence, arrival.created_at, arrival.vector.tolist()]
    return f"{key}-{blake2b(orjson.dumps(rest), digest_size=12).hexdigest()}"


def _batch(arrival: Arrival) -> pa.RecordBatch:
    schema = memory_schema("float32")
    vector = np.ascontiguousarray(arrival.vector, dtype="<f4").tobytes()
    source = {"system": SYSTEM, "kind": arrival.space, "key": arrival.id}
    values = {
        "id": arrival.id,
        "space": arrival.space,
        "content": arrival.content,
        "embedding": vector,
        "confidence": arrival.confidence,
        "activation": arrival.confidence,
        "decay_rate": 0.0,
        "created_at": arrival.created_at,
        "source": source,
    }
    arrays = [pa.array([values[field.name]], field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _receipt(page_id: str, arrival: Arrival, batch: pa.RecordBatch) -> PageReceipt:
    return PageReceipt(
        page_id=page_id,
        memories={arrival.space: 1},
        edges={},
        dead_letters=0,
        digest=combined(memory_hashes(batch)),
        low_confidence=0,
        zero_vectors=int(not arrival.vector.any()),
        omitted_times=0,
        texts=(1, 1),
        bytes=0,
        written_at=0.0,
        edge_digest=combined(()),
    )
