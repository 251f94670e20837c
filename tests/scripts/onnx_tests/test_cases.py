"""ONNX's tests as cases."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from scripts.onnx_tests import cases as cases_module
from scripts.onnx_tests.cases import KINDS, load_cases


def test_node_tests_bring_inputs_and_outputs_along() -> None:
    names = {
        case.name: case for case in load_cases("node", ["test_softmax", "clip"], modules=["softmax", "clip"])
    }
    assert list(names) == sorted(names)
    case = names["test_softmax_example"]
    assert case.kind == "node"
    assert [node.op_type for node in onnx.load_from_string(case.model).graph.node] == ["Softmax"]
    (sample,) = case.samples
    np.testing.assert_allclose(sample.outputs["y"].sum(-1), 1, rtol=1e-6)
    assert sample.inputs["x"].dtype == np.float32
    assert {name.split("_")[1] for name in names} == {"clip", "softmax"}


def test_tests_of_other_kinds_are_files() -> None:
    found = load_cases("pytorch-converted", ["Conv1d"])
    assert "test_Conv1d_groups" in {case.name for case in found}
    for case in found:
        graph = onnx.load_from_string(case.model).graph
        weights = {tensor.name for tensor in graph.initializer}
        for sample in case.samples:
            assert list(sample.inputs) == [one.name for one in graph.input if one.name not in weights]
            assert list(sample.outputs) == [one.name for one in graph.output]


def test_only_what_is_selected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases_module, "is_selected", lambda _, *, doubles: doubles)
    assert not load_cases("node", modules=["abs"])
    assert len(load_cases(KINDS[-1])) > 30


def test_values_may_be_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    info = helper.make_tensor_value_info("x", TensorProto.INT64, (2,))
    result = helper.make_tensor_value_info("y", TensorProto.INT64, (2,))
    node = helper.make_node("Identity", ["x"], ["y"])
    model = helper.make_model(helper.make_graph([node], "graph", [info], [result]))
    values = np.array([3, 4])
    test = SimpleNamespace(
        name="test_one",
        model=model,
        model_dir=None,
        data_sets=[([numpy_helper.from_array(values)], [values]), ([values + 1], [values + 1])],
    )
    monkeypatch.setattr("onnx.backend.test.loader.load_model_tests", lambda kind: [test])
    (case,) = load_cases("node")
    assert [sample.inputs["x"].tolist() for sample in case.samples] == [[3, 4], [4, 5]]
    assert case.samples[0].outputs["y"].tolist() == [3, 4]


def test_inputs_and_values_must_be_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    test = SimpleNamespace(
        name="test_one",
        model=helper.make_model(helper.make_graph([], "graph", [], [])),
        model_dir=None,
        data_sets=[([np.ones(1)], [])],
    )
    monkeypatch.setattr("onnx.backend.test.loader.load_model_tests", lambda kind: [test])
    with pytest.raises(ValueError, match="longer"):
        load_cases("node")
