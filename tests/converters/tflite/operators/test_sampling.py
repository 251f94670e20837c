"""Images sampled at computed places."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, model_of, node_model, normal, run_lite


@settings(max_examples=30, deadline=None)
@given(
    mode=st.sampled_from(["nearest", "linear", "cubic"]),
    border=st.sampled_from(["zeros", "border", "reflection"]),
    aligned=st.integers(0, 1),
    sides=st.lists(st.integers(2, 4), min_size=1, max_size=3),
    seed=st.integers(0, 99),
)
def test_any_form(mode: str, border: str, aligned: int, sides: list[int], seed: int) -> None:
    if mode == "cubic" and len(sides) != 2:
        mode = "linear"
    random = np.random.default_rng(seed)
    places = (2, *(2, 2, 1)[: len(sides)], len(sides))
    inputs = {
        "x": normal(2, 2, *sides, seed=seed),
        "g": random.uniform(-2.6, 2.6, places).astype(np.float32),
    }
    model = node_model("GridSample", inputs, mode=mode, padding_mode=border, align_corners=aligned, opset=20)
    check_agrees(model, inputs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("border", ["zeros", "border", "reflection"])
def test_far_off_places(border: str) -> None:
    image = normal(1, 1, 3, 4)
    far = np.array([[[[1e9, -1e9], [-1e12, 0.0]]]], np.float32)
    model = node_model("GridSample", {"x": image, "g": far}, padding_mode=border, opset=20)
    found = run_lite(to_tflite(model), {"x": image, "g": far})["y"]
    assert np.isfinite(found).all()
    if border == "zeros":
        assert not found.any()
    if border == "border":
        np.testing.assert_allclose(found.reshape(-1), [image[0, 0, 0, 3], image[0, 0, 1, 0]])


def test_the_old_names_of_the_modes() -> None:
    image = normal(1, 2, 4, 5)
    grid = np.random.default_rng(0).uniform(-1, 1, (1, 3, 3, 2)).astype(np.float32)
    inputs = {"x": image, "g": grid}
    for old, new in (("bilinear", "linear"), ("bicubic", "cubic")):
        before = node_model("GridSample", inputs, mode=old, opset=16)
        after = node_model("GridSample", inputs, mode=new, opset=20)
        np.testing.assert_array_equal(
            run_lite(to_tflite(before), inputs)["y"], run_lite(to_tflite(after), inputs)["y"]
        )


def test_behind_a_convolution_the_image_is_not_transposed() -> None:
    inputs = {"x": normal(1, 3, 4, 4), "g": np.zeros((1, 2, 2, 2), np.float32)}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv"),
        helper.make_node("GridSample", ["c", "g"], ["y"], name="sample"),
    ]
    model = model_of(nodes, inputs, ["y"], constants={"w": normal(2, 3, 1, 1)}, opset=20)
    assert "TRANSPOSE" not in check_agrees(model, inputs).operators


@pytest.mark.parametrize("aligned", [0, 1])
@pytest.mark.parametrize("sides", [(3, 4), (2, 3, 5)])
def test_affine_grids(aligned: int, sides: tuple[int, ...]) -> None:
    count = len(sides)
    inputs = {"t": normal(2, count, count + 1)}
    size = {"s": np.array([2, 3, *sides])}
    model = node_model("AffineGrid", inputs, constants=size, align_corners=aligned, opset=20)
    check_agrees(model, inputs)


def one_place() -> onnx.ModelProto:
    size = {"s": np.array([1, 1, 1, 3])}
    return node_model("AffineGrid", {"t": normal(1, 2, 3)}, constants=size, align_corners=1, opset=20)


def volume() -> onnx.ModelProto:
    inputs = {"x": normal(1, 1, 2, 2, 2), "g": normal(1, 2, 2, 2, 3)}
    return node_model("GridSample", inputs, mode="cubic", opset=20)


def integers() -> onnx.ModelProto:
    inputs = {"x": np.zeros((1, 1, 2, 2), np.int32), "g": normal(1, 2, 2, 2)}
    return node_model("GridSample", inputs, opset=20)


@pytest.mark.parametrize(
    ("model", "message"),
    [(one_place(), "corners"), (volume(), "over two axes"), (integers(), "images of floats")],
)
def test_what_has_no_equal_is_named(model: onnx.ModelProto, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        to_tflite(model)
