"""Functions become nodes."""

from __future__ import annotations

import onnx
import pytest
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.functions import inline_functions
from tests.fixtures.models import doubler


def calling() -> onnx.ModelProto:
    model = doubler()
    model.graph.node[0].CopyFrom(helper.make_node("Twice", ["x"], ["y"], domain="own"))
    body = [helper.make_node("Add", ["a", "a"], ["b"])]
    model.functions.append(
        helper.make_function("own", "Twice", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
    )
    model.opset_import.add(domain="own", version=1)
    return model


def test_a_call_becomes_its_nodes() -> None:
    flat = inline_functions(calling())
    assert [node.op_type for node in flat.graph.node] == ["Add"]
    assert not flat.functions


def test_a_model_without_functions_is_left_alone() -> None:
    model = doubler()
    assert inline_functions(model) is model


def test_a_failure_is_translated(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(model: onnx.ModelProto) -> onnx.ModelProto:
        raise RuntimeError("cycle\n  of calls")

    monkeypatch.setattr(onnx.inliner, "inline_local_functions", fail)
    with pytest.raises(ModelError, match="cannot be expanded: cycle of calls"):
        inline_functions(calling())
