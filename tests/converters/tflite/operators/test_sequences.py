"""Running sums, and sequences turned around."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from tests.fixtures.lite import check_agrees, model_of, node_model, normal


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_cum_sum(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=5))
    axis = np.array(data.draw(st.integers(-len(shape), len(shape) - 1)))
    flags: dict[str, Any] = {name: data.draw(st.integers(0, 1)) for name in ("exclusive", "reverse")}
    values = normal(*shape)
    check_agrees(node_model("CumSum", {"x": values}, constants={"a": axis}, **flags), {"x": values})
    inputs = {"x": values, "a": axis}
    check_agrees(node_model("CumSum", inputs, **flags), inputs)


@pytest.mark.parametrize("dtype", ["int32", "int64", "float64"])
def test_types_of_sums(dtype: str) -> None:
    values = np.arange(12).reshape(3, 4).astype(dtype)
    check_agrees(node_model("CumSum", {"x": values}, constants={"a": np.array(1)}), {"x": values})


@pytest.mark.parametrize("axes", [(0, 1), (1, 0)])
@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "int8", "bool"])
def test_reverse_sequence(axes: tuple[int, int], fixed: bool, dtype: str) -> None:
    values = np.random.default_rng(0).integers(0, 9, (4, 4, 3)).astype(dtype)
    lengths = np.array([1, 4, 2, 3])
    inputs = {"x": values} if fixed else {"x": values, "n": lengths}
    constants = {"n": lengths} if fixed else {}
    model = node_model("ReverseSequence", inputs, constants=constants, time_axis=axes[0], batch_axis=axes[1])
    check_agrees(model, inputs)


def test_images_stay_channels_last() -> None:
    image = normal(1, 3, 4, 5)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("CumSum", ["c", "a"], ["s"]),
        helper.make_node("ReverseSequence", ["s", "n"], ["y"], time_axis=1, batch_axis=0),
    ]
    constants = {"w": normal(4, 3, 1, 1, seed=1), "a": np.array(1), "n": np.array([3])}
    made = check_agrees(model_of(nodes, {"x": image}, ["y"], constants=constants), {"x": image})
    assert "TRANSPOSE" not in made.operators
