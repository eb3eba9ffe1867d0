"""Extensions that let a client compare what is served with what was written."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engram_store.parts import Part
from engram_store.server.answers import Json, refuse
from engram_store.server.requests import served, whole
from engram_store.server.state import IDENTITY
from engram_store.wire import ARROW, pack_parts

MEMORIES, EDGES = "memories", "edges"

#: Rows after which an answer ends; a page is never cut.
_ROWS = 2_000


async def parts(request: Request) -> Response:
    """GET …/parts?part=memories&start=0: some parts from a number on; none when all have been given."""
    kind, start = kind_of_part(request), whole(request, "start", 0, 0, 2**62)
    store = served(request)

    def pack() -> bytes:
        found = store.reader.parts()
        return pack_parts(_some(found.edges(start) if kind == EDGES else found.memories(start)))

    return Response(await run_in_threadpool(pack), media_type=ARROW)


async def faults(request: Request) -> Response:
    """GET …/parts/faults: what is wrong with the index as a file."""
    store = served(request)
    return Json({"faults": await run_in_threadpool(lambda: store.reader.parts().faults())})


def kind_of_part(request: Request) -> str:
    """Whether memories or edges are asked for."""
    kind = request.query_params.get("part", MEMORIES)
    if kind not in (MEMORIES, EDGES):
        raise refuse(400, f"`part` must be {MEMORIES} or {EDGES}.")
    return kind


def _some(found: Iterator[Part]) -> Iterator[Part]:
    rows = 0
    for part in found:
        yield part
        rows += part.rows.num_rows
        if rows >= _ROWS:
            return


#: In the order in which they are tried.
ROUTES = [Route(f"{IDENTITY}/parts", parts), Route(f"{IDENTITY}/parts/faults", faults)]
