"""Slices of every second pixel, joined."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer_converters.tflite.focus import with_space_to_depth
from edgeinfer_converters.tflite.tensors import Graph, Quant
from tests.fixtures.lite import check_agrees, model_of, normal

CORNERS = ((0, 0), (1, 0), (0, 1), (1, 1))
"""The order in which YOLOX and YOLOv5 join them."""

END = np.iinfo(np.int64).max


def focus(
    *tail: onnx.NodeProto,
    corners: Sequence[tuple[int, int]] = CORNERS,
    step: int = 2,
    side: int = 12,
    outputs: Sequence[str] = ("y",),
) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """The corners of each block of an image, joined as `f`, and what is made of it."""
    image = {"x": normal(1, 3, side, side)}
    constants = {
        "ends": np.array([END, END]),
        "axes": np.array([2, 3]),
        "steps": np.array([step, step]),
        "w": normal(8, 3 * len(corners), 3, 3, seed=2) / 4,
    }
    nodes = []
    for number, corner in enumerate(corners):
        constants[f"start{number}"] = np.array(corner)
        bounds = [f"start{number}", "ends", "axes", "steps"]
        nodes.append(helper.make_node("Slice", ["x", *bounds], [f"part{number}"], f"slice{number}"))
    parts = [f"part{number}" for number in range(len(corners))]
    nodes.append(helper.make_node("Concat", parts, ["f"], "join", axis=1))
    return model_of([*nodes, *tail], image, outputs, constants=constants), image


CONV = helper.make_node("Conv", ["f", "w"], ["y"], "conv", pads=[1, 1, 1, 1])


@pytest.mark.parametrize("corners", list(itertools.permutations(CORNERS))[::5])
def test_a_convolution_takes_any_order_into_its_weights(corners: tuple[tuple[int, int], ...]) -> None:
    made = check_agrees(*focus(CONV, corners=corners), rtol=1e-4)
    assert made.operators == {"CONV_2D": 1, "SPACE_TO_DEPTH": 1}


def test_two_convolutions() -> None:
    again = helper.make_node("Conv", ["f", "w"], ["z"], "other", strides=[2, 2])
    made = check_agrees(*focus(CONV, again, outputs=("y", "z")))
    assert made.operators == {"CONV_2D": 2, "SPACE_TO_DEPTH": 1}


def test_larger_blocks() -> None:
    corners = [(row, column) for row in range(3) for column in range(3)]
    made = check_agrees(*focus(CONV, corners=corners[::-1], step=3))
    assert made.operators == {"CONV_2D": 1, "SPACE_TO_DEPTH": 1}


def test_other_readers_get_the_blocks_in_their_order() -> None:
    model, image = focus(CONV, helper.make_node("Relu", ["f"], ["z"]), outputs=("y", "z"))
    made = check_agrees(model, image)
    assert (made.operators["SPACE_TO_DEPTH"], made.operators["SPLIT"]) == (1, 1)
    assert made.operators["CONCATENATION"] == 1


def test_the_order_of_the_kernel_needs_nothing_more() -> None:
    ordered = [(row, column) for row in range(2) for column in range(2)]
    pool = helper.make_node("MaxPool", ["f"], ["y"], kernel_shape=[2, 2])
    made = check_agrees(*focus(pool, corners=ordered))
    assert made.operators == {"MAX_POOL_2D": 1, "SPACE_TO_DEPTH": 1}


@pytest.mark.parametrize(
    ("corners", "side"), [(((0, 0), (1, 0), (0, 1), (0, 1)), 12), (CORNERS[:2], 12), (CORNERS, 13)]
)
def test_what_is_no_focus(corners: tuple[tuple[int, int], ...], side: int) -> None:
    if side % 2:
        corners = ((0, 0), (0, 0), (0, 0), (0, 0))
    made = check_agrees(*focus(CONV, corners=corners, side=side))
    assert "SPACE_TO_DEPTH" not in made.operators
    assert made.operators["CONCATENATION"] == 1


def test_scales_stay_and_slices_of_slices_count() -> None:
    """Rows first and columns then, of integers."""
    graph, quant = Graph(), Quant.whole(0.5, 3)
    x = graph.tensor("x", (1, 4, 6, 2), "int8", quant)
    graph.inputs.append(x)
    parts = []
    for row, column in CORNERS:
        rows = cut(graph, x, (0, row, 0, 0), (1, 2, 1, 1), (1, 2, 6, 2))
        parts.append(cut(graph, rows, (0, 0, column, 0), (1, 1, 2, 1), (1, 2, 3, 2)))
    y = graph.tensor("y", (1, 2, 3, 8), "int8", quant)
    graph.add("CONCATENATION", parts, [y], axis=3, fusedActivationFunction="NONE")
    graph.outputs.append(y)
    codes = [
        operator.code for operator in with_space_to_depth(graph).operators if "SLICE" not in operator.code
    ]
    assert codes == ["SPACE_TO_DEPTH", "SPLIT", "CONCATENATION"]
    assert all(tensor.quant == quant for tensor in graph.tensors if tensor.data is None)


def cut(graph: Graph, source: int, begin: Sequence[int], steps: Sequence[int], shape: Sequence[int]) -> int:
    """A STRIDED_SLICE."""
    bounds = [graph.constant(np.array(one, np.int32), "bounds") for one in (begin, (9, 9, 9, 9), steps)]
    result = graph.tensor("part", shape, graph.tensors[source].dtype, graph.tensors[source].quant)
    graph.add("STRIDED_SLICE", [source, *bounds], [result])
    return result
