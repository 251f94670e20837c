"""NonMaxSuppression against the reference: ties, thresholds that are met exactly, several classes."""

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
from tests.fixtures.lite import check_agrees, node_model, run_onnx

LINE = np.array([[[0, 0, 1, 2], [0, 1, 1, 3], [1, 3, 0, 1], [0, 0, 1, 2], [0, 5, 1, 6]]], np.float32)


def model_for(inputs: dict[str, np.ndarray], *computed: str, **attributes: Any) -> onnx.ModelProto | None:
    """A model whose output has the shape of what is left, None where that is nothing."""
    constants = {name: values for name, values in inputs.items() if name not in ("b", "s", *computed)}
    fed = {name: values for name, values in inputs.items() if name not in constants}
    model = node_model("NonMaxSuppression", fed, constants=constants, order=list(inputs), **attributes)
    rows = run_onnx(model, fed)["y"]
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", onnx.TensorProto.INT64, rows.shape))
    return model if rows.size else None


def check(inputs: dict[str, np.ndarray], *computed: str, **attributes: Any) -> None:
    """Convert and compare."""
    model = model_for(inputs, *computed, **attributes)
    if model is not None:
        check_agrees(model, {name: inputs[name] for name in ("b", "s", *computed)})


def inputs_of(
    boxes: np.ndarray, scores: np.ndarray, most: int, overlap: float, least: float
) -> dict[str, Any]:
    """The five inputs."""
    return {
        "b": boxes,
        "s": scores,
        "n": np.array([most]),
        "o": np.array([overlap], np.float32),
        "t": np.array([least], np.float32),
    }


@pytest.mark.parametrize("computed", [(), ("n",), ("o",), ("t",), ("n", "o", "t")])
@pytest.mark.parametrize("overlap", [0.0, 1 / 3, 0.34, 0.5, 1.0])
@pytest.mark.parametrize("most", [1, 3, 9])
def test_ties_and_thresholds_met_exactly(computed: tuple[str, ...], overlap: float, most: int) -> None:
    scores = np.array([[[0.5, 0.5, 0.75, 0.5, 0.25]]], np.float32)
    if overlap == 1.0 and "o" not in computed:
        return
    for least in (-1.0, 0.25, 0.5):
        check(inputs_of(LINE, scores, most, overlap, least), *computed)


def test_without_thresholds() -> None:
    scores = np.array([[[0.5, -0.5, 0.75, 0.5, 0.25]]], np.float32)
    given_ones = inputs_of(LINE, scores, 4, 0.5, 0.0)
    check({name: given_ones[name] for name in ("b", "s", "n", "o")})


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_boxes(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    batches, classes, count = (data.draw(st.integers(1, high)) for high in (2, 3, 8))
    boxes = rng.integers(0, 5, (batches, count, 4)).astype(np.float32)
    scores = rng.integers(0, 5, (batches, classes, count)).astype(np.float32)
    overlap = data.draw(st.sampled_from([0.1, 0.25, 0.45, 0.5]))
    found = inputs_of(boxes, scores, data.draw(st.integers(1, 4)), overlap, data.draw(st.integers(-1, 3)))
    check(
        found,
        *data.draw(st.sampled_from([(), ("n", "o", "t")])),
        center_point_box=data.draw(st.integers(0, 1)),
    )


def test_boxes_without_area_neither_drop_nor_are_dropped() -> None:
    flat = np.array([[[0, 0, 0, 0], [0, 0, 4, 4], [0, 0, 0, 0], [1, 2, 1, 5], [0, 0, 4, 3]]], np.float32)
    for order in ([5, 4, 3, 2, 1], [1, 2, 3, 4, 5]):
        check(inputs_of(flat, np.array([[order]], np.float32), 5, 0.3, 0.0))
    broken = flat.copy()
    broken[0, 0, 1] = np.nan
    check(inputs_of(broken, np.array([[[5, 4, 3, 2, 1]]], np.float32), 5, 0.3, 0.0))


def test_what_has_no_equal_is_told() -> None:
    inputs = inputs_of(LINE, np.ones((1, 1, 5), np.float32), 2, 0.5, 0.0)
    with pytest.raises(ModelError, match="known only when the model runs"):
        to_tflite(node_model("NonMaxSuppression", inputs))
    model = model_for(inputs_of(LINE, np.ones((1, 1, 5), np.float32), 2, 1.0, 0.0))
    assert model is not None
    with pytest.raises(ModelError, match="no box is ever dropped"):
        to_tflite(model)
    many = inputs_of(LINE, np.ones((1, 101, 5), np.float32), 2, 0.5, 0.0)
    model = model_for(many)
    assert model is not None
    with pytest.raises(ModelError, match="101 lists of boxes; 100 at most"):
        to_tflite(model)
