"""Depthwise convolutions over large windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.tflite.taps import with_few_taps
from tests.fixtures.lite import check_agrees, model_of, node_model, normal

CHANNELS = 6


def depthwise(
    *kernel: int,
    size: tuple[int, ...] = (12, 11),
    group: int = CHANNELS,
    bias: bool = True,
    **attributes: Any,
) -> tuple[onnx.ModelProto, np.ndarray]:
    """A convolution of each channel, and an input for it."""
    rng = np.random.default_rng(0)
    x = normal(1, CHANNELS, *size)
    constants = {"w": rng.normal(0, 0.2, (2 * CHANNELS, CHANNELS // group, *kernel)).astype(np.float32)}
    if bias:
        constants["b"] = rng.normal(size=2 * CHANNELS).astype(np.float32)
    return node_model("Conv", {"x": x}, constants=constants, group=group, **attributes), x


def kernels(model: onnx.ModelProto) -> list[tuple[int, ...]]:
    """Of the convolutions that are made of one."""
    cut = onnx.ModelProto()
    cut.CopyFrom(model)
    cut = with_few_taps(cut)
    onnx.checker.check_model(infer_shapes(cut), full_check=True)
    shapes = {one.name: tuple(one.dims[2:]) for one in cut.graph.initializer}
    return [shapes[node.input[1]] for node in cut.graph.node if node.op_type == "Conv"]


@pytest.mark.parametrize(
    ("kernel", "found"),
    [
        ((7, 7), [(2, 7), (2, 7), (3, 7)]),
        ((5, 5), [(5, 5)]),
        ((9, 3), [(4, 3), (5, 3)]),
        ((1, 31), [(1, 15), (1, 16)]),
        ((31, 1), [(15, 1), (16, 1)]),
        ((3, 26), [(3, 6), (3, 7), (3, 6), (3, 7)]),
        ((27, 27), [(27, 27)]),
    ],
)
def test_the_fewest_pieces_of_25_taps(kernel: tuple[int, int], found: list[tuple[int, int]]) -> None:
    model, x = depthwise(*kernel, size=(32, 33), pads=[kernel[0] // 2, kernel[1] // 2] * 2)
    assert kernels(model) == found
    made = check_agrees(model, {"x": x})
    assert made.operators["DEPTHWISE_CONV_2D"] == len(found)


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 14),
    strides=st.sampled_from([(1, 1), (2, 1), (3, 2)]),
    dilations=st.sampled_from([(1, 1), (2, 1), (1, 2)]),
    pads=st.tuples(*[st.integers(0, 8)] * 4),
    bias=st.booleans(),
)
def test_any_window_computes_the_same(
    height: int,
    strides: tuple[int, int],
    dilations: tuple[int, int],
    pads: tuple[int, int, int, int],
    bias: bool,
) -> None:
    """Pieces may read a part of the input, or nothing but padding."""
    more = max(6 * dilations[0] + 1 - height - pads[0] - pads[2], 0)
    model, x = depthwise(
        7,
        7,
        size=(height, 15),
        strides=strides,
        dilations=dilations,
        pads=[pads[0] + more, pads[1], pads[2], pads[3]],
        bias=bias,
    )
    check_agrees(model, {"x": x})


@pytest.mark.parametrize("mode", ["VALID", "SAME_UPPER"])
def test_padding_by_name(mode: str) -> None:
    model, x = depthwise(7, 7, auto_pad=mode)
    check_agrees(model, {"x": x})
    assert len(kernels(model)) == (3 if mode == "VALID" else 1)


def test_along_one_axis() -> None:
    model, x = depthwise(31, size=(64,), pads=[15, 15])
    assert kernels(model) == [(15,), (16,)]
    check_agrees(model, {"x": x})


def test_groups_of_several_channels_stay() -> None:
    model, x = depthwise(7, 7, group=2)
    check_agrees(model, {"x": x})
    assert kernels(model) == [(7, 7)]


def test_what_reads_it_reads_the_sum() -> None:
    """Weights that two convolutions share, an activation behind, and a result that is an output too."""
    x = normal(1, 4, 9, 9)
    w = np.random.default_rng(0).normal(0, 0.2, (4, 1, 7, 7)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], "a", group=4, pads=[3] * 4),
        helper.make_node("Relu", ["a"], ["r"], "r"),
        helper.make_node("Conv", ["r", "w"], ["y"], "y", group=4),
    ]
    model = model_of(nodes, {"x": x}, ["y", "a"], constants={"w": w})
    made = check_agrees(model, {"x": x})
    assert made.operators["DEPTHWISE_CONV_2D"] == 6
