"""Convolutions of all kinds."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.backends import BackendOptions, open_backend
from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import Arrays, check_agrees, model_of, node_model, normal, run_onnx


@pytest.mark.parametrize("padding", [(0, 0, 0, 0), (1, 1, 1, 1), (0, 0, 1, 1), (2, 0, 1, 3)])
@pytest.mark.parametrize("groups", [1, 2, 6])
def test_over_two_axes(padding: tuple[int, ...], groups: int) -> None:
    image = normal(1, 6, 9, 8)
    weights, bias = normal(12, 6 // groups, 3, 3, seed=1), normal(12, seed=2)
    model = node_model(
        "Conv", {"x": image}, constants={"w": weights, "b": bias}, pads=padding, group=groups, strides=[2, 1]
    )
    made = check_agrees(model, {"x": image})
    assert ("DEPTHWISE_CONV_2D" in made.operators) == (groups == 6)
    assert made.inputs["x"] == made.outputs["y"] == (0, 2, 3, 1)
    assert "TRANSPOSE" not in made.operators


def test_borders_that_tflite_knows_need_no_operator() -> None:
    image = normal(1, 3, 8, 8)
    weights = normal(4, 3, 3, 3, seed=1)
    same = node_model("Conv", {"x": image}, constants={"w": weights}, pads=[0, 0, 1, 1], strides=[2, 2])
    other = node_model("Conv", {"x": image}, constants={"w": weights}, pads=[1, 1, 1, 1], strides=[2, 2])
    assert "PAD" not in check_agrees(same, {"x": image}).operators
    assert check_agrees(other, {"x": image}).operators["PAD"] == 1


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER", "VALID"])
def test_automatic_borders(auto_pad: str) -> None:
    image = normal(1, 2, 7, 10)
    model = node_model(
        "Conv", {"x": image}, constants={"w": normal(3, 2, 2, 3, seed=1)}, auto_pad=auto_pad, strides=[2, 3]
    )
    check_agrees(model, {"x": image})


def test_what_runtimes_disagree_on_is_refused() -> None:
    """Onnxruntime's windows begin in the middle of what they leave out, those of ONNX's reference do not."""
    model = strided("SAME_UPPER", 4)
    reference, other = run_onnx(model, {"x": STRIDED})["y"], run_session(model, {"x": STRIDED})["y"]
    assert reference.shape == other.shape
    assert not np.allclose(reference, other)
    with pytest.raises(ModelError, match="runtimes differ on what auto_pad SAME is"):
        to_tflite(model)


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER"])
def test_with_one_value_left_out_they_agree(auto_pad: str) -> None:
    model = strided(auto_pad, 2)
    check_agrees(model, {"x": STRIDED})
    found = run_session(model, {"x": STRIDED})["y"]
    np.testing.assert_allclose(found, run_onnx(model, {"x": STRIDED})["y"], atol=1e-5)


STRIDED = normal(1, 2, 8, 8)


def strided(auto_pad: str, stride: int) -> onnx.ModelProto:
    return node_model(
        "Conv",
        {"x": STRIDED},
        constants={"w": normal(3, 2, 1, 1, seed=1)},
        auto_pad=auto_pad,
        strides=[stride, stride],
    )


def run_session(model: onnx.ModelProto, inputs: Arrays) -> Arrays:
    with open_backend(model.SerializeToString(), "onnx", BackendOptions()) as backend:
        return backend.run(inputs)


def test_one_axis_and_three() -> None:
    signal, volume = normal(1, 4, 20), normal(1, 2, 5, 6, 7)
    line = node_model(
        "Conv", {"x": signal}, constants={"w": normal(6, 4, 5, seed=1)}, pads=[2, 2], dilations=[2]
    )
    check_agrees(line, {"x": signal})
    depthwise = node_model("Conv", {"x": signal}, constants={"w": normal(8, 1, 3, seed=1)}, group=4)
    check_agrees(depthwise, {"x": signal})
    solid = node_model("Conv", {"x": volume}, constants={"w": normal(3, 2, 3, 3, 3, seed=1)}, pads=[1] * 6)
    check_agrees(solid, {"x": volume})


def test_weights_that_the_model_computes() -> None:
    inputs = {"x": normal(1, 3, 6, 6), "w": normal(4, 3, 3, 3, seed=1), "b": normal(4, seed=2)}
    check_agrees(node_model("Conv", inputs, pads=[1, 1, 1, 1]), inputs)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_window(data: st.DataObject) -> None:
    number = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    kernel, dilations = [number(1, 3), number(1, 3)], [number(1, 2), number(1, 2)]
    sides = [(size - 1) * step + number(1, 6) for size, step in zip(kernel, dilations, strict=True)]
    groups = data.draw(st.sampled_from([1, 2]))
    image = normal(1, 2 * groups, *sides, seed=number(0, 99))
    weights = normal(4 * groups, 2, *kernel, seed=7)
    model = node_model(
        "Conv",
        {"x": image},
        constants={"w": weights},
        group=groups,
        pads=[number(0, 2) for _ in range(4)],
        strides=[1, 1] if max(dilations) > 1 else [number(1, 3), number(1, 3)],
        dilations=dilations,
    )
    check_agrees(model, {"x": image})


@pytest.mark.parametrize("groups", [2, 4])
@pytest.mark.parametrize("computed", [False, True])
def test_groups_over_three_axes(groups: int, *, computed: bool) -> None:
    volume = normal(1, 4, 5, 6, 7)
    weights = {"w": normal(8, 4 // groups, 3, 2, 3, seed=1), "b": normal(8, seed=2)}
    inputs = {"x": volume, **(weights if computed else {})}
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], group=groups, pads=[1, 0, 1, 1, 1, 0]),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    made = check_agrees(model_of(nodes, inputs, ["y"], constants={} if computed else weights), inputs)
    assert made.operators["CONV_3D"] == groups
    assert made.operators["CONCATENATION"] == 1
    assert "RELU" not in made.operators
    assert made.operators["SLICE"] == groups * (3 if computed else 1)
