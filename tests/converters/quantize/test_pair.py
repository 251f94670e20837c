"""Two models side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import zip_longest

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.weights import outlined
from edgeinfer_converters.quantize.pair import Half, Pair, copied, waiting_bytes
from tests.fixtures.graphs import conv, filters, graph_of, residual, run, samples_of

COUNT = 5


def half_of(model: onnx.ModelProto) -> Half:
    return Half(infer_shapes(outlined(model)), {one.name: one for one in model.graph.initializer})


def pair_of(model: onnx.ModelProto, memory_bytes: int = 1_000_000) -> Pair:
    halves = (half_of(model), half_of(model))
    return Pair(halves, lambda: samples_of(model, COUNT), COUNT, memory_bytes=memory_bytes)


@pytest.mark.parametrize("ends", [[(6, 6)], [(1, 3), (4, 4), (6, 6)], [(0, 0), (2, 1), (2, 6), (6, 6)]])
def test_any_steps_lead_to_the_same_results(ends: list[tuple[int, int]]) -> None:
    model = residual()
    both = pair_of(model)
    for one in ends:
        both.advance(one)
    assert len(both.waiting) == COUNT
    for sample, (left, right) in zip(samples_of(model, COUNT), both.waiting, strict=True):
        (expected,) = run(model, sample)
        np.testing.assert_allclose(left["y"], expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(left["y"], right["y"])


def test_what_later_nodes_read_waits_and_nothing_else() -> None:
    both = pair_of(residual())
    both.advance((2, 3))
    left, right = both.waiting[0]
    assert set(left) == {"b"}
    assert set(right) == {"b", "c"}


def test_a_changed_constant_counts_from_there_on() -> None:
    model = residual()
    both = pair_of(model)
    both.advance((2, 2))
    name = model.graph.node[2].input[1]
    weights = numpy_helper.to_array(both.halves[1].constant(name))
    both.halves[1].changed[name] = numpy_helper.from_array(2 * weights, name)
    both.advance((3, 3))
    for left, right in both.waiting:
        np.testing.assert_allclose(right["c"], 2 * left["c"], rtol=1e-5)


def test_waiting_takes_what_the_widest_place_takes() -> None:
    """Behind the second convolution the skip and its result wait: 256 floats each."""
    assert waiting_bytes(half_of(residual()).model) == 2 * 4 * 256


def test_little_memory_means_few_samples_and_more_of_them_where_tensors_are_smaller() -> None:
    model = residual()
    asked = 0

    def samples() -> Iterable[Mapping[str, np.ndarray]]:
        nonlocal asked
        asked += 1
        return samples_of(model, COUNT)

    both = Pair((half_of(model), half_of(model)), samples, COUNT, memory_bytes=1)
    both.advance((2, 2))
    both.advance((6, 6))
    assert len(both.waiting) == 2
    assert asked == 1
    plenty = Pair((half_of(model), half_of(model)), samples, COUNT, memory_bytes=10_000_000)
    plenty.advance((2, 2))
    assert len(plenty.waiting) == COUNT


def bottle(neck: int) -> onnx.ModelProto:
    """A wide convolution, `neck` narrow ones behind it, a wide one again."""
    names = ["x", "wide", *(f"narrow{index}" for index in range(neck)), "y"]
    weights = {"out": filters(32, 4), "in0": filters(1, 32), "again": filters(32, 1)}
    weights |= {f"in{index}": filters(1, 1) for index in range(1, neck)}
    used = ["out", *(f"in{index}" for index in range(neck)), "again"]
    nodes = [conv(one, other, by) for one, other, by in zip(names, names[1:], used, strict=False)]
    return graph_of(nodes, (1, 32, 8, 8), weights)


@pytest.mark.parametrize(("neck", "looking", "filled"), [(2, True, 1), (2, False, 2), (3, True, 2)])
def test_no_samples_are_begun_that_the_next_step_gives_up(neck: int, looking: bool, filled: int) -> None:
    model = bottle(neck)
    asked = 0

    def samples() -> Iterable[Mapping[str, np.ndarray]]:
        nonlocal asked
        asked += 1
        return samples_of(model, COUNT)

    # Two samples fit where the wide tensor waits in both halves.
    both = Pair((half_of(model), half_of(model)), samples, COUNT, memory_bytes=2 * 2 * 4 * 32 * 64 + 100)
    ends = [(position, position) for position in range(1, len(model.graph.node) + 1)]
    for end, following in zip_longest(ends, ends[1:]):
        both.advance(end, following if looking else None)
    assert asked == filled
    assert len(both.waiting) == 2
    for sample, (left, _) in zip(samples_of(model, 2), both.waiting, strict=True):
        np.testing.assert_allclose(left["y"], run(model, sample)[0], rtol=1e-4, atol=1e-4)


def test_what_waits_is_a_copy_and_only_what_is_needed() -> None:
    """A view would keep all that the runtime had for the piece."""
    memory = np.zeros(1000, np.float32)

    class Piece:
        def run(self, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {"made": memory[:10], "unneeded": memory[10:20]}

    before = np.ones(3, np.float32)
    kept = copied(frozenset({"made", "before"}), {"before": before, "gone": before}, Piece())  # type: ignore[arg-type]  # a runner
    assert set(kept) == {"made", "before"}
    assert kept["before"] is before
    assert kept["made"].base is None
