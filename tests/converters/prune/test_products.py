"""Convolutions and matrix products end channels and make new ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.flow import Flow
from edgeinfer_converters.prune.products import PRODUCTS
from tests.fixtures.graphs import conv, filters
from tests.fixtures.models import model_of
from tests.fixtures.pruning import PLANE, between, check_pruned, grouping_of, one, only, reason


def linear(
    kind: str, weights: np.ndarray, bias: np.ndarray | None = None, **attributes: Any
) -> onnx.ModelProto:
    """A plane's mean, a linear layer, another one."""
    width = weights.shape[0 if attributes.get("transB") else 1]
    inputs = ["f", "m", *(["bias"] if bias is not None else [])]
    nodes = [
        conv("x", "a"),
        one("ReduceMean", ["a"], ["f"], axes=[2, 3], keepdims=0),
        helper.make_node(kind, inputs, ["h"], "hidden", **attributes),
        helper.make_node("MatMul", ["h", "out"], ["y"], "last"),
    ]
    constants = {"w": filters(), "m": weights, "out": np.ones((width, 2))}
    if bias is not None:
        constants["bias"] = bias
    return infer_shapes(
        model_of(
            nodes,
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, PLANE)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 2))],
            {name: values.astype(np.float32) for name, values in constants.items()},
        )
    )


def test_the_list_names_all_products_that_the_rules_know() -> None:
    assert {"Conv", "ConvTranspose", "Gemm", "MatMul"} == PRODUCTS


def test_a_convolution_reads_channels_and_makes_others() -> None:
    model = between([one("Conv", ["a", "u", "bias"])], {"u": filters(6, 4, 1), "bias": np.ones(6)}, last=6)
    first, second = grouping_of(model).groups
    assert [member.node for member in first.producers] == ["conv_a"]
    assert [member.node for member in first.consumers] == ["conv_b"]
    assert (first.consumers[0].weights.tensor, first.consumers[0].weights.axis) == ("u", 1)
    assert second.channels == 6
    assert [(lane.tensor, lane.axis) for lane in second.producers[0].constants] == [("u", 0), ("bias", 0)]
    assert second.producers[0].weights.positions.tolist() == list(range(6))
    assert second.producers[0].weights.channels.tolist() == list(range(6))


def test_a_depthwise_convolution_carries_channels_with_its_weights() -> None:
    model = between(
        [one("Conv", ["a", "d", "bias"], group=4)], {"d": filters(8, 1, 1), "bias": np.ones(8)}, last=8
    )
    group = only(model)
    (carrier,) = group.carried
    assert [lane.tensor for lane in carrier.constants] == ["d", "bias"]
    assert carrier.weights.channels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert carrier.activation.tensor == "b"
    assert group.consumers[0].weights.channels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert (group.channels, group.unit) == (4, 1)
    check_pruned(model, {"conv_a": [1, 3]})


def test_a_depthwise_transposed_convolution_has_its_inputs_first() -> None:
    model = between(
        [one("ConvTranspose", ["a", "d", "c"], group=4)], {"d": filters(4, 2, 1), "c": np.ones(8)}, last=8
    )
    (carrier,) = only(model).carried
    assert carrier.weights.channels.tolist() == [0, 1, 2, 3]
    assert carrier.constants[1].channels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    check_pruned(model, {"conv_a": [0, 1, 3]})


def test_groups_of_a_convolution_lose_channels_alike() -> None:
    model = between([one("Conv", ["a", "g"], group=2)], {"g": filters(6, 2, 1)}, last=6)
    first, second = grouping_of(model).groups
    assert (first.channels, first.unit) == (2, 2)
    assert first.producers[0].activation.channels.tolist() == [0, 1, 0, 1]
    weights = first.consumers[0].weights
    assert (weights.axis, weights.positions.tolist(), weights.channels.tolist()) == (1, [0, 1], [0, 1])
    assert (second.channels, second.unit) == (3, 2)
    assert second.producers[0].weights.channels.tolist() == [0, 1, 2, 0, 1, 2]
    check_pruned(model, {first.name: [1], second.name: [0, 2]})


def test_a_grouped_transposed_convolution_has_one_group_of_outputs_in_its_weights() -> None:
    model = between(
        [one("ConvTranspose", ["a", "g", "c"], group=2)], {"g": filters(4, 3, 1), "c": np.ones(6)}, last=6
    )
    first, second = grouping_of(model).groups
    assert first.consumers[0].weights.channels.tolist() == [0, 1, 0, 1]
    weights, bias = second.producers[0].constants
    assert (weights.axis, weights.channels.tolist()) == (1, [0, 1, 2])
    assert bias.channels.tolist() == [0, 1, 2, 0, 1, 2]
    check_pruned(model, {first.name: [1], second.name: [0, 2]})


@pytest.mark.parametrize("across", [0, 1])
@pytest.mark.parametrize("shape", [(6,), (1, 6), (1,), ()])
def test_a_gemm_has_its_weights_either_way_and_its_bias_in_many(across: int, shape: tuple[int, ...]) -> None:
    weights = np.random.default_rng(0).normal(size=(6, 4) if across else (4, 6))
    model = linear("Gemm", weights, np.full(shape, 0.5), transB=across)
    grouping = grouping_of(model)
    first, second = grouping.groups
    assert first.consumers[0].weights.axis == (1 if across else 0)
    assert second.producers[0].weights.axis == (0 if across else 1)
    biases = [(lane.tensor, lane.axis) for lane in second.producers[0].constants[1:]]
    assert biases == ([("bias", len(shape) - 1)] if shape[-1:] == (6,) else [])
    check_pruned(model, {"conv_a": [3], "hidden": [0, 1, 5]})


def test_a_matrix_product_sums_over_the_last_axis() -> None:
    model = linear("MatMul", np.random.default_rng(0).normal(size=(4, 6)))
    first, second = grouping_of(model).groups
    assert (first.consumers[0].weights.axis, second.producers[0].weights.axis) == (0, 1)
    check_pruned(model, {"conv_a": [3, 1], "hidden": [5]})


def test_channels_pass_a_matrix_product_along_another_axis() -> None:
    model = between([one("MatMul", ["a", "m"])], {"m": np.ones((8, 8))})
    assert [lane.tensor for lane in only(model).tensors] == ["a", "b"]
    assert reason(model, "b") == "other channels than its own pass through it"
    check_pruned(model, {"conv_a": [2]})


def test_a_single_output_channel_stays() -> None:
    model = between([one("Conv", ["a", "u"])], {"u": filters(1, 4, 1)}, last=1)
    assert [group.name for group in grouping_of(model).groups] == ["conv_a"]
    assert reason(model, "b") == "its channels can only go all at once"


@pytest.mark.parametrize(
    ("node", "weights", "why"),
    [
        (one("Conv", ["a", "a2"]), {}, "its weights are not constant"),
        (one("MatMul", ["k", "a"]), {"k": np.ones((8, 8))}, "its weights are not constant"),
        (one("MatMul", ["a", "m"]), {"m": np.ones((4, 8, 8))}, "it is no product of rows with a matrix"),
    ],
)
def test_other_products_freeze_what_they_read(
    node: onnx.NodeProto, weights: dict[str, np.ndarray], why: str
) -> None:
    sums = [
        one("ReduceMean", ["a"], ["a1"], axes=[2, 3]),
        one("Concat", ["a1"] * 4, ["a0"], axis=0),
        one("Add", ["a0", "a0"], ["a2"]),
    ]
    model = between([*sums, node], weights)
    assert why in reason(model)
    assert reason(model, "b") == why


def test_weights_that_two_nodes_read_freeze_both() -> None:
    model = between([one("Conv", ["a", "u"], ["c"]), one("Conv", ["c", "u"])], {"u": filters(4, 4, 1)})
    assert not grouping_of(model).groups
    assert "its weights are shared with another node" in reason(model)
    assert reason(model, "c") == reason(model, "b") == "its weights are shared with another node"


def test_channels_on_another_axis_are_frozen() -> None:
    turned = one("Transpose", ["a"], ["c"], perm=[0, 2, 1, 3])
    model = between([turned, one("Conv", ["c", "u"])], {"u": filters(4, 8, 1)})
    assert "the channels lie on another axis than its own" in reason(model)


def test_a_transposing_gemm_is_frozen() -> None:
    weights = np.ones((1, 6))
    model = between(
        [
            one("ReduceMean", ["a"], ["f"], axes=[2, 3], keepdims=0),
            one("Gemm", ["f", "m"], ["h"], transA=1),
            one("Reshape", ["h", "shape"]),
        ],
        {"m": weights, "shape": np.array([1, 4, 2, 3])},
    )
    assert "it transposes its input" in reason(model)


def test_depthwise_convolutions_of_the_input_are_frozen() -> None:
    nodes = [helper.make_node("Conv", ["x", "d"], ["c"], "deep", group=4), one("Add", ["a", "c"])]
    model = between(nodes, {"d": filters(4, 1, 1)})
    assert reason(model, "c") == "it works on single channels that are fixed"
    assert reason(model).startswith("Add `add_b`: it meets `c`")


def test_rules_that_cannot_follow_change_nothing() -> None:
    model = between([one("Conv", ["a", "u"], ["c"]), one("Conv", ["c", "u"])], {"u": filters(4, 4, 1)})
    flow = Flow(GraphView(model))
    assert len(flow.classes) == 0
    assert not flow.records
