"""Whether a target's spaces can hold what is planned, as far as the plan tells."""

from __future__ import annotations

from collections import Counter

from engram_store.errors import PreflightError
from io_connectors.engram.targets import Capabilities
from pipelines.planned import PlannedSource


def check_room(source: PlannedSource, capabilities: Capabilities) -> None:
    """Refuses a plan that is too large for a space, before anything is read.

    Where records of one table go to several spaces, the plan does not tell, and the target refuses later.

    Raises:
        PreflightError: More records are planned for a space than it can hold.
    """
    most = capabilities.most_per_space
    if most is None:
        return
    planned = Counter[str]()
    for page_id, rows in source.page_rows.items():
        planned[source.tables[source.page_tables[page_id]]] += rows
    del planned[""]
    for space, rows in planned.items():
        if rows > most:
            raise PreflightError(
                f"the space `{space}` cannot hold {rows:,} memories",
                why=f"the target keeps {most:,} of a space and drops the rest without a word",
                suggestion="spread the records over more spaces, or choose an embedded store or"
                " `engram-migrate serve` as target, which have no such limit",
                example="--target ./engram-data",
            )
