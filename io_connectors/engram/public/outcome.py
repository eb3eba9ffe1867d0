"""What is kept of a delivery beside its run: how many memories ended how, and the names of what is amiss."""

from __future__ import annotations

import orjson

from engram_store import files
from engram_store.run import Run
from io_connectors.engram.public.delivery import Look
from io_connectors.engram.public.ledger import ABSORBED, AMISS, CONFLICT, LOST, DeliveryLedger
from io_connectors.engram.public.vectors import Amiss

#: The finding that says how a run was delivered.
DELIVERY = "delivery"

#: One JSON object a line: all memories that are not on the server as they should be.
_UNDELIVERED = "undelivered.jsonl"
_SAMPLES = 20


def outcome_of(run: Run, ledger: DeliveryLedger, look: Look) -> dict[str, object]:
    """What became of a run's memories; all that are not as they should be are named in a file.

    Returns:
        Counts by space and outcome, how many vectors are equal and how many of each kind are not, the
        first names of each kind, and where the file is.
    """
    amiss = [
        Amiss(outcome, space, id)
        for outcome in (LOST, CONFLICT, ABSORBED)
        for space, id in ledger.with_outcome(look.verification, outcome)
    ]
    amiss += look.vectors.amiss
    names: dict[str, list[str]] = {kind: [] for kind in (LOST, CONFLICT, ABSORBED, *AMISS)}
    for memory in amiss:
        what = f": {memory.what}" if memory.what else ""
        names[memory.outcome].append(f"{memory.space}/{memory.id}{what}")
    lines = [orjson.dumps(memory, option=orjson.OPT_APPEND_NEWLINE) for memory in amiss]
    files.write_bytes(run.path / _UNDELIVERED, b"".join(lines))
    return {
        "spaces": ledger.counts(look.verification),
        "vectors": {"equal": look.vectors.equal} | {kind: len(names[kind]) for kind in AMISS},
        "samples": {kind: found[:_SAMPLES] for kind, found in names.items()},
        "undelivered": run.place(_UNDELIVERED),
        "left_behind": ledger.left_behind(look.verification),
    }
