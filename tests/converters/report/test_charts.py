"""Pictures: nothing leaves them, and what is longer is more."""

from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.strict import replace
from edgeinfer_converters.report import charts
from edgeinfer_converters.report.charts import Point
from edgeinfer_converters.report.facts import LayerFacts, RangeFacts
from edgeinfer_converters.report.markup import Element
from edgeinfer_converters.report.pictures import Curves, Thumbnail

numbers = st.floats(-1e30, 1e30, allow_nan=False).map(lambda x: float(f"{x:.4g}"))
LAYER = LayerFacts(name="conv", operator="Conv", macs_share=0.1, sqnr_db=30.0, integer=True)
RANGE = RangeFacts(
    tensor="t", seen_low=0.0, seen_high=6.0, low=0.0, high=5.0, scale=0.02, zero_point=0, clipped=0.01
)


def found(chart: Element, tag: str, kind: str) -> list[Element]:
    return [one for one in chart.iter(tag) if kind in one.get("class", "").split()]


def inside(chart: Element) -> bool:
    """Whether all coordinates are finite and in the picture, but for the rounding to tenths."""
    _, _, width, height = map(float, chart.get("viewBox", "").split())
    for one in chart.iter():
        for name, most in (("x", width), ("x1", width), ("x2", width), ("cx", width), ("y", height)):
            if one.get(name) is not None and not -0.1 <= float(one.get(name, "")) <= most + 0.1:
                return False
        if float(one.get("x", "0")) + float(one.get("width", "0")) > width + 1.1:
            return False
    return "nan" not in ElementTree.tostring(chart, encoding="unicode")


@given(st.lists(st.floats(-200, 200), min_size=1, max_size=30))
def test_layers_of_any_sqnr(values: list[float]) -> None:
    layers = [replace(LAYER, sqnr_db=value) for value in values]
    assert inside(charts.layer_bars(layers))
    assert inside(charts.depth_line(layers))


def test_better_layers_have_longer_bars_and_equal_ones_say_so() -> None:
    chart = charts.layer_bars([replace(LAYER, sqnr_db=value) for value in (-5.0, 10.0, 40.0, 200.0)])
    lengths = [float(one.get("width", "")) for one in found(chart, "rect", "bar")]
    assert lengths == sorted(lengths)
    assert lengths[0] == 1
    assert [one.text for one in found(chart, "text", "value")] == ["-5.0", "10.0", "40.0", "equal"]
    assert "10.0% of the work" in "".join(chart.itertext())


def test_integer_and_float_layers_look_different() -> None:
    chart = charts.layer_bars([LAYER, replace(LAYER, integer=False)])
    assert len(found(chart, "rect", "integer")) == len(found(chart, "rect", "float")) == 1


@given(st.lists(st.tuples(numbers, numbers, numbers, numbers), min_size=1, max_size=12))
def test_ranges_of_any_size(bounds: list[tuple[float, float, float, float]]) -> None:
    ranges = []
    for a, b, c, d in bounds:
        low, high, seen_low, seen_high = min(a, b), max(a, b), min(c, d), max(c, d)
        ranges.append(replace(RANGE, low=low, high=high, seen_low=seen_low, seen_high=seen_high))
    assert inside(charts.range_bars(ranges))


def test_a_clipped_value_lies_beyond_the_bar() -> None:
    chart = charts.range_bars([RANGE])
    (kept,) = found(chart, "rect", "kept")
    line = found(chart, "line", "seen")[0]
    assert float(line.get("x2", "")) > float(kept.get("x", "")) + float(kept.get("width", ""))
    assert "1.00% clipped" in "".join(chart.itertext())


@given(
    st.lists(st.tuples(st.floats(1e-3, 1e4), st.floats(0, 1)), min_size=1, max_size=8),
    st.none() | st.floats(0, 1),
)
def test_trade_offs_of_any_points(places: list[tuple[float, float]], limit: float | None) -> None:
    points = [Point(x, y, f"p{k}", "rejected") for k, (x, y) in enumerate(places)]
    chart = charts.trade_off(points, "size", "top-1", limit)
    for circle in chart.iter("circle"):
        assert 0 <= float(circle.get("cx", "")) <= 400
        assert 0 <= float(circle.get("cy", "")) <= 280
    assert len(found(chart, "line", "limit")) == (limit is not None)


def test_labels_of_equal_points_do_not_overlap() -> None:
    chart = charts.trade_off([Point(1.0, 0.5, name, "chosen") for name in "abc"], "x", "y", None)
    heights = sorted(float(one.get("y", "")) for one in found(chart, "text", "label"))
    assert all(after - before >= 13 for before, after in itertools.pairwise(heights))


def test_round_numbers_at_the_axes() -> None:
    chart = charts.trade_off(
        [Point(3.6, 0.8, "a", "chosen"), Point(14, 0.79, "b", "reference")], "x", "y", 0.78
    )
    ticks = [one.text or "" for one in found(chart, "text", "axis")]
    assert "0.78" in ticks
    assert all(len(tick) <= 6 for tick in ticks if re.match(r"[\d.]+$", tick))


def test_pictures_of_samples() -> None:
    box = (0.1, 0.2, 0.5, 0.25)
    thumbnail = charts.picture(Thumbnail(b"abc", "image/jpeg", 200, 100, (box,), ()), "cat.jpg")
    (image,) = thumbnail.iter("image")
    assert image.get("href") == "data:image/jpeg;base64,YWJj"
    (rect,) = found(thumbnail, "rect", "reference")
    assert [rect.get(name) for name in ("x", "y", "width", "height")] == ["20", "20", "100", "25"]
    assert thumbnail.get("aria-label") == "Picture of cat.jpg"
    assert charts.picture(Thumbnail(b"", "image/png", 32, 16), "x").get("viewBox") == "0 0 160 80"
    curves = charts.picture(Curves(((0.0, 1.0), (1.0, 1.0))), "x")
    assert len(list(curves.iter("polyline"))) == 2


@pytest.mark.parametrize(("name", "length"), [("short", 5), ("a" * 30 + "b" * 30, 40)])
def test_long_names_keep_their_ends(name: str, length: int) -> None:
    cut = charts.shortened(name)
    assert len(cut) == length
    assert cut[0] == name[0]
    assert cut[-1] == name[-1]


def test_labels_of_what_was_passed_over_are_short() -> None:
    points = [
        Point(0.2, 0.8, "float32, 41% pruned (passed over)", "rejected"),
        Point(0.1, 0.9, "a", "chosen"),
    ]
    chart = charts.trade_off(points, "x", "y", None)
    assert [one.text for one in found(chart, "text", "label")] == ["float32, 41% pruned", "a"]
