"""Shapes, bounds and counts among the parameters of nodes fit what is left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edgeinfer_converters.graph.view import GraphView, attribute
from edgeinfer_converters.prune.parameters import fit_attributes
from tests.fixtures.graphs import filters
from tests.fixtures.pruning import between, check_pruned, one


def parameter(model: onnx.ModelProto, kind: str, place: int, *, last: bool = False) -> list[int]:
    """The constant input of the first (or last) node of a kind."""
    nodes = [node for node in model.graph.node if node.op_type == kind]
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    return list(numpy_helper.to_array(constants[nodes[-1 if last else 0].input[place]]).tolist())


def test_a_reshape_says_its_result() -> None:
    nodes = [one("Reshape", ["a", "apart"], ["c"]), one("Reshape", ["c", "again"])]
    shapes = {"apart": np.array([0, 2, -1, 8, 8]), "again": np.array([1, 4, 8, 8])}
    smaller = check_pruned(between(nodes, shapes), {"conv_a": [1]})
    assert parameter(smaller, "Reshape", 1) == [1, 2, 1, 8, 8]
    assert parameter(smaller, "Reshape", 1, last=True) == [1, 2, 8, 8]


def test_an_expand_says_its_result() -> None:
    nodes = [one("Expand", ["a", "shape"], ["c"]), one("ReduceMax", ["c"], axes=[0], keepdims=0)]
    smaller = check_pruned(between(nodes, {"shape": np.array([2, 1, 4, 8, 8])}), {"conv_a": [0, 3]})
    assert parameter(smaller, "Expand", 1) == [2, 1, 2, 8, 8]


@pytest.mark.parametrize(
    ("sizes", "attributes", "wanted"),
    [
        ([1, 4, 16, 16], {}, [1, 3, 16, 16]),
        ([16, 4], {"axes": [-1, 1]}, [16, 3]),
        ([16, 16], {"axes": [2, 3]}, [16, 16]),
    ],
)
def test_a_resize_to_a_size_has_fewer_channels(
    sizes: list[int], attributes: dict[str, Any], wanted: list[int]
) -> None:
    nodes = [one("Resize", ["a", "", "", "sizes"], mode="nearest", **attributes)]
    model = between(nodes, {"sizes": np.array(sizes)}, opset=18)
    assert parameter(check_pruned(model, {"conv_a": [0, 1, 3]}), "Resize", 3) == wanted


def test_a_resize_by_scales_stays() -> None:
    nodes = [one("Resize", ["a", "", "scales"], mode="nearest")]
    model = between(nodes, {"scales": np.array([1.0, 1, 2, 2])})
    assert parameter(check_pruned(model, {"conv_a": [0, 1, 3]}), "Resize", 2) == [1, 1, 2, 2]


@pytest.mark.parametrize("opset", [17, 18])
def test_a_split_into_equal_parts_gets_sizes(opset: int) -> None:
    count = {"num_outputs": 2} if opset == 18 else {}
    nodes = [one("Split", ["a"], ["c", "d"], axis=1, **count), one("Concat", ["d", "c"], axis=1)]
    smaller = check_pruned(between(nodes, opset=opset), {"conv_a": [0, 2, 3]})
    assert parameter(smaller, "Split", 1) == [1, 2]
    split = next(node for node in smaller.graph.node if node.op_type == "Split")
    assert [one.name for one in split.attribute] == ["axis"]


def test_a_split_along_another_axis_stays() -> None:
    nodes = [one("Split", ["a"], ["c", "d"], axis=2), one("Concat", ["d", "c"], axis=2)]
    smaller = check_pruned(between(nodes), {"conv_a": [0, 2, 3]})
    assert all(len(node.input) == 1 for node in smaller.graph.node if node.op_type == "Split")


@pytest.mark.parametrize(
    ("bounds", "last", "kept", "wanted"),
    [
        (([1], [3], [1]), 2, [0, 2, 3], ([1], [2])),
        (([-2], [1 << 60], [-3]), 2, [0, 3], ([1], [2])),
        (([0, 1], [8, 4], [3, 1]), 3, [1, 2], ([0, 0], [8, 2])),
        (([2], [6], [2]), 4, [1, 2], ([2], [6])),
        (([0, 1], [1, 4]), 3, [0, 1], ([0, 1], [1, 2])),
    ],
)
def test_a_slice_moves_its_bounds(
    bounds: Sequence[list[int]], last: int, kept: list[int], wanted: tuple[list[int], list[int]]
) -> None:
    names = ["starts", "ends", "axes"][: len(bounds)]
    constants = {name: np.array(values) for name, values in zip(names, bounds, strict=True)}
    model = between([one("Slice", ["a", *names])], constants, last=last)
    smaller = check_pruned(model, {"conv_a": kept})
    assert (parameter(smaller, "Slice", 1), parameter(smaller, "Slice", 2)) == wanted


@pytest.mark.parametrize("kind", ["int32", "int64"])
def test_a_gather_finds_what_is_left(kind: str) -> None:
    places = np.array([3, 0, -3, 3], kind)
    model = between([one("Gather", ["a", "places"], axis=1)], {"places": places})
    smaller = check_pruned(model, {"conv_a": [1, 3]})
    assert parameter(smaller, "Gather", 1) == [1, 0, 1]
    stored = next(tensor for tensor in smaller.graph.initializer if tensor.name == "places")
    assert numpy_helper.to_array(stored).dtype == kind


def test_a_gather_along_another_axis_stays() -> None:
    model = between([one("Gather", ["a", "places"], axis=2)], {"places": np.array([1, 0])})
    assert parameter(check_pruned(model, {"conv_a": [1, 3]}), "Gather", 1) == [1, 0]


@pytest.mark.parametrize("kind", ["Conv", "ConvTranspose"])
def test_a_depthwise_convolution_has_as_many_groups_as_channels(kind: str) -> None:
    model = between([one(kind, ["a", "d"], group=4)], {"d": filters(4, 1, 1, seed=5)})
    smaller = check_pruned(model, {"conv_a": [1, 2, 3]})
    assert attribute(smaller.graph.node[1], "group", 1) == 3


def test_a_grouped_convolution_keeps_its_groups() -> None:
    model = between([one("Conv", ["a", "d"], group=2)], {"d": filters(4, 2, 1, seed=5)})
    smaller = check_pruned(model, {"conv_a": [1], "conv_b": [0]})
    assert attribute(smaller.graph.node[1], "group", 1) == 2
    weights = {tensor.name: list(tensor.dims) for tensor in smaller.graph.initializer}
    assert weights["d"] == [2, 1, 1, 1]


def test_other_nodes_keep_their_attributes() -> None:
    model = between([one("LeakyRelu", alpha=0.25)])
    node = onnx.NodeProto()
    node.CopyFrom(model.graph.node[1])
    fit_attributes(node, GraphView(model), GraphView(model).shapes)
    assert node == model.graph.node[1]
