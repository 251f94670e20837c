"""Different elements, when their number is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import node_model, run_lite

OUTPUTS = ("y", "first", "inverse", "counts")


def unique(values: np.ndarray, **attributes: Any) -> onnx.ModelProto:
    """A model that says how many different elements there are."""
    model = node_model("Unique", {"x": values}, outputs=OUTPUTS, **attributes)
    count = len(np.unique(values))
    kinds = (helper.np_dtype_to_tensor_dtype(values.dtype), *[onnx.TensorProto.INT64] * 3)
    for output, name, kind in zip(model.graph.output, OUTPUTS, kinds, strict=True):
        side = values.size if name == "inverse" else count
        output.CopyFrom(helper.make_tensor_value_info(name, kind, [side]))
    return model


def check(values: np.ndarray, *, is_sorted: bool) -> None:
    """Against numpy: the reference evaluator fails where elements are not sorted."""
    expected = list(np.unique(values, return_index=True, return_inverse=True, return_counts=True))
    if not is_sorted:
        order = np.argsort(expected[1])
        expected = [
            expected[0][order],
            expected[1][order],
            np.argsort(order)[expected[2]],
            expected[3][order],
        ]
    found = run_lite(to_tflite(unique(values, sorted=int(is_sorted))), {"x": values})
    for name, wanted in zip(OUTPUTS, expected, strict=True):
        np.testing.assert_array_equal(found[name], wanted.reshape(-1), err_msg=name)
        assert found[name].dtype == (values.dtype if name == "y" else np.int64)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_elements(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    dtype = data.draw(st.sampled_from(["float32", "int64", "int8"]))
    check(rng.integers(-3, 4, shape).astype(dtype), is_sorted=data.draw(st.booleans()))


@pytest.mark.parametrize("is_sorted", [True, False])
def test_one_element(is_sorted: bool) -> None:
    check(np.array([0], np.int64), is_sorted=is_sorted)


def test_what_has_no_equal_is_told() -> None:
    values = np.zeros((2, 3), np.float32)
    rows = node_model("Unique", {"x": values}, axis=0)
    rows.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 1
    with pytest.raises(ModelError, match="different rows"):
        to_tflite(rows)
    with pytest.raises(ModelError, match="known only when the model runs"):
        to_tflite(node_model("Unique", {"x": values}))
