"""The report's pictures: throughput over time, and how activations and decay rates are spread."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from pipelines.progress import clock
from pipelines.reporting.charts import columns
from pipelines.reporting.distributions import Bin, Distributions, Throughput


def pictures(found: Distributions) -> str:
    """All pictures that there is anything to show in, as HTML."""
    shown = "".join(
        (
            _throughput(found.throughput),
            _histogram("Activation", "activation", found.activation),
            _histogram("Decay rate", "decay an hour", found.decay_rate),
        )
    )
    return f'<div class="pictures">{shown}</div>' if shown else ""


def _throughput(throughput: Throughput) -> str:
    """Records a second over time; nothing where all pages came at once."""
    width = throughput.seconds
    if not width:
        return ""
    rates = [count / width for count in throughput.records]
    titles = [
        f"{at * width:,.1f} s to {(at + 1) * width:,.1f} s: {rate:,.0f} records a second"
        for at, rate in enumerate(rates)
    ]
    whole = len(rates) * width
    took = clock(whole) if whole >= 60 else f"{whole:,.1f} s"
    note = f"at most {max(rates):,.0f} records a second"
    picture = columns(rates, f"Records a second over {took}: {note}", titles)
    return _figure("Throughput", note, picture, (throughput.started_at, f"+ {took}"), "wide")


def _histogram(title: str, what: str, bins: Sequence[Bin]) -> str:
    if not bins:
        return ""
    names = [_name(bin) for bin in bins]
    titles = [f"{name}: {bin.count:,} memories" for name, bin in zip(names, bins, strict=True)]
    filled = [told for told, bin in zip(titles, bins, strict=True) if bin.count]
    picture = columns(
        [bin.count for bin in bins], f"{title}, memories by {what}. {'. '.join(filled)}", titles
    )
    most, name = max((bin.count, name) for bin, name in zip(bins, names, strict=True))
    last = bins[-1].high
    axis = (f"{bins[0].low:g}", "no bound" if last is None else f"{last:g}")
    return _figure(title, f"memories by {what}; {most:,} of them {name}", picture, axis)


def _name(bin: Bin) -> str:
    return f"{bin.low:g} and more" if bin.high is None else f"{bin.low:g} to {bin.high:g}"


def _figure(title: str, note: str, picture: str, axis: Iterable[str], kind: str = "") -> str:
    ends = "".join(f"<span>{escape(end)}</span>" for end in axis)
    return (
        f'<figure class="{kind}"><figcaption>{title}</figcaption><p class="soft">{escape(note)}</p>'
        f'{picture}<div class="axis">{ends}</div></figure>'
    )
