"""The report, or a validation's result, as one HTML page that needs nothing beside it: no network, no script.

Whatever came from the source, the target or the settings passes through ``escape``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template

from pipelines.progress import clock
from pipelines.report import Check, Report
from pipelines.reporting.charts import bar
from pipelines.reporting.pictures import pictures
from pipelines.validation.result import Validation

_MOST_ROWS = 200


def page(report: Report) -> str:
    """The text of ``report.html``."""
    sections = (
        _section("Checks", _checks(report.checks)),
        _section("Figures", _figures(report)),
        _section("Pictures", pictures(report.distributions)),
        _section("Spaces", _bars("space", "memories", report.spaces)),
        _section("Edges", _edges(report)),
        _section("Losses", _losses(report)),
        _section("Records", _tables(report)),
        _section("Notes", _list(_notes(report), "notes")),
    )
    when = report.attempts[-1]["at"] if report.attempts else ""
    header = _header(report.source, report.target, when, report.checks)
    return _whole(f"Run {report.run}", header, "\n".join(filter(None, sections)))


def checks_page(found: Validation) -> str:
    """The text of ``validation.html``: the same page with nothing but checks."""
    header = _header(found.source or "without its source", found.target, found.at, found.checks)
    return _whole(f"Validation of run {found.run}", header, _section("Checks", _checks(found.checks)))


def _whole(title: str, header: str, main: str) -> str:
    template = Template(files("pipelines.reporting").joinpath("page.html").read_text(encoding="utf-8"))
    return template.substitute(title=escape(title), header=header, main=main)


def _header(source: str, target: str, when: str, checks: Sequence[Check]) -> str:
    failed = sum(not check.passed for check in checks)
    if not checks:
        verdict = '<p class="verdict">Nothing was checked.</p>'
    elif failed:
        verdict = f'<p class="verdict bad">✗ {failed} of {len(checks)} checks failed.</p>'
    else:
        verdict = f'<p class="verdict good">✓ All {len(checks)} checks passed.</p>'
    return (
        f'<p class="soft">{escape(source)} → {escape(target)}</p><p class="soft">{escape(when)}</p>{verdict}'
    )


def _checks(checks: Sequence[Check]) -> str:
    return f'<ul class="checks">{"".join(map(_check, checks))}</ul>' if checks else ""


def _check(check: Check) -> str:
    kind, mark, word = ("good", "✓", "passed") if check.passed else ("bad", "✗", "failed")
    return (
        f'<li><span class="mark {kind}" role="img" aria-label="{word}">{mark}</span>{escape(check.name)}:'
        f" {escape(check.found)}{_list(check.details)}</li>"
    )


def _figures(report: Report) -> str:
    embedding = report.embedding
    rate = report.new_records / report.seconds if report.seconds else 0.0
    shown = {
        "records": f"{report.records:,}",
        "in the last attempt": f"{report.new_records:,}",
        "time": clock(report.seconds),
        "records a second": f"{rate:,.0f}",
        "written": f"{report.bytes / 2**20:,.1f} MB",
        "memory at most": f"{report.peak_memory / 2**20:,.0f} MB",
        "embedded by": embedding.model,
        "texts": f"{embedding.texts:,}",
        "texts repeated": f"{embedding.hit_rate:.1%}",
        "without text (LOW)": f"{embedding.low_confidence:,}",
        "without vector": f"{embedding.zero_vectors:,}",
    }
    if embedding.computed:
        shown["texts computed"] = f"{embedding.computed:,}"
    if embedding.tokens:
        shown["tokens"] = f"{embedding.tokens:,}"
        shown["cost"] = f"{embedding.cost:,.2f} $"
    items = "".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in shown.items())
    return f'<dl class="figures">{items}</dl>'


def _bars(name: str, unit: str, counts: Mapping[str, int]) -> str:
    most = max(counts.values(), default=0)
    rows = [_row(key, (count,), bar(count, most)) for key, count in list(counts.items())[:_MOST_ROWS]]
    head = f'<th scope="col">{name}</th><th scope="col">{unit}</th><td class="bar"></td>'
    return _table(head, rows, len(counts)) if counts else ""


def _edges(report: Report) -> str:
    most = max((edge.written for edge in report.edges.values()), default=0)
    rows = [
        _row(origin, (edge.source, edge.written, edge.orphans), bar(edge.written, most))
        for origin, edge in list(report.edges.items())[:_MOST_ROWS]
    ]
    head = "".join(
        f'<th scope="col">{name}</th>' for name in ("type of edge", "in source", "edges", "orphans")
    )
    samples = [
        f"orphan of {origin}: {sample['source']} → {sample['target'] or 'a record that is not there'}"
        for origin, edge in report.edges.items()
        for sample in edge.samples
    ]
    return _table(f'{head}<td class="bar"></td>', rows, len(report.edges)) + _list(samples) if rows else ""


def _losses(report: Report) -> str:
    """What was in the source and is not in the target, and why."""
    losses = {f"refused: {reason}": count for reason, count in report.distributions.refusals.items()}
    losses |= {"expired": report.expired} if report.expired else {}
    for origin, edge in report.edges.items():
        losses |= {f"orphan edges of {origin}": edge.orphans} if edge.orphans else {}
    return _bars("reason", "lost", losses) or "<p>Nothing was left out.</p>"


def _tables(report: Report) -> str:
    rows = [
        _row(table, (count.source, count.written, count.dead_letters, count.expired))
        for table, count in list(report.tables.items())[:_MOST_ROWS]
    ]
    names = ("table or group", "in source", "written", "refused", "expired")
    return _table("".join(f'<th scope="col">{name}</th>' for name in names), rows, len(report.tables))


def _notes(report: Report) -> list[str]:
    return [
        *([] if report.embedding.semantic else [report.embedding.description]),
        *(f"The source changed while it was read: {change}" for change in report.changes),
        *report.notes,
        *(f"Not followed, since the parent was left out: {name}" for name in report.not_followed),
        *([f"Times beyond RFC 3339 left out: {report.omitted_times:,}"] if report.omitted_times else []),
        *([f"Read in {len(report.attempts)} attempts"] if len(report.attempts) > 1 else []),
    ]


def _table(head: str, rows: Sequence[str], of: int) -> str:
    more = f'<p class="soft">… and {of - len(rows):,} more</p>' if of > len(rows) else ""
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'<div class="scroll" tabindex="0"><table>{body}</table></div>{more}'


def _row(name: str, counts: Sequence[int], picture: str = "") -> str:
    cells = "".join(f"<td>{count:,}</td>" for count in counts)
    drawn = f'<td class="bar">{picture}</td>' if picture else ""
    return f'<tr><th scope="row">{escape(name)}</th>{cells}{drawn}</tr>'


def _list(texts: Sequence[str], kind: str = "") -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f'<ul class="{kind}">{items}</ul>' if texts else ""


def _section(title: str, body: str) -> str:
    return f"<section><h2>{title}</h2>\n{body}</section>" if body else ""
