"""A small log-log plot as SVG: series of points, decades as a grid, a line of the slope of the work; dark and light."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 66, 46
STYLE = """
text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-size:14px;font-weight:600}
.grid{stroke:#8c959f;stroke-opacity:.35}.work{stroke:#8c959f;stroke-dasharray:4 4}
.a{stroke:#0969da;fill:#0969da}.b{stroke:#bc4c00;fill:#bc4c00}.line{fill:none;stroke-width:2}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.a{stroke:#58a6ff;fill:#58a6ff}.b{stroke:#f0883e;fill:#f0883e}}
"""
SERIES_CLASSES = ("a", "b")
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Series:
    """One line of points.

    Attributes:
        name: With its unit.
        points: Both coordinates above 0, from left to right.
    """

    name: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class _Scale:
    """Powers of ten to pixels."""

    low: int
    high: int
    first_px: float
    last_px: float

    def px(self, value: float) -> float:
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return round(self.first_px + share * (self.last_px - self.first_px), 1)

    @property
    def decades(self) -> list[float]:
        return [10.0**power for power in range(self.low, self.high + 1)]


def log_log(title: str, x_name: str, series: Sequence[Series]) -> str:
    """Draw up to two series; the dashed line grows as the work does, from the first series' last point down.

    Returns:
        An SVG document; the same points give the same text.
    """
    x = _scale([x for one in series for x, _ in one.points], LEFT, WIDTH - RIGHT)
    y = _scale([y for one in series for _, y in one.points], HEIGHT - BOTTOM, TOP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<text class="title" x="{LEFT}" y="20">{escape(title)}</text>',
        *_grid(x, y),
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">{escape(x_name)}</text>',
        _work(x, y, series[0].points[-1]),
    ]
    for place, (one, kind) in enumerate(zip(series, SERIES_CLASSES, strict=False)):
        lines += _series(x, y, one, kind, LEFT + place * 290)
    return "\n".join([*lines, "</svg>", ""])


def _scale(values: Sequence[float], first_px: float, last_px: float) -> _Scale:
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return _Scale(low, max(high, low + 1), first_px, last_px)


def _grid(x: _Scale, y: _Scale) -> list[str]:
    lines = []
    for value in x.decades:
        lines.append(_line("grid", (x.px(value), TOP), (x.px(value), HEIGHT - BOTTOM)))
        label = f'x="{x.px(value)}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle"'
        lines.append(f"<text {label}>{value:,.0f}</text>")
    for value in y.decades:
        lines.append(_line("grid", (LEFT, y.px(value)), (WIDTH - RIGHT, y.px(value))))
        lines.append(f'<text x="{LEFT - 8}" y="{y.px(value) + 4}" text-anchor="end">{value:,.12g}</text>')
    return lines


def _work(x: _Scale, y: _Scale, end: Point) -> str:
    """From the end down, a tenth for a tenth, as far as the plot goes."""
    factor = max(10.0**x.low / end[0], 10.0**y.low / end[1])
    return _line("work", (x.px(end[0] * factor), y.px(end[1] * factor)), (x.px(end[0]), y.px(end[1])))


def _series(x: _Scale, y: _Scale, series: Series, kind: str, legend_px: float) -> list[str]:
    places = [(x.px(across), y.px(up)) for across, up in series.points]
    return [
        f'<polyline class="line {kind}" style="fill:none" points="{" ".join(f"{a},{b}" for a, b in places)}"/>',
        *(f'<circle class="{kind}" cx="{a}" cy="{b}" r="3.5"/>' for a, b in places),
        f'<circle class="{kind}" cx="{legend_px + 5}" cy="44" r="4"/>',
        f'<text x="{legend_px + 16}" y="48">{escape(series.name)}</text>',
    ]


def _line(kind: str, begin: Point, end: Point) -> str:
    return f'<line class="{kind}" x1="{begin[0]}" y1="{begin[1]}" x2="{end[0]}" y2="{end[1]}"/>'
