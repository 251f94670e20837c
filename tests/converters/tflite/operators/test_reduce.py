"""Reductions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, declared, model_of, node_model, normal

ALL = [
    *("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin"),
    *("ReduceProd", "ReduceSum", "ReduceSumSquare"),
]
OF_INTEGERS = ["ReduceL1", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"]


def positive(*shape: int) -> np.ndarray:
    return np.abs(normal(*shape)) + 0.1


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize("axes", [(1,), (0, -1), (-2,), None])
def test_constant_axes(kind: str, keepdims: int, axes: tuple[int, ...] | None) -> None:
    inputs = {"x": positive(3, 4, 2)}
    constants = {} if axes is None else {"axes": np.array(axes, np.int64)}
    model = node_model(kind, inputs, constants=constants, keepdims=keepdims, opset=18)
    check_agrees(model, inputs)


@pytest.mark.parametrize("kind", ALL)
def test_axes_that_the_shapes_tell(kind: str) -> None:
    inputs = {"x": positive(3, 4, 2), "axes": np.array([1], np.int64)}
    for keepdims, shape in ((1, (3, 1, 2)), (0, (3, 2))):
        check_agrees(declared(node_model(kind, inputs, keepdims=keepdims, opset=18), *shape), inputs)


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind != "ReduceLogSumExp"])
@pytest.mark.parametrize("axis", [1, 2, -1])
def test_axes_that_only_the_run_tells(kind: str, axis: int) -> None:
    inputs = {"x": positive(3, 2, 2), "axes": np.array([axis], np.int64)}
    check_agrees(declared(node_model(kind, inputs, keepdims=0, opset=18), 3, 2), inputs)


def test_no_axes_mean_all_or_none() -> None:
    inputs = {"x": positive(3, 2)}
    none = {"axes": np.array([], np.int64)}
    for kind in ALL:
        if kind not in ("ReduceProd", "ReduceMean"):
            check_agrees(
                node_model(kind, inputs, constants=none, noop_with_empty_axes=1, keepdims=0, opset=18), inputs
            )
        check_agrees(node_model(kind, inputs, constants=none, opset=18), inputs)


@pytest.mark.parametrize("kind", OF_INTEGERS)
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_integers_are_exact(kind: str, dtype: str) -> None:
    inputs = {"x": np.array([[1, -2, 3], [40000, 5, -60000]], dtype)}
    if kind == "ReduceSumSquare" and dtype == "int32":
        pytest.skip("onnx's reference evaluator gives int64 where the standard says int32")
    check_agrees(
        node_model(kind, inputs, constants={"axes": np.array([1])}, opset=18), inputs, rtol=0, atol=0
    )


@pytest.mark.parametrize("kind", ["ReduceMax", "ReduceMin"])
def test_small_integers_and_truth_values(kind: str) -> None:
    for values in (np.array([[-128, 3], [5, 127]], np.int8), np.array([[True, False], [True, True]])):
        check_agrees(
            node_model(kind, {"x": values}, constants={"axes": np.array([1])}, opset=20), {"x": values}
        )


def test_sums_of_exponentials_do_not_overflow() -> None:
    inputs = {"x": np.array([[300.0, 299.0], [-300.0, -310.0], [0.0, -np.inf]], np.float32)}
    check_agrees(node_model("ReduceLogSumExp", inputs, constants={"axes": np.array([1])}, opset=18), inputs)


def test_images_keep_their_layout() -> None:
    image = normal(1, 3, 6, 5)
    for axes in ([2, 3], [1], [3]):
        nodes = [
            helper.make_node("Conv", ["x", "w"], ["c"]),
            helper.make_node("ReduceSum", ["c", "axes"], ["y"], keepdims=0),
        ]
        constants = {"w": normal(4, 3, 3, 3, seed=1), "axes": np.array(axes)}
        made = check_agrees(model_of(nodes, {"x": image}, ["y"], constants=constants), {"x": image})
        assert ("TRANSPOSE" in made.operators) == (axes == [3])


def test_what_is_ambiguous_is_refused() -> None:
    inputs = {"x": positive(3, 2, 2), "axes": np.array([1], np.int64)}
    model = node_model("ReduceSum", inputs, keepdims=0, noop_with_empty_axes=1, opset=18)
    with pytest.raises(ModelError, match="axes are known only when the model runs"):
        to_tflite(declared(model, 3, 2))
    with pytest.raises(ModelError, match="axes are known only when the model runs"):
        to_tflite(declared(node_model("ReduceLogSumExp", inputs, keepdims=0, opset=18), 3, 2))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_axes(data: st.DataObject) -> None:
    sides = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    axes = data.draw(st.sets(st.integers(0, len(sides) - 1), min_size=1))
    inputs = {"x": positive(*sides)}
    constants = {"axes": np.array(sorted(axes), np.int64)}
    kind, keepdims = data.draw(st.sampled_from(ALL)), data.draw(st.integers(0, 1))
    check_agrees(
        node_model(kind, inputs, constants=constants, keepdims=keepdims, opset=18), inputs, rtol=1e-3
    )
