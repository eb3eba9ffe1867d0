"""Costs as tables: µs a row, and ratios within the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.commands import WORKERS, command_name
from benchmarks.measuring import Cost, Costs, Measured

_NAME_WIDTH = 36
_WIDTH = 11


def table(title: str, columns: Sequence[str], lines: Mapping[str, Sequence[str]]) -> str:
    """A table with right-aligned columns."""
    head = _line(title, columns)
    return "\n".join([head, "-" * len(head), *(_line(name, cells) for name, cells in lines.items()), ""])


def cost_table(title: str, rows: int, costs: Costs, beside: Mapping[str, Cost]) -> str:
    """A line for each cost.

    Args:
        title: What the table is about.
        rows: Rows that each cost was for.
        costs: The costs, by name.
        beside: Column → the cost that each is divided by: processor time of client and server.
    """
    columns = ["rows/s", "client µs", "server µs", "wall µs", *beside]
    lines = {
        name: [
            f"{rows / cost.wall:,.0f}",
            micros(cost.client, rows),
            micros(cost.server, rows),
            micros(cost.wall, rows),
            *(f"{cost.cpu / other.cpu:.2f}" for other in beside.values()),
        ]
        for name, cost in costs.items()
    }
    return table(title, columns, lines)


def side_by_side(small: Measured, large: Measured) -> str:
    """Peak memory at either size, and what a further row costs once everything has started."""
    columns = [f"{small.rows:,}", f"{large.rows:,}", "ratio", "µs a row"]
    more = large.rows - small.rows
    lines = {}
    for workers in WORKERS:
        name = command_name(workers)
        few, many = small.costs[name], large.costs[name]
        lines[f"peak while pages flow, {workers} worker(s)"] = _peaks(few.peak_flowing, many.peak_flowing)
        lines[f"peak at all, {workers} worker(s)"] = _peaks(few.peak, many.peak)
        lines[f"client CPU s, {workers} worker(s)"] = [
            *_seconds(few, many),
            micros(many.client - few.client, more),
        ]
    return table("", columns, lines)


def _peaks(few: int, many: int) -> list[str]:
    return [megabytes(few), megabytes(many), f"{many / few:.2f}", ""]


def _seconds(few: Cost, many: Cost) -> list[str]:
    return [f"{few.client:.1f}", f"{many.client:.1f}", f"{many.client / few.client:.2f}"]


def micros(seconds: float | None, rows: int) -> str:
    """Microseconds a row, or a dash for what is not known."""
    return "–" if seconds is None else f"{seconds / rows * 1e6:.2f}"


def megabytes(size: int) -> str:
    """Whole megabytes."""
    return f"{size / 1e6:,.0f} MB"


def _line(name: str, cells: Sequence[str]) -> str:
    return name.ljust(_NAME_WIDTH) + "".join(cell.rjust(max(_WIDTH, 2)) for cell in cells)
