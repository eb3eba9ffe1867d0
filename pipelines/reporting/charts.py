"""Pictures as inline SVG: shapes only, so that they may stretch; all words stand beside them in HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_HEIGHT = 100


def columns(values: Sequence[float], label: str, titles: Sequence[str]) -> str:
    """Values as columns side by side.

    Args:
        values: Not below 0.
        label: What the picture shows, for those who cannot see it.
        titles: What each column says when it is pointed at.
    """
    most = max(values) or 1
    bars = [
        _rect(at + 0.06, _HEIGHT - _HEIGHT * value / most, 0.88, _HEIGHT * value / most, title)
        for at, (value, title) in enumerate(zip(values, titles, strict=True))
    ]
    return _svg("columns", len(values), label, bars)


def bar(value: float, most: float) -> str:
    """One value as a bar that lies beside its number; a decoration, since the number says it all."""
    shape = _rect(0, 0, 100 * value / most if most else 0, 10)
    return (
        f'<svg class="bar" aria-hidden="true" viewBox="0 0 100 10" preserveAspectRatio="none">{shape}</svg>'
    )


def _svg(kind: str, width: int, label: str, shapes: Sequence[str]) -> str:
    return (
        f'<svg class="{kind}" role="img" aria-label="{escape(label)}" viewBox="0 0 {width} {_HEIGHT}"'
        f' preserveAspectRatio="none">{"".join(shapes)}</svg>'
    )


def _rect(x: float, y: float, width: float, height: float, title: str = "") -> str:
    told = f"<title>{escape(title)}</title>" if title else ""
    return f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}">{told}</rect>'
