"""Results with a step and a middle for each channel."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnx import helper

from edgeinfer.profile import Integer
from edgeinfer_converters.calibration.calibrate import observe
from edgeinfer_converters.calibration.channel_extremes import channel_extremes
from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize import scales
from edgeinfer_converters.quantize.extremes import Extremes
from edgeinfer_converters.quantize.hessian import Gram, GramsAround
from edgeinfer_converters.quantize.ranges import Ranges
from edgeinfer_converters.quantize.spread import (
    EVENNESS,
    LEAST_REACH,
    ROOM,
    middle_and_reach,
    spread_channels,
    spread_inputs,
)
from edgeinfer_converters.quantize.static import quantize_int8
from tests.fixtures.graphs import bottlenecks, conv, filters, graph_of, run, samples_of, sqnr_db

ACROSS = np.array([1.0, 0.05, 0.02, 0.3])
BOUNDS = arrays(np.float32, 5, elements=st.floats(-1e4, 1e4, width=32))


def uneven() -> onnx.ModelProto:
    """A convolution whose channels lie far apart and differ in width, added to its input in float."""
    nodes = [conv("x", "a"), helper.make_node("Add", ["a", "x"], ["y"], "sum")]
    weights = {"w": filters() * ACROSS.reshape(4, 1, 1, 1), "shift": np.array([0.0, 4.0, -4.0, 2.0])}
    nodes[0].input.append("shift")
    return graph_of(nodes, (1, 4, 8, 8), weights)


def extremes_of(model: onnx.ModelProto, name: str) -> dict[str, Extremes]:
    return dict(channel_extremes(model, (name,), samples_of(model), total=16))


def test_the_function_stays_the_same() -> None:
    model = uneven()
    spread = spread_channels(model, {"conv_a"}, extremes_of(model, "a"))
    onnx.checker.check_model(spread.model, full_check=True)
    for sample in samples_of(model, 4, seed=3):
        np.testing.assert_allclose(run(spread.model, sample)[0], run(model, sample)[0], rtol=1e-4, atol=1e-4)


def test_levels_fill_what_calibration_saw() -> None:
    model = uneven()
    spread = spread_channels(model, {"conv_a"}, extremes_of(model, "a"))
    (level,) = spread.histograms
    assert (spread.histograms[level].minimum, spread.histograms[level].maximum) == (-1.0, 1.0)
    seen = extremes_of(spread.model, level)[level]
    assert seen.largest.max() == pytest.approx(1 / ROOM, rel=1e-4)
    assert (seen.largest <= 1 / ROOM + 1e-5).all()
    np.testing.assert_allclose(seen.high, -seen.low, atol=1e-3)


def test_the_gain_is_that_of_a_scale_for_each_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Channels a twentieth as wide had 256 levels of the widest one, and of the distance between them.

    Without the room that final results have in TFLite: here the sum is all there is of the network.
    """
    monkeypatch.setattr(scales, "TFLITE_ROOM", 1.0)
    model = uneven()
    spread = spread_channels(model, {"conv_a"}, extremes_of(model, "a"))
    samples = list(samples_of(model, 8, seed=5))
    plain_ranges = observe(model, samples_of(model), total=16, progress=lambda _: None)
    histograms = {**plain_ranges.histograms, **spread.histograms}
    s8 = Integer(activation="int8")
    made = [
        quantize_int8(model, plain_ranges, s8, exclude=frozenset({"sum"}), integer_results=True),
        quantize_int8(
            spread.model,
            Ranges(histograms, 16),
            s8,
            exclude=frozenset({"sum", *spread.floats}),
            integer_results=True,
        ),
    ]
    wanted = np.concatenate([run(model, one)[0] for one in samples])
    plain, better = (
        [sqnr_db(w, f) for w, f in zip(_channels(wanted), _channels(found), strict=True)]
        for found in (np.concatenate([run(one, sample)[0] for sample in samples]) for one in made)
    )
    gains = np.subtract(better, plain)
    assert gains.min() > 1
    assert gains[1:3].min() > 8  # the narrow ones


def _channels(values: np.ndarray) -> list[np.ndarray]:
    return [values[:, index] for index in range(values.shape[1])]


def test_what_is_not_named_or_not_known_is_left_alone() -> None:
    model = uneven()
    for names, known in (({"other"}, extremes_of(model, "a")), ({"conv_a"}, {})):
        spread = spread_channels(model, names, known)
        assert [node.op_type for node in spread.model.graph.node] == ["Conv", "Add"]
        assert not spread.floats
        assert not spread.histograms


def test_names_that_are_taken_are_not_taken_again() -> None:
    model = add_biases(bottlenecks())
    view = GraphView(model)
    extremes = Extremes(np.full(8, -1, np.float32), np.full(8, 1, np.float32))
    once = spread_channels(model, {"project1"}, {"j1": extremes})
    # What the first pass has made is a product's result again, under another name.
    twice = spread_channels(once.model, {"project1"}, dict.fromkeys(once.histograms, extremes))
    names = [node.name for node in twice.model.graph.node]
    assert len(set(names)) == len(names) == len(view.nodes) + 4
    onnx.checker.check_model(twice.model, full_check=True)


@given(BOUNDS, BOUNDS)
def test_all_that_was_seen_has_a_level(one: np.ndarray, other: np.ndarray) -> None:
    seen = Extremes(np.minimum(one, other), np.maximum(one, other))
    middle, reach = middle_and_reach(seen)
    assert (reach > 0).all()
    assert (reach >= LEAST_REACH * reach.max() - 1e-9).all()
    for bound in (seen.low, seen.high):
        assert (np.abs((bound - middle) / reach) <= 1 + 1e-6).all()


def test_a_result_that_never_changes_has_levels_too() -> None:
    constant = np.array([3.0, -2.0], np.float32)
    middle, reach = middle_and_reach(Extremes(constant, constant))
    np.testing.assert_array_equal(middle, constant.astype(np.float64))
    assert (reach > 0).all()


def read_by_two() -> onnx.ModelProto:
    """A sum in float whose channels lie far apart, and two pointwise convolutions that read it."""
    rng = np.random.default_rng(5)
    shift = np.array([0.0, 40.0, -40.0, 20.0]).reshape(1, 4, 1, 1)
    wide = np.array([1.0, 9.0, 0.5, 3.0]).reshape(1, 4, 1, 1)
    nodes = [
        helper.make_node("Mul", ["x", "wide"], ["m"], "widen"),
        helper.make_node("Add", ["m", "shift"], ["s"], "sum"),
        helper.make_node("Conv", ["s", "w", "b"], ["p"], "one"),
        helper.make_node("Conv", ["s", "v", "c"], ["q"], "other"),
        helper.make_node("Add", ["p", "q"], ["y"], "end"),
    ]
    weights = {"w": rng.normal(0, 1, (6, 4, 1, 1)) / wide, "v": rng.normal(0, 1, (6, 4, 1, 1)) / wide}
    weights |= {"b": rng.normal(0, 1, 6), "c": rng.normal(0, 1, 6), "shift": shift, "wide": wide}
    return graph_of(nodes, (1, 6, 8, 8), weights)


BOTH = {"one", "other"}
FLOATS = frozenset({"widen", "sum", "end"})


def test_readers_compute_the_same_from_levels() -> None:
    model = read_by_two()
    spread = spread_inputs(model, BOTH, extremes_of(model, "s"))
    onnx.checker.check_model(spread.model, full_check=True)
    assert [node.op_type for node in spread.model.graph.node].count("Mul") == 2  # once for both readers
    assert spread.floats == {"s_add_channels", "s_mul_channels"}
    for sample in samples_of(model, 4, seed=3):
        np.testing.assert_allclose(run(spread.model, sample)[0], run(model, sample)[0], rtol=1e-3, atol=1e-3)


def test_levels_that_are_read_fill_their_range() -> None:
    """Channels are as uneven as EVENNESS leaves them, and each lies around zero."""
    model = read_by_two()
    spread = spread_inputs(model, {"one"}, extremes_of(model, "s"))
    ((level, histogram),) = spread.histograms.items()
    seen = extremes_of(spread.model, level)[level]
    assert seen.largest.max() == pytest.approx(histogram.maximum / ROOM, rel=1e-3)
    assert histogram.minimum == -histogram.maximum
    np.testing.assert_allclose(seen.high, -seen.low, atol=1e-3)
    reaches = extremes_of(model, "s")["s"]
    before = middle_and_reach(reaches)[1]
    # Narrow channels have a reach of LEAST_REACH at least, and do not fill it.
    filled = before > LEAST_REACH * before.max() * 1.001
    expected = before ** (1 - EVENNESS) / ROOM
    np.testing.assert_allclose(seen.high[filled], expected[filled], rtol=1e-3)


def test_reading_by_channel_gains() -> None:
    """One scale for channels that lie 40 apart leaves few levels for those that move by one."""
    model = read_by_two()
    spread = spread_inputs(model, BOTH, extremes_of(model, "s"))
    seen = observe(model, samples_of(model), total=16, progress=lambda _: None, grams=True)
    grams = GramsAround(seen.grams, spread.spans)
    ranges = Ranges({**seen.histograms, **spread.histograms}, 16, grams)
    samples = list(samples_of(model, 8, seed=5))
    wanted = np.concatenate([run(model, one)[0] for one in samples])
    u8 = Integer(activation="uint8")
    plain = quantize_int8(model, seen, u8, exclude=FLOATS)
    better = quantize_int8(spread.model, ranges, u8, exclude=FLOATS | spread.floats)
    before, after = (
        sqnr_db(wanted, np.concatenate([run(one, sample)[0] for sample in samples]))
        for one in (plain, better)
    )
    assert after > before + 4


def test_grams_of_levels_are_those_that_would_be_observed() -> None:
    model = read_by_two()
    spread = spread_inputs(model, {"one"}, extremes_of(model, "s"))
    known, anew = (
        observe(graph, samples_of(model), total=16, progress=lambda _: None, grams=True).grams
        for graph in (model, spread.model)
    )
    around = GramsAround(known, spread.spans)
    assert sorted(around) == sorted(known)
    assert len(around) == len(known)
    for name in known:
        np.testing.assert_allclose(around[name].means, anew[name].means, atol=1e-4)
        np.testing.assert_allclose(around[name].matrices, anew[name].matrices, rtol=1e-2, atol=1e-3)


def test_inputs_that_are_not_named_or_not_known_are_left_alone() -> None:
    model = read_by_two()
    for names, known in ((set[str](), extremes_of(model, "s")), (BOTH, {})):
        spread = spread_inputs(model, names, known)
        assert [node.name for node in spread.model.graph.node] == ["widen", "sum", "one", "other", "end"]
        assert not spread.floats
        assert not spread.spans


@pytest.mark.parametrize("mean", [1.0, 100.0, 10000.0])
def test_no_covariance_around_a_far_middle_is_below_zero(mean: float) -> None:
    """What float32 sums lose is as large as the values that were added up, not as what is left of them."""
    rng = np.random.default_rng(0)
    rows = (rng.normal(0, 0.85, (512, 2)) @ rng.normal(0, 1, (2, 8)) + mean).astype(np.float32)
    matrix = (rows.T @ rows).astype(np.float64)[None] / len(rows)
    gram = Gram(matrix, rows.mean(axis=0, dtype=np.float64)[None], len(rows))
    around = gram.around(rows.mean(axis=0, dtype=np.float64), np.full(8, 2.0))
    assert np.linalg.eigvalsh(around.centred()).min() >= 0
