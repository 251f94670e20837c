"""Pictures as inline SVG: bars, ranges, points, curves. Each has a name and a description in words."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgeinfer_converters.judging.verify import MAX_SQNR_DB
from edgeinfer_converters.report.facts import LayerFacts, RangeFacts
from edgeinfer_converters.report.markup import Element, element, extend
from edgeinfer_converters.report.pictures import Box, Curves, Thumbnail

WIDTH = 760
LABEL = 290
ROW = 22
BEST_DB = 60.0
"""Where the bars end: nobody can tell better layers apart."""

_LONGEST = 40
_TICK = 24
_SHARE = 130
_LINE = 14.0
_LABEL_WIDTH = 150
_TICK_WIDTH = 44
_MOST_STEPS = 8
_HIGHEST_POWER = 39  # of ten, of a float32
_SPARK = (240, 90)
_SMALL = 100
_SHOWN_SMALL = 160


@dataclass(frozen=True)
class _Plot:
    """Where the points of a trade-off lie, in the units of the picture."""

    width: float = 400
    height: float = 280
    left: float = 58
    right: float = 380
    top: float = 24
    bottom: float = 232

    def x(self, value: float, span: tuple[float, float]) -> float:
        return self.left + (self.right - self.left) * (value - span[0]) / (span[1] - span[0])

    def y(self, value: float, span: tuple[float, float]) -> float:
        return self.top + (self.bottom - self.top) * (span[1] - value) / (span[1] - span[0])


_PLOT = _Plot()


@dataclass(frozen=True)
class Point:
    """A candidate in a trade-off: `kind` is reference, rejected or chosen."""

    x: float
    y: float
    label: str
    kind: str


def layer_bars(layers: Sequence[LayerFacts]) -> Element:
    """A bar a layer: the longer, the nearer to the float model; its share of the work at the end."""
    height = ROW * len(layers) + _TICK
    chart = _svg(WIDTH, height, "Nearness of each layer to the float model, in decibel, worst first")
    span = WIDTH - LABEL - _SHARE
    for db in range(0, int(BEST_DB) + 1, 10):
        extend(chart, *_rule(LABEL + span * db / BEST_DB, height, f"{db} dB"))
    for row, layer in enumerate(layers):
        y, length = ROW * row, span * min(max(layer.sqnr_db, 0.0), BEST_DB) / BEST_DB
        kind = "bar integer" if layer.integer else "bar float"
        bar = element("rect", x=LABEL, y=y + 4, width=max(length, 1.0), height=ROW - 8, class_=kind)
        value = "equal" if layer.sqnr_db >= MAX_SQNR_DB else f"{layer.sqnr_db:.1f}"
        share = f"{layer.macs_share:.1%} of the work" if layer.macs_share else ""
        extend(
            chart,
            _text(LABEL - 8, y + 15, f"{shortened(layer.name, 26)} · {layer.operator}", "label", "end"),
            extend(bar, element("title", f"{layer.name}: {layer.operator} {share}")),
            _text(LABEL + length + 6, y + 15, value, "value"),
            _text(WIDTH - 2, y + 15, share, "axis", "end"),
        )
    return chart


def depth_line(layers: Sequence[LayerFacts]) -> Element:
    """The same numbers from the first layer to the last: where the line falls, noise comes in."""
    height, bottom = 130, 106
    chart = _svg(WIDTH, height, "Nearness to the float model from the first layer to the last")
    for db in range(0, int(BEST_DB) + 1, 20):
        y = bottom - (bottom - 10) * db / BEST_DB
        extend(chart, _line(44, y, WIDTH, y, "grid"), _text(38, y + 4, f"{db} dB", "axis", "end"))
    step = (WIDTH - 50) / max(len(layers) - 1, 1)
    heights = (bottom - (bottom - 10) * min(max(one.sqnr_db, 0.0), BEST_DB) / BEST_DB for one in layers)
    points = " ".join(f"{46 + k * step:.1f},{y:.1f}" for k, y in enumerate(heights))
    extend(chart, element("polyline", points=points, class_="curve"))
    extend(chart, _text(46, height - 6, "first layer", "axis"))
    return extend(chart, _text(WIDTH - 4, height - 6, "last layer", "axis", "end"))


def range_bars(ranges: Sequence[RangeFacts]) -> Element:
    """Two bars a tensor, on a scale that is linear near zero and logarithmic beyond."""
    height = ROW * len(ranges) + _TICK
    chart = _svg(WIDTH, height, "Values seen in the float model, and the range that 8 bits hold, by tensor")
    axis = _Symlog.of(ranges)
    for value in axis.ticks():
        extend(chart, *_rule(axis.x(value), height, f"{value:g}"))
    for row, one in enumerate(ranges):
        y = ROW * row
        title = (
            f"{one.tensor}: seen {one.seen_low:g} to {one.seen_high:g}, "
            f"kept {one.low:g} to {one.high:g}, {one.clipped:.2%} clipped"
        )
        low, high = axis.x(one.low), axis.x(one.high)
        kept = element("rect", x=low, y=y + 5, width=max(high - low, 1.0), height=ROW - 10, class_="kept")
        left, right = axis.x(one.seen_low), axis.x(one.seen_high)
        extend(
            chart,
            _text(LABEL - 8, y + 15, shortened(one.tensor), "label", "end"),
            extend(kept, element("title", title)),
            _line(left, y + ROW / 2, right, y + ROW / 2, "seen"),
            _line(left, y + 6, left, y + ROW - 6, "seen"),
            _line(right, y + 6, right, y + ROW - 6, "seen"),
        )
    return chart


def trade_off(points: Sequence[Point], x_name: str, y_name: str, limit: float | None) -> Element:
    """Points with labels; `limit` is the worst value that was allowed."""
    chart = _svg(_PLOT.width, _PLOT.height, f"{y_name} over {x_name}")
    limits = [] if limit is None else [limit]
    xs = (0.0, max(one.x for one in points) * 1.1 or 1.0)
    ys = _span([*(one.y for one in points), *limits])
    for value in _steps(*ys):
        up = _PLOT.y(value, ys)
        extend(chart, _line(_PLOT.left, up, _PLOT.right, up, "grid"))
        extend(chart, _text(_PLOT.left - 6, up + 4, f"{value:g}", "axis", "end"))
    for value in _steps(*xs):
        extend(chart, _text(_PLOT.x(value, xs), _PLOT.bottom + 16, f"{value:g}", "axis", "middle"))
    for value in limits:
        up = _PLOT.y(value, ys)
        extend(chart, _line(_PLOT.left, up, _PLOT.right, up, "limit"))
        extend(chart, _text(_PLOT.left + 4, up - 5, "limit", "axis"))
    extend(chart, _text(_PLOT.width / 2, _PLOT.height - 6, x_name, "axis name", "middle"))
    extend(chart, _text(4, 12, y_name, "axis name"))
    places = [(_PLOT.x(one.x, xs), _PLOT.y(one.y, ys)) for one in points]
    for one, (x, y), lift in zip(points, places, _lifts(places), strict=True):
        left = x > _PLOT.width * 0.6  # or the label would leave the picture
        # A ring says already that it was passed over, and the words would not fit.
        name = one.label.partition(" (")[0] if one.kind == "rejected" else one.label
        label = _text(x + (-9 if left else 9), y + lift, name, "label", "end" if left else "start")
        extend(chart, _symbol(x, y, one.kind), label)
    return chart


def picture(one: Thumbnail | Curves, name: str) -> Element:
    """The picture of a sample."""
    return _thumbnail(one, name) if isinstance(one, Thumbnail) else _curves(one, name)


def shortened(name: str, longest: int = _LONGEST) -> str:
    """A long name with its middle left out: what tells layers apart is at the end."""
    if len(name) <= longest:
        return name
    head = longest // 3
    return f"{name[:head]}…{name[head + 1 - longest :]}"


def _thumbnail(one: Thumbnail, name: str) -> Element:
    encoded = base64.b64encode(one.data).decode("ascii")
    small = max(one.width, one.height) < _SMALL  # people need it larger
    scale = _SHOWN_SMALL / max(one.width, one.height) if small else 1.0
    width, height = one.width * scale, one.height * scale
    chart = _svg(width, height, f"Picture of {name}", "thumbnail")
    image = element(
        "image",
        x=0,
        y=0,
        width=width,
        height=height,
        href=f"data:{one.media_type};base64,{encoded}",
        class_="pixels" if small else None,
    )
    extend(chart, image)
    extend(chart, *(_box(box, width, height, "box reference") for box in one.reference))
    return extend(chart, *(_box(box, width, height, "box converted") for box in one.converted))


def _box(box: Box, width: float, height: float, kind: str) -> Element:
    x, y, w, h = (share * side for share, side in zip(box, (width, height) * 2, strict=True))
    return element("rect", x=x, y=y, width=max(w, 0.0), height=max(h, 0.0), class_=kind)


def _curves(one: Curves, name: str) -> Element:
    width, height = _SPARK
    chart = _svg(width, height, f"Curve of {name}", "thumbnail")
    low, high = _span([value for series in one.series for value in series])
    for number, series in enumerate(one.series):
        step = width / (len(series) - 1)
        heights = (height - height * (value - low) / (high - low) for value in series)
        points = " ".join(f"{k * step:.1f},{y:.1f}" for k, y in enumerate(heights))
        extend(chart, element("polyline", points=points, class_=f"curve curve-{number}"))
    return chart


@dataclass(frozen=True)
class _Symlog:
    """Linear within the threshold, logarithmic beyond, on both sides of zero."""

    threshold: float
    low: float
    high: float

    @classmethod
    def of(cls, ranges: Sequence[RangeFacts]) -> _Symlog:
        bounds = [b for one in ranges for b in (one.low, one.high, one.seen_low, one.seen_high)]
        sizes = sorted(abs(bound) for bound in bounds if bound)
        # A quarter of the bounds lie in the linear part, and twelve decades at most beyond it.
        threshold = max(sizes[len(sizes) // 4], sizes[-1] * 1e-12) if sizes else 1.0
        return cls(threshold, min(*bounds, 0.0), max(*bounds, threshold))

    def x(self, value: float) -> float:
        low, high = self._bent(self.low), self._bent(self.high)
        return LABEL + (WIDTH - LABEL - 24) * (self._bent(value) - low) / (high - low)

    def ticks(self) -> list[float]:
        """Zero, and powers of ten on both sides, not too near to each other."""
        found = [0.0]
        for power in range(math.floor(math.log10(self.threshold)), _HIGHEST_POWER):
            for value in (10.0**power, -(10.0**power)):
                free = all(abs(self.x(value) - self.x(tick)) > _TICK_WIDTH for tick in found)
                if self.low <= value <= self.high and free:
                    found.append(value)
        return found

    def _bent(self, value: float) -> float:
        return math.asinh(value / self.threshold)


def _symbol(x: float, y: float, kind: str) -> Element:
    if kind == "reference":
        return element("rect", x=x - 5, y=y - 5, width=10, height=10, class_="point-reference")
    return element("circle", cx=x, cy=y, r=6, class_=f"point-{kind}")


def _lifts(places: Sequence[tuple[float, float]]) -> list[float]:
    """How far the label of each point is moved down, so that labels of near points do not overlap."""
    lifts: list[float] = []
    for k, (x, y) in enumerate(places):
        near = [
            other[1] + lift
            for other, lift in zip(places[:k], lifts, strict=True)
            if abs(other[0] - x) < _LABEL_WIDTH
        ]
        lift = 4.0
        while any(abs(y + lift - one) < _LINE for one in near):
            lift += _LINE
        lifts.append(lift)
    return lifts


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = (high - low) * 0.15 or max(abs(high) * 0.05, 1e-6)
    return low - margin, high + margin


def _steps(low: float, high: float) -> list[float]:
    """Three to nine round numbers in a range."""
    size = 10.0 ** math.floor(math.log10((high - low) / 2))
    step = next(size * factor for factor in (1, 2, 5) if (high - low) / (size * factor) <= _MOST_STEPS)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [float(f"{step * k:.6g}") for k in range(first, last + 1)]


def _rule(x: float, height: float, text: str) -> tuple[Element, Element]:
    return _line(x, 0, x, height - _TICK, "grid"), _text(x, height - 6, text, "axis", "middle")


def _svg(width: float, height: float, name: str, kind: str = "chart") -> Element:
    chart = element("svg", viewBox=f"0 0 {width:g} {height:g}", role="img", aria_label=name, class_=kind)
    return extend(chart, element("title", name))


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Element:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> Element:
    return element("text", text, x=x, y=y, class_=kind, text_anchor=anchor)
