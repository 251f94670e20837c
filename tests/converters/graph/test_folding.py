"""Factors and summands that become part of convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from edgeinfer_converters.graph.folding import fold_into_convolutions
from edgeinfer_converters.graph.naming import name_nodes
from edgeinfer_converters.graph.shapes import infer_shapes
from tests.fixtures.graphs import GELU_NUMBERS, gelu, node, run
from tests.fixtures.models import model_of

PLANE = (1, 4, 8, 8)
RNG = np.random.default_rng(0)
CONSTANTS = {
    "w": RNG.normal(0, 0.4, (4, 4, 3, 3)),
    "v": RNG.normal(0, 0.4, (4, 4, 1, 1)),
    "d": RNG.normal(0, 0.4, (4, 1, 3, 3)),
    "bias": RNG.normal(0, 1, 4),
    "scalar": np.array(-1.5),
    "one": np.full((1, 1, 1, 1), 0.7),
    "channels": RNG.normal(0, 1, (4, 1, 1)),
    "batched": RNG.normal(0, 1, (1, 4, 1, 1)),
    "columns": RNG.normal(0, 1, 8),
    "zero": np.array(0.0),
    "root": GELU_NUMBERS["root"],
    "half": GELU_NUMBERS["half"],
    "deep": np.full((1, 1, 1, 1, 1), 2.0),
}


def network(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    """A graph from `x` to `y`."""
    used = {name for one in nodes for name in one.input}
    constants = {name: CONSTANTS[name].astype(np.float32) for name in CONSTANTS if name in used}
    ends = [
        helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, PLANE),
        helper.make_tensor_value_info(
            "y", onnx.TensorProto.FLOAT, list("abcde" if "deep" in used else "abcd")
        ),
    ]
    model = model_of(list(nodes), ends[:1], ends[1:], constants)
    return infer_shapes(name_nodes(model))


def folded(*nodes: onnx.NodeProto) -> list[str]:
    """The operators that are left of a network; it still computes the same."""
    model = network(*nodes)
    values = {"x": np.random.default_rng(1).normal(0, 1, PLANE).astype(np.float32)}
    wanted = run(model, values, optimized=False)[0]
    result = fold_into_convolutions(model)
    onnx.checker.check_model(result, full_check=True)
    np.testing.assert_allclose(run(result, values, optimized=False)[0], wanted, rtol=1e-4, atol=1e-4)
    read = {name for one in result.graph.node for name in one.input}
    assert {tensor.name for tensor in result.graph.initializer} <= read
    return [one.op_type for one in result.graph.node]


PADDED = node("Conv", "x", "w", "a", pads=[1] * 4)
BIASED = node("Conv", "x", "w", "bias", "a", pads=[1] * 4)


@pytest.mark.parametrize("conv", [PADDED, BIASED])
@pytest.mark.parametrize("constant", ["scalar", "one", "channels", "batched"])
@pytest.mark.parametrize("kind", ["Mul", "Add", "Div", "Sub"])
def test_behind_a_convolution(conv: onnx.NodeProto, kind: str, constant: str) -> None:
    assert folded(conv, node(kind, "a", constant, "y")) == ["Conv"]


def test_on_either_side() -> None:
    assert folded(PADDED, node("Mul", "scalar", "a", "b"), node("Add", "channels", "b", "y")) == ["Conv"]


def test_a_chain() -> None:
    nodes = [BIASED, node("Mul", "a", "channels", "b"), node("Add", "b", "one", "c")]
    assert folded(*nodes, node("Sub", "c", "batched", "e"), node("Div", "e", "scalar", "y")) == ["Conv"]


@pytest.mark.parametrize(
    "last",
    [
        node("Mul", "a", "columns", "y"),
        node("Mul", "a", "deep", "y"),
        node("Div", "a", "zero", "y"),
        node("Sub", "scalar", "a", "y"),
        node("Div", "scalar", "a", "y"),
        node("Mul", "a", "a", "y"),
        node("Mul", "a", "x", "y"),
        node("Max", "a", "scalar", "y"),
    ],
)
def test_what_is_no_constant_for_each_channel_stays(last: onnx.NodeProto) -> None:
    model = network(PADDED, last)
    assert fold_into_convolutions(model) is model


def test_what_others_see_stays() -> None:
    seen = [PADDED, node("Mul", "a", "scalar", "b"), node("Add", "a", "b", "y")]
    assert folded(*seen) == ["Conv", "Mul", "Add"]
    shared = [PADDED, node("Conv", "x", "w", "b", pads=[1] * 4), node("Mul", "a", "scalar", "c")]
    assert folded(*shared, node("Add", "b", "c", "y")) == ["Conv", "Conv", "Mul", "Add"]


@pytest.mark.parametrize("kind", ["Mul", "Div"])
def test_factors_in_front(kind: str) -> None:
    nodes = [node("Relu", "x", "r"), node(kind, "r", "scalar", "b")]
    assert folded(*nodes, node("Conv", "b", "w", "y", pads=[1] * 4)) == ["Relu", "Conv"]
    assert folded(*nodes, node("Conv", "b", "d", "y", group=4)) == ["Relu", "Conv"]


@pytest.mark.parametrize("kind", ["Add", "Sub"])
@pytest.mark.parametrize("padding", [{"pads": [1] * 4}, {"auto_pad": "SAME_UPPER"}])
def test_summands_in_front_of_what_is_padded_stay(kind: str, padding: dict[str, Any]) -> None:
    """Zeros around the picture are not shifted."""
    summand = [node("Relu", "x", "r"), node(kind, "r", "scalar", "b")]
    assert folded(*summand, node("Conv", "b", "v", "bias", "y")) == ["Relu", "Conv"]
    assert folded(*summand, node("Conv", "b", "d", "y", group=4)) == ["Relu", "Conv"]
    assert folded(*summand, node("Conv", "b", "w", "y", **padding)) == ["Relu", kind, "Conv"]


def test_means_that_are_taken_off_measurements_stay() -> None:
    """Air pressure in 8 bits is a constant; what it differs by from its mean is not."""
    assert folded(node("Sub", "x", "scalar", "b"), node("Conv", "b", "v", "y")) == ["Sub", "Conv"]
    nodes = [node("Mul", "x", "scalar", "m"), node("Sub", "m", "one", "b"), node("Conv", "b", "v", "y")]
    assert folded(*nodes) == ["Mul", "Sub", "Conv"]


def test_a_constant_with_more_dimensions_stays() -> None:
    """The result has them as well: a convolution could not read it without."""
    lines = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, (4, 8, 8))
    nodes = [node("Mul", "x", "one", "b"), node("Conv", "b", "v", "y")]
    ends = [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, list("abcd"))]
    constants = {name: CONSTANTS[name].astype(np.float32) for name in ("one", "v")}
    model = infer_shapes(name_nodes(model_of(nodes, [lines], ends, constants)))
    assert fold_into_convolutions(model) is model


@pytest.mark.parametrize("amount", [1e-38, 1e38, np.inf, np.nan])
def test_what_float32_has_no_numbers_for_stays(amount: float) -> None:
    model = network(PADDED, node("Mul", "a", "scalar", "y"))
    (scalar,) = [one for one in model.graph.initializer if one.name == "scalar"]
    scalar.CopyFrom(numpy_helper.from_array(np.array(amount, np.float32), "scalar"))
    assert fold_into_convolutions(model) is model


def test_in_front_of_several() -> None:
    front = [node("Tanh", "x", "t"), node("Mul", "t", "scalar", "m"), node("Add", "m", "one", "b")]
    readers = [node("Conv", "b", "v", "c"), node("Conv", "b", "w", "bias", "e", pads=[1] * 4)]
    join = node("Add", "c", "e", "y")
    # One of them is padded: the factor stays behind the summand that cannot go.
    assert folded(*front, *readers, join) == ["Tanh", "Mul", "Add", "Conv", "Conv", "Add"]
    readers[1] = node("Conv", "b", "d", "e", group=4, pads=[0] * 4)
    crop = node("Conv", "c", "w", "f")
    join = node("Add", "f", "e", "y")
    assert folded(*front, *readers, crop, join) == ["Tanh", "Conv", "Conv", "Conv", "Add"]


def test_a_number_for_each_channel_in_front_stays() -> None:
    assert folded(node("Mul", "x", "channels", "b"), node("Conv", "b", "v", "y")) == ["Mul", "Conv"]


def test_gelu_stays_one() -> None:
    nodes = [node("Conv", "x", "v", "c"), *gelu("c", "b"), node("Conv", "b", "w", "y")]
    assert folded(*nodes) == ["Conv", "Div", "Erf", "Add", "Mul", "Mul", "Conv"]


def test_in_front_of_something_else() -> None:
    nodes = [node("Mul", "x", "scalar", "b"), node("Conv", "b", "v", "c"), node("Add", "b", "c", "y")]
    assert folded(*nodes) == ["Mul", "Conv", "Add"]


@given(
    before=st.lists(st.sampled_from(["Mul", "Add", "Sub", "Div"]), max_size=3),
    behind=st.lists(st.sampled_from(["Mul", "Add", "Sub", "Div"]), max_size=3),
    bias=st.booleans(),
)
def test_any_chain_computes_the_same(before: list[str], behind: list[str], bias: bool) -> None:
    nodes, name = [node("Relu", "x", "r")], "r"
    for number, kind in enumerate(before):
        nodes.append(node(kind, name, "scalar", f"b{number}"))
        name = f"b{number}"
    nodes.append(node("Conv", name, "v", *(["bias"] if bias else []), "y" if not behind else "a"))
    name = "a"
    for number, kind in enumerate(behind):
        target = "y" if number == len(behind) - 1 else f"c{number}"
        nodes.append(node(kind, name, "channels", target))
        name = target
    assert folded(*nodes) == ["Relu", "Conv"]
