"""Extensions that migrate: runs, their pages, and what makes readers see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from engram_store.errors import ConfigurationError, TargetTransientError
from engram_store.run import Run
from engram_store.server import paths  # noqa: F401  # knows `name`
from engram_store.server.answers import Json, Refused, long_work, refuse
from engram_store.server.holder import TOKEN
from engram_store.server.parts import EDGES, kind_of_part
from engram_store.server.requests import (
    LARGE,
    body,
    json_body,
    json_object,
    names_body,
    run_of,
    served,
)
from engram_store.server.state import IDENTITY, Figures
from engram_store.wire import ARROW, WirePage, pack_batch, unpack_page

#: Pages that are written at the same time; a client that brings more is told to wait.
PAGES_AT_ONCE = 10

_RUN = f"{IDENTITY}/runs/{{run}}"


async def lock(request: Request) -> ASGIApp:
    """POST …/lock: holds the store for a migration until its connection ends."""
    document = await json_object(request)
    token, who = document.get("token"), document.get("who")
    if not (isinstance(token, str) and token and isinstance(who, str)):
        raise refuse(400, "`token` and `who` must be texts.")
    return served(request).holder.hold(token, who[:200])


async def release(request: Request) -> Response:
    """DELETE …/lock: the holder has done."""
    served(request).holder.release(request.headers.get(TOKEN))
    return Response(status_code=204)


async def list_runs(request: Request) -> Response:
    """GET …/runs."""
    return Json({"runs": served(request).store.runs()})


async def create_run(request: Request) -> Response:
    """PUT …/runs/{run}: makes a run; the same again changes nothing."""
    _check_holder(request)
    manifest = await json_object(request, LARGE)
    store, name = served(request).store, request.path_params["run"]

    def create() -> Run:
        if name in store.runs() and manifest.items() <= store.run(name).manifest.items():
            return store.run(name)
        return store.create_run(name, manifest)

    run = await _change(request, create)
    return Json(run.manifest, status_code=201)


async def get_run(request: Request) -> Response:
    """GET …/runs/{run}: the manifest."""
    return Json(run_of(request).manifest)


async def save_manifest(request: Request) -> Response:
    """PUT …/runs/{run}/manifest."""
    _check_holder(request)
    run, manifest = run_of(request), await json_object(request, LARGE)
    return await _done(request, lambda: run.save_manifest(manifest))


async def undo(request: Request) -> Response:
    """DELETE …/runs/{run}: takes it back."""
    _check_holder(request)
    run, store = run_of(request), served(request)
    return await long_work(lambda: asdict(store.undo(run.id)))


async def finalize(request: Request) -> Response:
    """POST …/finalize."""
    _check_holder(request)
    store = served(request)
    return await long_work(lambda: asdict(store.finalize()))


async def plan(request: Request) -> Response:
    """PUT …/runs/{run}/plan."""
    _check_holder(request)
    run, names = run_of(request), await names_body(request)
    return await _done(request, lambda: run.plan_pages(names))


async def commit(request: Request) -> Response:
    """PUT …/runs/{run}/commit."""
    _check_holder(request)
    run, names = run_of(request), await names_body(request)
    return await _done(request, lambda: run.commit_pages(names))


async def keep_only(request: Request) -> Response:
    """POST …/runs/{run}/keep_only."""
    _check_holder(request)
    run, names = run_of(request), await names_body(request)
    return await _done(request, lambda: run.keep_only(set(names)))


async def pages(request: Request) -> Response:
    """GET …/runs/{run}/pages: the names of the acknowledged pages, by what they are to the run."""
    run = run_of(request)
    asked = {
        "acknowledged": run.page_ids,
        "planned": run.planned_page_ids,
        "committed": run.committed_page_ids,
    }
    found = await run_in_threadpool(lambda: {name: sorted(names()) for name, names in asked.items()})
    return Json(found)


async def write_page(request: Request) -> Response:
    """PUT …/runs/{run}/pages/{page}: acknowledged once it is on the disk; again, it changes nothing."""
    run, figures = run_of(request), _figures(request)
    state = request.app.state
    if state.writing >= PAGES_AT_ONCE:
        raise Refused(
            429,
            TargetTransientError(
                f"{PAGES_AT_ONCE} pages are being written at this moment.",
                suggestion="Send this page again in a moment.",
            ),
        )
    state.writing += 1
    try:
        with figures.writing.track_inprogress():
            data = await body(request, LARGE)
            receipt = await run_in_threadpool(_write, run, request.path_params["page"], data)
    finally:
        state.writing -= 1
    figures.pages.inc()
    return Json(receipt)


async def read_page(request: Request) -> Response:
    """GET …/runs/{run}/pages/{page}?columns=id,embedding: its memories, or ?part=edges, as Arrow IPC."""
    run, page = run_of(request), request.path_params["page"]
    columns = request.query_params.get("columns")
    read = run.edges if kind_of_part(request) == EDGES else run.memories
    if not run.has_page(page):
        raise refuse(404, f"There is no page `{page}` in run `{run.id}`.")
    wanted = columns.split(",") if columns else None
    batch = await run_in_threadpool(read, page, wanted)
    return Response(await run_in_threadpool(pack_batch, batch), media_type=ARROW)


async def receipts(request: Request) -> Response:
    """POST …/runs/{run}/receipts: of the pages that the body names."""
    run, names = run_of(request), await names_body(request)
    known = run.page_ids()
    missing = next((name for name in names if name not in known), None)
    if missing is not None:
        raise refuse(404, f"There is no page `{missing}` in run `{run.id}`.")
    found = await run_in_threadpool(lambda: [asdict(receipt) for receipt in run.receipts(names)])
    return Json({"receipts": found})


async def run_counts(request: Request) -> Response:
    """GET …/runs/{run}/counts: the run's memories that readers see, by space."""
    return Json(served(request).reader.run_counts(run_of(request).id))


async def check_edges(request: Request) -> Response:
    """POST …/runs/{run}/check_edges."""
    run, store = run_of(request), served(request).store
    return await long_work(lambda: asdict(store.check_edges(run.id)))


async def dead_letters(request: Request) -> Response:
    """GET …/runs/{run}/dead_letters: one JSON object a line."""
    return StreamingResponse(_lines(run_of(request)), media_type="application/x-ndjson")


async def drop_orphans(request: Request) -> Response:
    """DELETE …/runs/{run}/orphans."""
    _check_holder(request)
    return await _done(request, run_of(request).drop_orphans)


async def get_finding(request: Request) -> Response:
    """GET …/runs/{run}/{name}.json."""
    run, name = run_of(request), request.path_params["name"]
    found = await run_in_threadpool(run.finding, name)
    if found is None:
        raise refuse(404, f"Run `{run.id}` has no finding `{name}`.")
    return Json(found)


async def save_finding(request: Request) -> Response:
    """PUT …/runs/{run}/{name}.json."""
    run, name, finding = run_of(request), request.path_params["name"], await json_body(request, LARGE)
    return await _done(request, lambda: run.save_finding(name, finding))


def _check_holder(request: Request) -> None:
    served(request).holder.check(request.headers.get(TOKEN))


def _figures(request: Request) -> Figures:
    figures: Figures = request.app.state.figures
    return figures


async def _change(request: Request, work: Callable[[], Any]) -> Any:
    return await run_in_threadpool(served(request).change, work)


async def _done(request: Request, work: Callable[[], None]) -> Response:
    await _change(request, work)
    return Response(status_code=204)


def _write(run: Run, page_id: str, data: bytes) -> dict[str, Any]:
    page = unpack_page(data)
    if page.receipt.page_id != page_id:
        raise ConfigurationError(
            f"The body is page `{page.receipt.page_id[:80]}`, the address says `{page_id[:80]}`.",
            suggestion="Send each page to its own address.",
        )
    return asdict(_written(run, page))


def _written(run: Run, page: WirePage) -> Any:
    for stage, letters in page.dead_letters.items():
        run.write_dead_letters(stage, page.receipt.page_id, letters)
    return run.write_page(page.memories, page.edges, page.receipt)


def _lines(run: Run) -> Iterator[bytes]:
    for letter in run.dead_letters():
        yield orjson.dumps(letter, option=orjson.OPT_APPEND_NEWLINE)


#: In the order in which they are tried.
ROUTES = [
    Route(f"{_RUN}/pages/{{page:name}}", write_page, methods=["PUT"]),
    Route(f"{_RUN}/pages/{{page:name}}", read_page),
    Route(f"{_RUN}/pages", pages),
    Route(f"{_RUN}/receipts", receipts, methods=["POST"]),
    Route(f"{_RUN}/plan", plan, methods=["PUT"]),
    Route(f"{_RUN}/commit", commit, methods=["PUT"]),
    Route(f"{_RUN}/keep_only", keep_only, methods=["POST"]),
    Route(f"{_RUN}/manifest", save_manifest, methods=["PUT"]),
    Route(f"{_RUN}/counts", run_counts),
    Route(f"{_RUN}/check_edges", check_edges, methods=["POST"]),
    Route(f"{_RUN}/dead_letters", dead_letters),
    Route(f"{_RUN}/orphans", drop_orphans, methods=["DELETE"]),
    Route(f"{_RUN}/{{name}}.json", get_finding),
    Route(f"{_RUN}/{{name}}.json", save_finding, methods=["PUT"]),
    Route(_RUN, create_run, methods=["PUT"]),
    Route(_RUN, undo, methods=["DELETE"]),
    Route(_RUN, get_run),
    Route(f"{IDENTITY}/runs", list_runs),
    Route(f"{IDENTITY}/finalize", finalize, methods=["POST"]),
    Route(f"{IDENTITY}/lock", lock, methods=["POST"]),
    Route(f"{IDENTITY}/lock", release, methods=["DELETE"]),
]
