"""Arithmetic with indices, beforehand and on the device: both must agree with numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer_converters.tflite import places
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, node_model, run_lite


@settings(max_examples=60, deadline=None)
@given(shape=st.lists(st.integers(1, 5), min_size=0, max_size=5))
def test_strides_number_the_elements(shape: list[int]) -> None:
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    steps = places.strides(shape)
    for index in np.ndindex(*shape):
        assert numbers[index] == sum(one * step for one, step in zip(index, steps, strict=True))


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_constant_and_computed_indices_agree(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=2, max_size=4)))
    batch = data.draw(st.integers(0, len(shape) - 1))
    depth = data.draw(st.integers(1, len(shape) - batch))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    values = rng.integers(0, 99, shape).astype(np.int32)
    sides = np.array(shape[batch : batch + depth])
    indices = rng.integers(-sides, sides, (*shape[:batch], 3, depth))
    fixed = node_model("GatherND", {"x": values}, constants={"i": indices}, batch_dims=batch)
    made = check_agrees(fixed, {"x": values})
    assert set(made.operators) <= {"GATHER", "RESHAPE"}
    inputs: dict[str, np.ndarray] = {"x": values, "i": indices}
    check_agrees(node_model("GatherND", inputs, batch_dims=batch), inputs)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_indices_of_a_long_axis(dtype: str) -> None:
    values = np.arange(100_000, dtype=np.float32)
    inputs = {"x": values, "i": np.array([-100_000, 99_999, -1, 70_000], dtype)}
    found = run_lite(to_tflite(node_model("GatherElements", inputs)), inputs)["y"]
    np.testing.assert_array_equal(found, [0, 99_999, 99_999, 70_000])
