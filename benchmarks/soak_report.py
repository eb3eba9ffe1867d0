"""What soaks have shown: as text, and as one page of HTML with pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path

from benchmarks.plots import Line, plot
from benchmarks.reporting import megabytes
from benchmarks.soak_run import Moment, Soaked

_MB = 1e6
_MOST_MEMORY = {"postgresql": 2_000 * _MB, "redis": 500 * _MB}
_LEAST_LAST_TENTH = 0.9
_MOST_AGAIN = 3.0
_TENTHS = 10

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Soak</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
pre {{ overflow-x: auto }}
figure {{ margin: 2rem 0 }}
svg {{ width: 100%; height: auto; font: 12px system-ui, sans-serif }}
</style>
<h1>Soak</h1>
{body}
</html>
"""


@dataclass(frozen=True, slots=True)
class Promise:
    """What was promised, and what was seen."""

    kept: bool
    text: str


@dataclass(frozen=True, slots=True)
class Tenth:
    """A tenth of the pages: seconds and processor seconds a page, and the most memory meanwhile."""

    wall: float
    cpu: float
    resident: int


def write(out: Path) -> None:
    """Writes ``report.html`` about all soaks that were kept in a folder."""
    found = sorted(
        (Soaked.load(path) for path in out.glob("*-*.json")),
        key=lambda soaked: (soaked.source, soaked.records),
    )
    parts = [_growth(found)] + [_one(soaked) for soaked in found]
    (out / "report.html").write_text(_PAGE.format(body="\n".join(parts)))


def promises(soaked: Soaked) -> list[Promise]:
    """What was promised of a migration, whatever its size."""
    peak, most = max(moment.resident for moment in soaked.moments), _MOST_MEMORY[soaked.source]
    made = [
        Promise(peak < most, f"{megabytes(peak)} at most of all processes; promised {megabytes(int(most))}"),
        Promise(
            soaked.again < _MOST_AGAIN, f"given again: {soaked.again:.1f} s; promised {_MOST_AGAIN:.0f} s"
        ),
    ]
    parts = tenths(soaked.moments)
    if len(parts) == _TENTHS:
        speed, clock = parts[0].cpu / parts[-1].cpu, parts[0].wall / parts[-1].wall
        told = f"last tenth at {speed:.0%} of the first's speed by processor time, {clock:.0%} by the clock"
        made.append(Promise(speed >= _LEAST_LAST_TENTH, f"{told}; promised {_LEAST_LAST_TENTH:.0%}"))
    return made


def tenths(moments: Sequence[Moment]) -> list[Tenth]:
    """The tenths of the pages, while pages came; fewer where there are few pages or moments."""
    # When all were first seen to be there, what follows the pages may have begun.
    flowing = [moment for moment in moments if 0 < moment.pages < moments[-1].pages]
    if not flowing:
        return []
    pages = flowing[-1].pages
    bounds = [next(m for m in flowing if m.pages >= pages * part / _TENTHS) for part in range(_TENTHS + 1)]
    return [
        Tenth(
            (end.wall - begin.wall) / (end.pages - begin.pages),
            (end.cpu - begin.cpu) / (end.pages - begin.pages),
            max(m.resident for m in flowing if begin.wall <= m.wall <= end.wall),
        )
        for begin, end in pairwise(bounds)
        if end.pages > begin.pages
    ]


def text(soaked: Soaked) -> str:
    """One migration in lines."""
    records, disk = soaked.records, soaked.disk
    lines = [
        f"{soaked.source}, {records:,} records → {soaked.memories:,} memories, {soaked.edges:,} edges,"
        f" {soaked.workers} worker{'s' if soaked.workers > 1 else ''}",
        f"  {soaked.wall:,.0f} s, {records / soaked.wall:,.0f} records/s;"
        f" {soaked.cpu:,.0f} processor seconds, {soaked.cpu / records * 1e6:.1f} µs a record",
        "  " + ", ".join(f"{stage} {seconds:,.0f} s" for stage, seconds in _stages(soaked).items()),
        f"  disk {sum(disk.values()) / records:,.0f} bytes a record: "
        + ", ".join(f"{part} {size / records:,.0f}" for part, size in disk.items()),
    ]
    for number, tenth in enumerate(tenths(soaked.moments), 1):
        lines.append(
            f"  tenth {number:2}: {tenth.cpu * 1e3:6.2f} ms CPU a page, {tenth.wall * 1e3:6.2f} ms,"
            f" {megabytes(tenth.resident)}"
        )
    lines += [f"  {'✓' if promise.kept else '✗'} {promise.text}" for promise in promises(soaked)]
    return "\n".join(lines)


def _stages(soaked: Soaked) -> dict[str, float]:
    ends = [0.0, *soaked.ends.values()]
    return dict(zip(soaked.ends, (end - begin for begin, end in pairwise(ends)), strict=True))


def _one(soaked: Soaked) -> str:
    memory = [(moment.wall, moment.resident / _MB) for moment in soaked.moments]
    pages = [(moment.wall, float(moment.pages)) for moment in soaked.moments]
    return "".join(
        (
            f"<h2>{escape(soaked.source)}, {soaked.records:,} records</h2>",
            f"<pre>{escape(text(soaked))}</pre>",
            plot("Memory of all processes", "seconds", "MB", [Line("memory", memory)]),
            plot("Pages acknowledged", "seconds", "pages", [Line("pages", pages)]),
        )
    )


def _growth(found: Sequence[Soaked]) -> str:
    """Time against size, each stage and the whole, on logarithmic axes: a straight 45° line is linear."""
    pictures = []
    for source in dict.fromkeys(soaked.source for soaked in found):
        sizes = [soaked for soaked in found if soaked.source == source]
        lines = [
            Line(stage, [(float(s.records), _stages(s)[stage]) for s in sizes]) for stage in sizes[0].ends
        ]
        lines.append(Line("all, processor time", [(float(s.records), s.cpu) for s in sizes]))
        lines.append(Line("given again", [(float(s.records), s.again) for s in sizes]))
        pictures.append(plot(f"Growth, {source}", "records", "seconds", lines, logarithmic=True))
    return "".join(pictures)
