"""HardSwish as one operator."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer_converters.graph.hard_swish import with_hard_swish
from edgeinfer_converters.graph.opset import raise_opset
from edgeinfer_converters.graph.prepare import prepare
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.walk import standard_opset
from tests.fixtures.graphs import conv, filters, hard_swish, run
from tests.fixtures.models import model_of

PLANE = (1, 4, 8, 8)
NUMBERS = {"three": 3.0, "low": 0.0, "high": 6.0, "sixth": 1 / 6, "half": 0.5, "one": 1.0, "two": 2.0}


def node(kind: str, *names: str, **attributes: Any) -> onnx.NodeProto:
    """An operator named after its output, the last of the names."""
    return helper.make_node(kind, names[:-1], names[-1:], names[-1], **attributes)


FORMS = {
    "divided at the end": hard_swish("a", "b"),
    "divided before": [
        node("Add", "three", "a", "added"),
        node("Clip", "added", "low", "high", "clipped"),
        node("Div", "clipped", "high", "share"),
        node("Mul", "a", "share", "b"),
    ],
    "multiplied by a sixth": [
        node("Add", "a", "three", "added"),
        node("Relu", "added", "positive"),
        node("Min", "positive", "high", "clipped"),
        node("Mul", "clipped", "sixth", "share"),
        node("Mul", "share", "a", "b"),
    ],
    "HardSigmoid": [node("HardSigmoid", "a", "share", alpha=1 / 6, beta=0.5), node("Mul", "share", "a", "b")],
    "scaled first": [
        node("Mul", "a", "sixth", "scaled"),
        node("Add", "scaled", "half", "added"),
        node("Max", "added", "low", "positive"),
        node("Min", "positive", "one", "share"),
        node("Mul", "a", "share", "b"),
    ],
}

OTHERS = {
    "of another slope": [node("HardSigmoid", "a", "share"), node("Mul", "share", "a", "b")],
    "without an upper bound": [
        node("Add", "a", "three", "added"),
        node("Relu", "added", "positive"),
        node("Mul", "positive", "sixth", "share"),
        node("Mul", "share", "a", "b"),
    ],
    "a SiLU": [node("Sigmoid", "a", "share"), node("Mul", "share", "a", "b")],
    "no bound at all": [node("Clip", "a", "", "", "clipped"), node("Mul", "clipped", "a", "b")],
    "three operands": [node("Max", "a", "low", "one", "positive"), node("Mul", "positive", "a", "b")],
}


def network(*nodes: onnx.NodeProto, opset: int = 13) -> onnx.ModelProto:
    """Conv to `a`, these nodes, and Conv from `b`."""
    all_nodes = [conv("x", "a"), *nodes, conv("b", "y", "v")]
    used = {name for one in all_nodes for name in one.input}
    numbers = {name: np.array(value, np.float32) for name, value in NUMBERS.items() if name in used}
    weights = {"w": filters().astype(np.float32), "v": filters(seed=1).astype(np.float32)}
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, PLANE) for name in "xy"]
    model = model_of(all_nodes, ends[:1], ends[1:], {**weights, **numbers})
    assert standard_opset(model) >= opset
    model.opset_import[0].version = opset
    return infer_shapes(model)


def kinds(model: onnx.ModelProto) -> list[str]:
    """The operators in their order."""
    return [one.op_type for one in model.graph.node]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("opset", [13, 17])
def test_all_ways_of_writing_it(form: str, opset: int) -> None:
    model = network(*FORMS[form], opset=opset)
    values = {"x": np.random.default_rng(0).normal(0, 3, PLANE).astype(np.float32)}
    wanted = run(model, values)[0]
    changed = with_hard_swish(model, max_opset=17)
    onnx.checker.check_model(changed, full_check=True)
    assert kinds(changed) == ["Conv", "HardSwish", "Conv"]
    assert standard_opset(changed) == max(opset, 14)
    assert {tensor.name for tensor in changed.graph.initializer} == {"w", "v"}
    np.testing.assert_allclose(run(changed, values)[0], wanted, atol=1e-4)


@pytest.mark.parametrize("form", OTHERS)
def test_other_functions_stay(form: str) -> None:
    model = network(*OTHERS[form])
    assert with_hard_swish(model, max_opset=17) is model


def test_what_is_read_elsewhere_stays() -> None:
    nodes = [*FORMS["divided before"], conv("share", "c", "v"), node("Add", "b", "c", "d")]
    model = network(*(one for one in nodes))
    assert with_hard_swish(model, max_opset=17) is model


def test_a_factor_behind_it_is_kept() -> None:
    nodes = hard_swish("a", "c")
    model = with_hard_swish(network(*nodes, node("Mul", "c", "two", "b")), max_opset=17)
    assert kinds(model) == ["Conv", "HardSwish", "Mul", "Conv"]


def test_an_opset_that_has_none() -> None:
    model = network(*FORMS["HardSigmoid"])
    assert with_hard_swish(model, max_opset=13) is model


def test_a_model_of_an_older_opset_is_prepared() -> None:
    # BatchNormalization and ReduceSum changed between 13 and 14: raising knows how.
    model = network(*FORMS["divided before"])
    prepared = prepare(model, max_opset=17, max_ir_version=8)
    assert kinds(prepared) == ["Conv", "HardSwish", "Conv"]
    assert standard_opset(raise_opset(prepared, min_opset=14, max_opset=17)) == 14
    assert prepared.ir_version <= 8
