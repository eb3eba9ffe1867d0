"""Lines over two axes, as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 720, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 150, 20, 40
_COLOURS = ("#2a6fdb", "#d9822b", "#2e9e5b", "#a346b3", "#c9304e", "#7a7a7a")
_STEPS = 4


@dataclass(frozen=True, slots=True)
class Line:
    """Points to be joined, by rising x."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class _Axis:
    """Values from ``low`` to ``high``, spread over ``length`` pixels."""

    low: float
    high: float
    length: float
    logarithmic: bool

    def place(self, value: float) -> float:
        scale: Callable[[float], float] = math.log10 if self.logarithmic else float
        low, high = scale(self.low), scale(self.high)
        return self.length * (scale(max(value, self.low)) - low) / ((high - low) or 1.0)

    def ticks(self) -> list[float]:
        if self.logarithmic:
            exponents = range(round(math.log10(self.low)), round(math.log10(self.high)) + 1)
            return [10.0**exponent for exponent in exponents]
        return [self.low + (self.high - self.low) * step / _STEPS for step in range(_STEPS + 1)]


def plot(title: str, x_name: str, y_name: str, lines: Sequence[Line], *, logarithmic: bool = False) -> str:
    """A figure of lines, each with its name at its end.

    Args:
        title: What it shows.
        x_name: Unit of the horizontal axis.
        y_name: Unit of the vertical axis.
        lines: The lines.
        logarithmic: Both axes go by powers of ten.
    """
    x = _axis([point[0] for line in lines for point in line.points], _WIDTH - _LEFT - _RIGHT, logarithmic)
    y = _axis([point[1] for line in lines for point in line.points], _HEIGHT - _TOP - _BOTTOM, logarithmic)
    shapes = [*_x_ticks(x), *_y_ticks(y)]
    for number, line in enumerate(lines):
        shapes += _line(line, x, y, _COLOURS[number % len(_COLOURS)], _TOP + 16 * (number + 1))
    label = f"{title}: {y_name} by {x_name}"
    box = f"0 0 {_WIDTH} {_HEIGHT}"
    return (
        f"<figure><figcaption>{escape(label)}</figcaption>"
        f'<svg role="img" aria-label="{escape(label)}" viewBox="{box}">{"".join(shapes)}</svg></figure>'
    )


def _axis(values: Sequence[float], length: float, logarithmic: bool) -> _Axis:
    most = max(values)
    if not logarithmic:
        return _Axis(0.0, _rounded_up(most or 1.0), length, logarithmic)
    least = min(value for value in values if value > 0)
    return _Axis(
        10.0 ** math.floor(math.log10(least)), 10.0 ** math.ceil(math.log10(most)), length, logarithmic
    )


def _rounded_up(value: float) -> float:
    """The next number whose second digit is 0 or 5, and whose further digits are 0."""
    half = 10.0 ** math.floor(math.log10(value)) / 2
    return half * math.ceil(value / half)


def _x_ticks(axis: _Axis) -> list[str]:
    base = _HEIGHT - _BOTTOM
    return [_text(_LEFT + axis.place(tick), base + 18, f"{tick:,.10g}", "middle") for tick in axis.ticks()]


def _y_ticks(axis: _Axis) -> list[str]:
    shapes = []
    for tick in axis.ticks():
        height = _HEIGHT - _BOTTOM - axis.place(tick)
        shapes.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{height:.1f}" y2="{height:.1f}" stroke="#8884"/>'
        )
        shapes.append(_text(_LEFT - 8, height + 4, f"{tick:,.10g}", "end"))
    return shapes


def _line(line: Line, x: _Axis, y: _Axis, colour: str, legend: float) -> list[str]:
    places = " ".join(
        f"{_LEFT + x.place(at):.1f},{_HEIGHT - _BOTTOM - y.place(value):.1f}" for at, value in line.points
    )
    return [
        f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>',
        _text(_WIDTH - _RIGHT + 10, legend, line.name, "start", colour),
    ]


def _text(x: float, y: float, text: str, anchor: str, colour: str = "currentColor") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
