"""Single kernels: their results have the shapes that are foretold."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.backends import BackendOptions, open_backend
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.tflite import steps
from edgeinfer_converters.tflite.facts import Facts
from edgeinfer_converters.tflite.flatbuffer import write
from edgeinfer_converters.tflite.lowering import Lowering
from edgeinfer_converters.tflite.qdq import find_sites
from edgeinfer_converters.tflite.tensors import Graph
from tests.fixtures.lite import normal


def run(values: np.ndarray, build: Callable[[Lowering, int], int]) -> np.ndarray:
    """What kernels make of a tensor; the shape is held against the one in the graph."""
    model = helper.make_model(helper.make_graph([], "empty", [], []))
    view = GraphView(onnx.ModelProto.FromString(model.SerializeToString()))
    at = Lowering(Graph(), Facts(view, 17), find_sites(view), view)
    source = at.graph.tensor("x", values.shape, values.dtype.name)
    result = build(at, source)
    at.graph.inputs.append(source)
    at.graph.outputs.append(result)
    at.graph.tensors[result].name = "y"
    with open_backend(write(at.graph), "tflite", BackendOptions()) as backend:
        found = backend.run({"x": values})["y"]
    assert found.shape == at.graph.tensors[result].shape
    return found


IMAGE = normal(2, 3, 4, 5)


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda at, x: steps.with_number(at, "ADD", x, 2.5), IMAGE + 2.5),
        (lambda at, x: steps.compute(at, "MUL", x, np.full((1, 3, 1, 1), 2.0)), IMAGE * 2),
        (lambda at, x: steps.reduced(at, "SUM", x, (1, 3)), IMAGE.sum((1, 3), keepdims=True)),
        (lambda at, x: steps.gathered(at, x, np.array([[3, 0], [1, 1]]), 2), IMAGE[:, :, [[3, 0], [1, 1]]]),
        (lambda at, x: steps.cut(at, x, (0, 1, 0, 2), (2, 2, 4, 2)), IMAGE[:, 1:, :, 2:4]),
        (lambda at, x: steps.cut_axis(at, x, 3, 1, 3), IMAGE[..., 1:4]),
        (
            lambda at, x: steps.padded(at, x, ((0, 0), (1, 2), (0, 0), (0, 1)), 7.0),
            np.pad(IMAGE, ((0, 0), (1, 2), (0, 0), (0, 1)), constant_values=7),
        ),
        (lambda at, x: steps.polynomial(at, x, (2.0, 0.0, -3.0, 1.0)), 2 * IMAGE**3 - 3 * IMAGE + 1),
        (lambda at, x: steps.joined(at, [x, x], 1), np.concatenate([IMAGE, IMAGE], 1)),
        (
            lambda at, x: steps.select(at, steps.with_number(at, "GREATER", x, 0.0), x, x),
            IMAGE,
        ),
        (lambda at, x: steps.cut(at, steps.padded(at, x, ((0, 0),) * 4), (0,) * 4, IMAGE.shape), IMAGE),
    ],
)
def test_one_kernel(build: Callable[[Lowering, int], int], expected: np.ndarray) -> None:
    if expected is IMAGE:
        found = run(IMAGE, lambda at, x: steps.with_number(at, "MUL", build(at, x), 1.0))
    else:
        found = run(IMAGE, build)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    after=st.integers(1, 5),
    data=st.data(),
)
def test_a_matrix_along_any_axis(shape: list[int], after: int, data: st.DataObject) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    values, matrix = normal(*shape), normal(after, shape[axis], seed=1)
    found = run(values, lambda at, x: steps.along(at, x, axis, matrix))
    expected = np.moveaxis(np.tensordot(matrix, values, (1, axis)), 0, axis)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


CODES = {
    "ADD": np.add,
    "FLOOR_MOD": np.mod,
    "GREATER": np.greater,
    "LESS_EQUAL": np.less_equal,
    "MAXIMUM": np.maximum,
    "MUL": np.multiply,
    "SUB": np.subtract,
}


@settings(max_examples=40, deadline=None)
@given(code=st.sampled_from(sorted(CODES)), sides=st.lists(st.integers(1, 3), max_size=6), data=st.data())
def test_beforehand_and_on_the_device_alike(code: str, sides: list[int], data: st.DataObject) -> None:
    """Of any ranks that broadcast, the constants' own rank included."""
    one = [side if data.draw(st.booleans()) else 1 for side in sides]
    other = [side if data.draw(st.booleans()) else 1 for side in sides][
        data.draw(st.integers(0, len(sides))) :
    ]
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    values, constants = (rng.integers(1, 20, shape).astype(np.int32) for shape in (one, other))
    expected = CODES[code](values, constants)
    made: list[np.ndarray | None] = []

    def build(at: Lowering, x: int) -> int:
        known = steps.compute(at, code, at.const(values), constants)
        made.append(at.graph.tensors[known].data)
        return steps.compute(at, code, x, constants)

    found = run(values, build)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(made[0], expected)


def test_a_choice_is_made_beforehand_where_all_is_known() -> None:
    def build(at: Lowering, x: int) -> int:
        where = at.const(np.array([[True], [False]]))
        known = steps.select(at, where, at.const([[1, 2, 3]]), at.const([[0]]))
        np.testing.assert_array_equal(at.graph.tensors[known].data, [[1, 2, 3], [0, 0, 0]])
        return steps.select(at, where, x, at.const(np.zeros((1, 1), np.float32)))

    values = normal(2, 3)
    np.testing.assert_array_equal(run(values, build), values * [[1], [0]])
