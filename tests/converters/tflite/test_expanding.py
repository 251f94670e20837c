"""Operators by the standard's own definitions."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.expanding import expand
from tests.fixtures.graphs import run
from tests.fixtures.lite import check_agrees, model_of, node_model, normal, run_onnx

NOTHING: frozenset[str] = frozenset()


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def attention(*, cached: bool = True, kind: str = "float32") -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """Attention without a mask and with a cache: an input in the middle is left out."""
    inputs = {"q": normal(2, 3, 4, 8), "k": normal(2, 3, 6, 8, seed=1), "v": normal(2, 3, 6, 8, seed=2)}
    order, outputs = ["q", "k", "v"], ["y"]
    if cached:
        inputs |= {"pk": normal(2, 3, 5, 8, seed=3), "pv": normal(2, 3, 5, 8, seed=4)}
        order += ["", "pk", "pv"]
        outputs += ["nk", "nv"]
    inputs = {name: array.astype(kind) for name, array in inputs.items()}
    node = helper.make_node("Attention", order, outputs, "attention", is_causal=1)
    return model_of([node], inputs, outputs, opset=24), inputs


def test_inputs_in_the_middle_may_be_left_out() -> None:
    model, inputs = attention()
    expanded = expand(model, frozenset({"Softmax", "MatMul"}))
    assert "Attention" not in kinds(expanded)
    assert {one.domain for one in expanded.opset_import} == {""}
    assert not expanded.functions
    onnx.checker.check_model(expanded, full_check=True)
    # ONNX Runtime: the reference evaluator does not run the standard's own definition.
    for found, values in zip(run(expanded, inputs), run_onnx(model, inputs).values(), strict=True):
        np.testing.assert_allclose(found, values, atol=1e-6)
    check_agrees(model, inputs)


def test_so_do_nodes_that_leave_nothing_out_beside_them() -> None:
    whole, inputs = attention(cached=False)
    parts, more = attention()
    first = helper.make_node("Attention", ["q", "k", "v"], ["a"], "plain")
    model = model_of([first, *parts.graph.node], {**inputs, **more}, ["a", "y", "nk", "nv"], opset=24)
    assert "Attention" not in kinds(expand(model, NOTHING))
    check_agrees(model, {**inputs, **more})
    check_agrees(whole, inputs)


def test_optional_bounds() -> None:
    model = node_model(
        "Clip",
        {"x": normal(3, 4)},
        constants={"high": np.array(0.5, np.float32)},
        order=["x", "", "high"],
        opset=13,
    )
    expanded = expand(model, NOTHING)
    assert "Clip" not in kinds(expanded)
    x = {"x": normal(3, 4)}
    np.testing.assert_array_equal(run_onnx(expanded, x)["y"], run_onnx(model, x)["y"])


def test_what_is_known_and_what_nobody_defines_stays() -> None:
    model = node_model("Relu", {"x": normal(3)})
    assert kinds(expand(model, frozenset({"Relu"}))) == ["Relu"]
    assert kinds(expand(node_model("Neg", {"x": normal(3)}), NOTHING)) == ["Neg"]


def test_definitions_that_cannot_be_made_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> onnx.ModelProto:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(onnx.inliner, "inline_selected_functions", broken)
    with pytest.raises(ModelError, match="the definitions of HardSwish cannot be expanded: no such thing"):
        expand(node_model("HardSwish", {"x": normal(3)}), NOTHING)
