"""Transposed convolutions, held against sums written out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import TfliteModel, to_tflite
from tests.fixtures.lite import model_of, node_model, normal, run_lite


def written_out(
    image: np.ndarray,
    weights: np.ndarray,
    strides: Sequence[int],
    dilations: Sequence[int],
    groups: int,
) -> np.ndarray:
    """The full result, before anything is cut off."""
    kernel = weights.shape[2:]
    sides = [
        (side - 1) * stride + (size - 1) * step + 1
        for side, stride, size, step in zip(image.shape[2:], strides, kernel, dilations, strict=True)
    ]
    inner, outer = weights.shape[0] // groups, weights.shape[1]
    result = np.zeros((image.shape[0], outer * groups, *sides))
    for group, place in product(range(groups), np.ndindex(*kernel)):
        part = image[:, group * inner : (group + 1) * inner]
        factors = weights[(slice(group * inner, (group + 1) * inner), slice(None), *place)]
        target = [
            slice(at * step, at * step + (side - 1) * stride + 1, stride)
            for at, step, side, stride in zip(place, dilations, image.shape[2:], strides, strict=True)
        ]
        chosen = (slice(None), slice(group * outer, (group + 1) * outer), *target)
        result[chosen] += np.einsum("nc...,co->no...", part, factors)
    return result


def check(
    image: np.ndarray, weights: np.ndarray, *, bias: bool = True, late: bool = False, **attributes: Any
) -> TfliteModel:
    """Hold a ConvTranspose with explicit pads against the sums."""
    rank, groups = image.ndim - 2, attributes.get("group", 1)
    strides, dilations = (attributes.get(name, [1] * rank) for name in ("strides", "dilations"))
    pads, extra = attributes.get("pads", [0] * 2 * rank), attributes.get("output_padding", [0] * rank)
    constants = {"w": weights, **({"b": normal(weights.shape[1] * groups, seed=9)} if bias else {})}
    inputs = {"x": image, **(constants if late else {})}
    model = node_model("ConvTranspose", inputs, constants={} if late else constants, **attributes)
    full = written_out(image, weights, strides, dilations, groups)
    full = np.pad(full, ((0, 0), (0, 0), *((0, more) for more in extra)))
    ends = [side - pads[rank + axis] for axis, side in enumerate(full.shape[2:])]
    kept = [slice(*pair) for pair in zip(pads[:rank], ends, strict=True)]
    expected = full[(slice(None), slice(None), *kept)]
    if bias:
        expected = expected + constants["b"].reshape(-1, *(1,) * rank)
    made = to_tflite(model)
    np.testing.assert_allclose(run_lite(made, inputs)["y"], expected, rtol=1e-3, atol=1e-4)
    return made


@pytest.mark.parametrize(
    ("kernel", "strides", "pads", "extra", "operators"),
    [
        (2, 2, [0, 0, 0, 0], [0, 0], {"TRANSPOSE_CONV": 1}),
        (4, 2, [1, 1, 1, 1], [0, 0], {"TRANSPOSE_CONV": 1}),
        (3, 2, [1, 1, 1, 1], [1, 1], {"TRANSPOSE_CONV": 1, "SLICE": 1}),
        (3, 2, [0, 0, 1, 1], [0, 0], {"TRANSPOSE_CONV": 1}),
        (3, 3, [0, 1, 2, 1], [2, 0], {"TRANSPOSE_CONV": 1}),
    ],
)
def test_what_is_cut_off(
    kernel: int, strides: int, pads: list[int], extra: list[int], operators: dict[str, int]
) -> None:
    made = check(
        normal(1, 3, 5, 4),
        normal(3, 4, kernel, kernel, seed=1),
        strides=[strides, strides],
        pads=pads,
        output_padding=extra,
    )
    assert made.operators == operators


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("groups", [1, 2, 12])
def test_groups_and_late_weights(groups: int, late: bool) -> None:
    made = check(
        normal(2, 12, 4, 5),
        normal(12, 2, 3, 3, seed=1),
        late=late,
        group=groups,
        strides=[2, 2],
        pads=[1, 1, 1, 1],
    )
    assert made.operators.get("DEPTHWISE_CONV_2D", 0) == (groups == 12)
    assert made.operators.get("TRANSPOSE_CONV", 0) == (0 if groups == 12 else groups)


def test_one_axis_and_three() -> None:
    check(normal(1, 3, 7), normal(3, 4, 5, seed=1), strides=[2], pads=[2, 2], output_padding=[1])
    check(normal(1, 3, 7), normal(3, 4, 3, seed=1), strides=[2], dilations=[2])
    volume, weights = normal(1, 2, 3, 4, 3), normal(2, 3, 3, 2, 3, seed=1)
    check(volume, weights, strides=[2, 1, 3], pads=[1, 0, 2, 0, 1, 1])
    check(volume, weights, late=True, strides=[2, 2, 2])


def test_an_activation_is_part_of_it() -> None:
    for image, weights in (
        (normal(1, 3, 5, 4), normal(3, 4, 3, 3, seed=1)),
        (normal(1, 3, 3, 3, 3), normal(3, 4, 2, 2, 2, seed=1)),
    ):
        nodes = [
            helper.make_node("ConvTranspose", ["x", "w"], ["c"], name="up"),
            helper.make_node("Relu", ["c"], ["y"], name="relu"),
        ]
        model = model_of(nodes, {"x": image}, ["y"], constants={"w": weights})
        rank = image.ndim - 2
        expected = np.maximum(written_out(image, weights, [1] * rank, [1] * rank, 1), 0)
        np.testing.assert_allclose(
            run_lite(to_tflite(model), {"x": image})["y"], expected, rtol=1e-3, atol=1e-4
        )


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER"])
def test_automatic_borders(auto_pad: str) -> None:
    image, weights = normal(1, 3, 4, 5), normal(3, 2, 3, 4, seed=1)
    model = node_model(
        "ConvTranspose", {"x": image}, constants={"w": weights}, auto_pad=auto_pad, strides=[2, 3]
    )
    full = written_out(image, weights, [2, 3], [1, 1], 1)
    totals = full.shape[2] - 8, full.shape[3] - 15
    first = [total // 2 if auto_pad == "SAME_UPPER" else total - total // 2 for total in totals]
    expected = full[:, :, first[0] : first[0] + 8, first[1] : first[1] + 15]
    np.testing.assert_allclose(run_lite(to_tflite(model), {"x": image})["y"], expected, atol=1e-4)


def test_a_given_shape() -> None:
    image, weights = normal(1, 2, 3, 3), normal(2, 2, 3, 3, seed=1)
    model = node_model(
        "ConvTranspose", {"x": image}, constants={"w": weights}, output_shape=[8, 7], strides=[3, 2]
    )
    expected = written_out(image, weights, [3, 2], [1, 1], 1)[:, :, 1:]
    np.testing.assert_allclose(run_lite(to_tflite(model), {"x": image})["y"], expected, atol=1e-4)


def quantized(image: np.ndarray, weights: np.ndarray, **attributes: Any) -> onnx.ModelProto:
    """A ConvTranspose in QDQ form, with a scale for each output channel of a group."""
    scales = (np.abs(weights).max((0, 2, 3)) / 127).astype(np.float32)
    stored = np.rint(weights / scales[:, None, None]).astype(np.int8)
    zero, zeros = np.array(3, np.int8), np.zeros(len(scales), np.int8)
    constants = {
        **{"xs": np.array(0.03, np.float32), "ys": np.array(0.08, np.float32), "z": zero},
        **{"q": stored, "ws": scales, "wz": zeros},
        "b": normal(weights.shape[1] * attributes.get("group", 1), seed=9),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "xs", "z"], ["xq"], name="q1"),
        helper.make_node("DequantizeLinear", ["xq", "xs", "z"], ["xd"], name="d1"),
        helper.make_node("DequantizeLinear", ["q", "ws", "wz"], ["w"], name="dw", axis=1),
        helper.make_node("ConvTranspose", ["xd", "w", "b"], ["c"], name="up", **attributes),
        helper.make_node("QuantizeLinear", ["c", "ys", "z"], ["cq"], name="q2"),
        helper.make_node("DequantizeLinear", ["cq", "ys", "z"], ["y"], name="d2"),
    ]
    return model_of(nodes, {"x": image}, ["y"], constants=constants, opset=19)


def on_grid(image: np.ndarray, weights: np.ndarray, **attributes: Any) -> np.ndarray:
    """The result of the numbers that 8 bits can hold."""
    scales = (np.abs(weights).max((0, 2, 3)) / 127).astype(np.float32)[:, None, None]
    exact = (np.rint(image / 0.03) + 3).clip(-128, 127) * 0.03 - 0.09
    ones, groups = [1, 1], attributes.get("group", 1)
    strides, dilations = attributes.get("strides", ones), attributes.get("dilations", ones)
    full = written_out(exact, np.rint(weights / scales) * scales, strides, dilations, groups)
    border = attributes.get("pads", [0])[0]
    kept = full[:, :, border : full.shape[2] - border, border : full.shape[3] - border]
    real = kept + normal(full.shape[1], seed=9).reshape(-1, 1, 1)
    return np.asarray((np.rint(real / 0.08) + 3).clip(-128, 127) * 0.08 - 0.24)


@pytest.mark.parametrize(
    ("attributes", "kernel"),
    [
        ({"strides": [2, 2], "pads": [1, 1, 1, 1]}, "TRANSPOSE_CONV"),
        ({"strides": [2, 2], "pads": [1, 1, 1, 1], "group": 12}, "DEPTHWISE_CONV_2D"),
        ({"dilations": [2, 2]}, "CONV_2D"),
    ],
)
def test_eight_bits(attributes: dict[str, Any], kernel: str) -> None:
    image = normal(1, 12, 5, 4)
    weights = normal(12, 1, 3, 3, seed=1)
    model = quantized(image, weights, **attributes)
    made = to_tflite(model)
    assert kernel in made.operators
    assert made.operators["DEQUANTIZE"] == made.operators["QUANTIZE"] == 1
    expected = on_grid(image, weights, **attributes)
    np.testing.assert_allclose(run_lite(made, {"x": image})["y"], expected, atol=0.0801)


def test_eight_bits_in_few_groups() -> None:
    image, weights = normal(1, 4, 5, 4), normal(4, 3, 3, 3, seed=1)
    model = quantized(image, weights, strides=[2, 2], group=2)
    made = to_tflite(model)
    assert made.operators["TRANSPOSE_CONV"] == 2
    expected = on_grid(image, weights, strides=[2, 2], group=2)
    np.testing.assert_allclose(run_lite(made, {"x": image})["y"], expected, atol=0.0801)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_window(data: st.DataObject) -> None:
    number = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    kernel, strides = [number(1, 3), number(1, 3)], [number(1, 3), number(1, 3)]
    dilations, groups = [number(1, 2), number(1, 2)], data.draw(st.sampled_from([1, 2, 9]))
    image = normal(1, groups * number(1, 2), number(1, 4), number(1, 4), seed=number(0, 9))
    extents = [(size - 1) * step + 1 for size, step in zip(kernel, dilations, strict=True)]
    pads = [number(0, 2) for _ in range(4)]
    sides = [
        (side - 1) * stride + extent - pads[axis] - pads[axis + 2]
        for axis, (side, stride, extent) in enumerate(zip(image.shape[2:], strides, extents, strict=True))
    ]
    assume(min(sides) > 0)
    check(
        image,
        normal(image.shape[1], number(1, 2), *kernel, seed=3),
        strides=strides,
        dilations=dilations,
        group=groups,
        pads=pads,
        output_padding=[number(0, stride - 1) for stride in strides],
    )


def test_what_has_no_equal_is_named() -> None:
    volume = normal(1, 4, 3, 3, 3)
    model = node_model("ConvTranspose", {"x": volume}, constants={"w": normal(4, 2, 2, 2, 2)}, group=2)
    with pytest.raises(ModelError, match="no groups in TFLite"):
        to_tflite(model)


def test_what_runtimes_disagree_on_is_refused() -> None:
    model = node_model(
        "ConvTranspose",
        {"x": normal(1, 2, 4, 4)},
        constants={"w": normal(2, 3, 3, 3)},
        auto_pad="SAME_UPPER",
        output_padding=[1, 1],
        strides=[2, 2],
    )
    with pytest.raises(ModelError, match="auto_pad SAME is with output_padding"):
        to_tflite(model)
