"""A plot with two logarithmic axes, as SVG, its lines named at their ends. One picture needs no library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import ceil, floor, log10
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 120, 50, 55
COLOURS = ("#0b6e4f", "#c1121f", "#1d4e89", "#8d5a00", "#5b2a86")
LABEL_GAP = 16
Points = Sequence[tuple[float, float]]


def plotted(lines: Mapping[str, Points], *, title: str, across: str, up: str) -> str:
    """The picture of `lines`, whose points are (across, up), all of them above zero."""
    every = [point for points in lines.values() for point in points]
    xs, ys = [log10(x) for x, _ in every], [log10(y) for _, y in every]
    frame = _Frame(min(xs), max(xs), floor(min(ys)), ceil(max(ys)))
    ticks = sorted({x for x, _ in every})
    body = [
        f'<text x="{LEFT}" y="26" font-size="17" font-weight="600">{escape(title)}</text>',
        f'<text x="{LEFT}" y="{HEIGHT - 12}">{escape(across)}</text>',
        f'<text x="{LEFT - 58}" y="{TOP - 8}">{escape(up)}</text>',
        *frame.grid(),
        *(f'<text x="{frame.x(x):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{x:,.0f}</text>' for x in ticks),
        *_drawn(lines, frame),
    ]
    start = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return "\n".join([f'{start} font-family="sans-serif" font-size="13" fill="#222">',
                      f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>', *body, "</svg>", ""])  # fmt: skip


class _Frame:
    def __init__(self, left: float, right: float, low: int, high: int) -> None:
        self._left, self._right, self._low, self._high = left, right, low, high

    def x(self, value: float) -> float:
        part = (log10(value) - self._left) / (self._right - self._left or 1)
        return LEFT + part * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        part = (log10(value) - self._low) / (self._high - self._low or 1)
        return HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)

    def grid(self) -> Iterator[str]:
        for power in range(self._low, self._high + 1):
            y = self.y(10.0**power)
            yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
            yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>'


def _drawn(lines: Mapping[str, Points], frame: _Frame) -> Iterator[str]:
    places = _labels({name: frame.y(points[-1][1]) for name, points in lines.items()})
    for colour, (name, points) in zip(COLOURS, lines.items(), strict=False):
        path = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in points)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
        yield from (f'<circle cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="3.5" fill="{colour}"/>' for x, y in points)
        place = f'x="{WIDTH - RIGHT + 10}" y="{places[name] + 4:.1f}"'
        yield f'<text {place} fill="{colour}" font-weight="600">{escape(name)}</text>'


def _labels(wanted: Mapping[str, float]) -> dict[str, float]:
    """Where the names stand: at the ends of their lines, and never over each other."""
    placed = sorted(wanted.items(), key=lambda item: item[1])
    found = dict(placed)
    for (above, _), (below, _) in pairwise(placed):
        found[below] = max(found[below], found[above] + LABEL_GAP)
    return found
