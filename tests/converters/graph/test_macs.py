"""Multiply-accumulates, memory and shapes, counted by hand on small graphs."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.memory import parameter_count, peak_activation_bytes
from edgeinfer_converters.graph.shapes import OPEN, infer_shapes, known_shapes, known_types
from edgeinfer_converters.graph.view import GraphView, attribute
from tests.fixtures.models import doubler, image_classifier, model_of


def single(
    node: onnx.NodeProto, x: list[int], weights: dict[str, tuple[int, ...]], rank: int
) -> onnx.ModelProto:
    return infer_shapes(
        model_of(
            [node],
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * rank)],
            {name: np.zeros(shape, np.float32) for name, shape in weights.items()},
        )
    )


def test_a_classifier_by_hand() -> None:
    assert count_macs(infer_shapes(image_classifier(size=16, classes=3))) == {
        "conv1": 8 * 8 * 8 * 3 * 9,
        "conv2": 8 * 8 * 8 * 9,
        "linear": 8 * 3,
    }


def test_a_transposed_convolution() -> None:
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], "up", strides=[2, 2])
    model = single(node, [1, 4, 5, 5], {"w": (4, 6, 2, 2)}, 4)
    assert count_macs(model) == {"up": 25 * 4 * 6 * 4}


def test_matrix_products() -> None:
    gemm = helper.make_node("Gemm", ["x", "w"], ["y"], "g", transA=1, transB=1)
    assert count_macs(single(gemm, [7, 2], {"w": (5, 7)}, 2)) == {"g": 2 * 5 * 7}
    matmul = helper.make_node("MatMul", ["x", "w"], ["y"], "m")
    assert count_macs(single(matmul, [3, 2, 7], {"w": (7, 5)}, 3)) == {"m": 3 * 2 * 5 * 7}


@pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
@pytest.mark.parametrize("directions", [1, 2])
def test_recurrent_layers(kind: str, gates: int, directions: int) -> None:
    """Seven steps of two sequences: three numbers and five of state, each with a weight for each gate."""
    direction = "bidirectional" if directions == 2 else "forward"
    node = helper.make_node(kind, ["x", "w", "r"], ["y"], "r", hidden_size=5, direction=direction)
    weights: dict[str, tuple[int, ...]] = {"w": (directions, gates * 5, 3), "r": (directions, gates * 5, 5)}
    assert count_macs(single(node, [7, 2, 3], weights, 4)) == {"r": 7 * 2 * directions * gates * 5 * (3 + 5)}


def test_a_recurrent_layer_with_nothing_but_its_last_state() -> None:
    node = helper.make_node("GRU", ["x", "w", "r"], ["", "y"], "g", hidden_size=4)
    assert count_macs(single(node, [5, 1, 3], {"w": (1, 12, 3), "r": (1, 12, 4)}, 3)) == {"g": 5 * 12 * 7}


def test_a_graph_that_multiplies_nothing() -> None:
    assert count_macs(doubler()) == {}


def test_parameters_and_memory() -> None:
    model = infer_shapes(image_classifier(size=16, classes=3))
    assert parameter_count(model) == 8 * 27 + 8 + 72 + 8 + 24 + 3
    plane = 8 * 8 * 8 * 4
    assert peak_activation_bytes(model) == max(3 * 16 * 16 * 4 + plane, 2 * plane)
    assert peak_activation_bytes(doubler(shape=(1, 4))) == 2 * 16


def test_a_tensor_with_a_late_reader_stays() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Add", ["x", "b"], ["y"]),
    ]
    tensor = [1, 10]
    model = model_of(
        nodes,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, tensor)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, tensor)],
    )
    assert peak_activation_bytes(infer_shapes(model)) == 3 * 40


def test_shapes_and_types() -> None:
    model = image_classifier(batch="N")
    shapes = known_shapes(infer_shapes(model))
    assert shapes["image"] == (OPEN, 3, 16, 16)
    assert shapes["w1"] == (8, 3, 3, 3)
    assert known_types(model)["image"] == np.float32


def test_the_view() -> None:
    view = GraphView(image_classifier())
    assert view.producers["c1"].name == "conv1"
    assert [node.name for node in view.readers["r1"]] == ["conv2"]
    assert view.inputs == ("image",)
    assert view.outputs == {"logits"}
    assert view.is_private("c1")
    assert not view.is_private("logits")
    assert view.constant("b3").shape == (3,)
    assert attribute(view.nodes[0], "group", 1) == 1
    assert attribute(view.nodes[2], "group", 1) == 8


def test_a_reader_in_a_subgraph_counts() -> None:
    inner = helper.make_graph(
        [helper.make_node("Neg", ["r1"], ["n"])], "i", [], [helper.make_tensor_value_info("n", 1, None)]
    )
    model = image_classifier()
    model.graph.node.append(helper.make_node("If", ["f"], ["z"], "if", then_branch=inner, else_branch=inner))
    assert [node.name for node in GraphView(model).readers["r1"]] == ["conv2", "if"]
    assert not GraphView(model).is_private("r1")
