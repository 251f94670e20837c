"""Products as products of columns."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize import columns as module
from edgeinfer_converters.quantize.columns import POSITIONS, Columns, as_rows, columns_of, from_rows
from tests.fixtures.graphs import graph_of

CONVOLUTIONS: dict[str, tuple[tuple[int, ...], dict]] = {
    "plain": ((6, 4, 3, 3), {"pads": [1, 1, 1, 1]}),
    "strides": ((6, 4, 3, 3), {"pads": [0, 1, 2, 1], "strides": [2, 3]}),
    "dilations": ((6, 4, 3, 2), {"dilations": [2, 1]}),
    "groups": ((6, 2, 3, 3), {"group": 2, "pads": [1, 1, 1, 1]}),
    "depthwise": ((4, 1, 3, 3), {"group": 4}),
    "same_upper": ((6, 4, 3, 3), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    "same_lower": ((6, 4, 2, 2), {"auto_pad": "SAME_LOWER"}),
    "valid": ((6, 4, 2, 2), {"auto_pad": "VALID"}),
}


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


@pytest.mark.parametrize("name", sorted(CONVOLUTIONS))
@pytest.mark.parametrize("widest", [1152, 20])
def test_weights_times_columns_are_the_convolution(
    name: str, widest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WIDTH", widest)
    shape, attributes = CONVOLUTIONS[name]
    rng = np.random.default_rng(0)
    weights, x = rng.normal(size=shape).astype(np.float32), rng.normal(size=(1, 4, 9, 7)).astype(np.float32)
    probe = helper.make_node("Conv", ["x", "w"], ["y"], "conv", **attributes)
    size = run_shape(shape, attributes)
    model = graph_of([probe], (1, shape[0], *size), {"w": weights}, shape=(1, 4, 9, 7))
    (node,) = model.graph.node
    columns = columns_of(GraphView(model))["conv"]
    assert columns.width <= widest
    assert (columns.blocks > 1) == (columns.width * columns.blocks > widest)
    arranged = columns.arrange(as_rows(node, weights))
    np.testing.assert_array_equal(from_rows(node, columns.restore(arranged), weights.shape), weights)
    products = np.einsum("rgw,gow->rgo", columns.take(x, 3), arranged)
    summed = products.reshape(len(products), columns.groups, columns.blocks, -1).sum(axis=2)
    expected = run(model, x)
    found = summed.reshape(*expected.shape[2:], shape[0]).transpose(2, 0, 1)
    np.testing.assert_allclose(found, expected[0], atol=1e-4)
    few = np.einsum("rgw,gow->rgo", columns.take(x, 5, 7), arranged)
    few = few.reshape(len(few), columns.groups, columns.blocks, -1).sum(axis=2)
    np.testing.assert_allclose(columns.results(expected, 5, 7), few, atol=1e-4)


EVERY: dict[str, tuple[str, tuple[int, ...], dict]] = {
    "line": ("Conv", (6, 4, 3), {"pads": [1, 2], "strides": [2]}),
    "line_same": ("Conv", (6, 4, 4), {"auto_pad": "SAME_UPPER", "strides": [2]}),
    "line_valid": ("Conv", (6, 4, 2), {"auto_pad": "VALID"}),
    "volume": ("Conv", (6, 2, 3, 2, 1), {"group": 2, "pads": [1, 0, 0, 0, 1, 0], "dilations": [1, 2, 1]}),
    "transposed": ("ConvTranspose", (4, 6, 3, 3), {"pads": [1, 1, 1, 1]}),
    "upwards": ("ConvTranspose", (4, 6, 3, 2), {"strides": [2, 3], "output_padding": [1, 0]}),
    "cut": ("ConvTranspose", (4, 6, 1, 3), {"pads": [1, 0, 2, 1], "dilations": [1, 2]}),
    "transposed_groups": ("ConvTranspose", (4, 3, 3, 3), {"group": 2, "strides": [2, 2], "pads": [1] * 4}),
    "transposed_valid": ("ConvTranspose", (4, 6, 2, 2), {"auto_pad": "VALID", "strides": [2, 2]}),
    "transposed_line": ("ConvTranspose", (4, 6, 4), {"pads": [1, 1], "strides": [2]}),
}


def one_convolution(kind: str, weights: np.ndarray, x: np.ndarray, attributes: dict) -> onnx.ModelProto:
    """Without a clean-up, its shapes inferred."""
    graph = helper.make_graph(
        [helper.make_node(kind, ["x", "w"], ["y"], "conv", **attributes)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weights, "w")],
    )
    return infer_shapes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9))


@pytest.mark.parametrize("name", sorted(EVERY))
@pytest.mark.parametrize("widest", [1152, 20])
def test_every_convolution_is_a_product_of_columns(
    name: str, widest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WIDTH", widest)
    kind, shape, attributes = EVERY[name]
    rng = np.random.default_rng(0)
    weights = rng.normal(size=shape).astype(np.float32)
    x = rng.normal(size=(1, 4, *(6, 5, 4)[: len(shape) - 2])).astype(np.float32)
    model = one_convolution(kind, weights, x, attributes)
    view, node = GraphView(model), model.graph.node[0]
    assert columns_of(view) == {} or (kind, len(shape)) == ("Conv", 4)
    columns = columns_of(view, every=True)["conv"]
    rows = as_rows(node, weights)
    arranged = columns.arrange(rows)
    np.testing.assert_array_equal(from_rows(node, columns.restore(arranged), weights.shape), weights)
    expected = run(model, x)
    for offset, most in ((3, 10_000), (5, 7)):
        products = np.einsum("rgw,gow->rgo", columns.take(x, offset, most), arranged)
        found = products.reshape(len(products), columns.groups, columns.blocks, -1).sum(axis=2)
        np.testing.assert_allclose(columns.results(expected, offset, most), found, atol=1e-4)


@pytest.mark.parametrize("attributes", [{"auto_pad": "SAME_UPPER"}, {"output_shape": [6, 5]}])
def test_transposed_convolutions_whose_size_says_what_they_pad_are_left_out(attributes: dict) -> None:
    weights, x = np.ones((4, 6, 3, 3), np.float32), np.ones((1, 4, 6, 5), np.float32)
    model = one_convolution("ConvTranspose", weights, x, attributes)
    assert columns_of(GraphView(model), every=True) == {}


def run_shape(shape: tuple[int, ...], attributes: dict) -> tuple[int, int]:
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node("Conv", ["x", "w"], ["y"], **attributes)],
            "g",
            [
                helper.make_tensor_value_info("x", 1, (1, 4, 9, 7)),
                helper.make_tensor_value_info("w", 1, shape),
            ],
            [helper.make_tensor_value_info("y", 1, None)],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    inputs = {"x": np.zeros((1, 4, 9, 7), np.float32), "w": np.zeros(shape, np.float32)}
    return session.run(None, inputs)[0].shape[2:]


@pytest.mark.parametrize("transposed", [0, 1])
def test_a_matrix_product(transposed: int) -> None:
    weights = np.random.default_rng(0).normal(size=(5, 3) if transposed else (3, 5)).astype(np.float32)
    node = helper.make_node("Gemm", ["x", "w"], ["y"], "gemm", transB=transposed)
    model = graph_of([node], (1, 5), {"w": weights}, shape=(1, 3))
    columns = columns_of(GraphView(model))["gemm"]
    x = np.array([[1.0, 2.0, 3.0]], np.float32)
    rows = columns.arrange(as_rows(node, weights))
    np.testing.assert_allclose((columns.take(x, 0)[0] * rows[0]).sum(axis=1), run(model, x)[0], rtol=1e-5)


def test_large_pictures_are_looked_at_in_places_that_change_from_sample_to_sample() -> None:
    columns = Columns(1, 1, 1, (1, 1), (1, 1), (0, 0, 0, 0), (1, 1))
    picture = np.arange(10_000, dtype=np.float32).reshape(1, 1, 100, 100)
    one, other = (columns.take(picture, offset).reshape(-1) for offset in (0, 1))
    assert len(one) == len(other) == POSITIONS
    assert not set(one) & set(other)
