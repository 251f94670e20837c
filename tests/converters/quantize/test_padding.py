"""Channels of zeros for the sake of speed."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer.profile import Integer
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.padding import added_channels
from edgeinfer_converters.quantize.share import integer_share
from edgeinfer_converters.quantize.static import quantize_int8
from tests.fixtures.graphs import filters, graph_of, ranges_of, run, samples_of


def stem(
    channels: int, kernel: tuple[int, int] = (3, 3), group: int = 1, outputs: int = 16
) -> onnx.ModelProto:
    weights = filters(outputs * group, channels // group, 1)
    weights = np.random.default_rng(1).normal(0, 0.4, (*weights.shape[:2], *kernel))
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], "conv", group=group)]
    size = [8 - length + 1 for length in kernel]
    return graph_of(nodes, (1, outputs * group, *size), {"w": weights}, shape=(1, channels, 8, 8))


@pytest.mark.parametrize(
    ("channels", "kernel", "added"),
    [
        (3, (3, 3), 1),
        (3, (7, 7), 1),
        (1, (3, 3), 3),
        (1, (5, 5), 0),
        (2, (1, 1), 2),
        (4, (3, 3), 0),
        (5, (3, 3), 3),
        (6, (5, 5), 2),
        (7, (5, 5), 1),
        (8, (3, 3), 0),
        (9, (3, 3), 0),
    ],
)
def test_up_to_a_multiple_of_four_where_it_pays(channels: int, kernel: tuple[int, int], added: int) -> None:
    view = GraphView(stem(channels, kernel))
    assert added_channels(view.nodes[0], view) == added


@pytest.mark.parametrize(("outputs", "added"), [(8, 0), (12, 0), (16, 1), (20, 0), (24, 1), (64, 1)])
def test_only_where_the_fast_kernel_takes_the_outputs(outputs: int, added: int) -> None:
    view = GraphView(stem(3, outputs=outputs))
    assert added_channels(view.nodes[0], view) == added


def test_groups_and_matrix_products_are_left_alone() -> None:
    view = GraphView(stem(3, group=3))
    assert added_channels(view.nodes[0], view) == 0
    linear = helper.make_node("Gemm", ["x", "w"], ["y"], "linear")
    view = GraphView(graph_of([linear], (1, 3), {"w": np.ones((3, 3))}, shape=(1, 3)))
    assert added_channels(view.nodes[0], view) == 0


@pytest.mark.parametrize("activation", ["uint8", "int8"])
@pytest.mark.parametrize("channels", [1, 3, 6])
def test_zeros_change_nothing(channels: int, activation: str) -> None:
    model = stem(channels)
    integer = Integer(activation=activation)  # type: ignore[arg-type]  # a parameter
    plain = quantize_int8(model, ranges_of(model), integer)
    padded = quantize_int8(model, ranges_of(model), integer, pad_channels=True)
    onnx.checker.check_model(padded, full_check=True)
    assert [node.op_type for node in padded.graph.node].count("Pad") == 1
    assert integer_share(padded).share == 1.0
    for sample in samples_of(model, 3, seed=5):
        np.testing.assert_array_equal(run(plain, sample)[0], run(padded, sample)[0])


def test_other_readers_of_the_same_tensor_see_no_zeros() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], "padded"),
        helper.make_node("Conv", ["x", "v"], ["b"], "grouped", group=3),
        helper.make_node("Add", ["a", "b"], ["c"], "add"),
        helper.make_node("Conv", ["c", "u"], ["y"], "last"),
    ]
    weights = {"w": filters(24, 3), "v": filters(24, 1, seed=1), "u": filters(4, 24, 1, seed=2)}
    model = graph_of(nodes, (1, 4, 6, 6), weights, shape=(1, 3, 8, 8))
    plain = quantize_int8(model, ranges_of(model), Integer(activation="uint8"))
    padded = quantize_int8(model, ranges_of(model), Integer(activation="uint8"), pad_channels=True)
    assert [node.op_type for node in padded.graph.node].count("Pad") == 1
    (sample,) = samples_of(model, 1, seed=5)
    np.testing.assert_array_equal(run(plain, sample)[0], run(padded, sample)[0])


def test_a_camera_s_bytes_are_padded_too() -> None:
    model = stem(3)
    padded = quantize_int8(
        model, ranges_of(model), Integer(activation="uint8"), pad_channels=True, input_dtype="uint8"
    )
    assert padded.graph.node[0].op_type in ("Pad", "DequantizeLinear")
    frame = np.random.default_rng(0).integers(0, 256, (1, 3, 8, 8), np.uint8)
    assert np.isfinite(run(padded, {"x": frame})[0]).all()
