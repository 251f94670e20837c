"""The clean-up by onnxslim: what we rely on."""

from __future__ import annotations

import numpy as np
import onnx
import onnxslim
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.cleanup import clean_up
from tests.fixtures.models import image_classifier, model_of


def test_constants_are_folded_and_dead_code_goes() -> None:
    model = model_of(
        [
            helper.make_node("Constant", [], ["two"], value=numpy_helper.from_array(np.array(2, np.float32))),
            helper.make_node("Add", ["two", "one"], ["three"]),
            helper.make_node("Mul", ["x", "three"], ["y"]),
            helper.make_node("Neg", ["x"], ["unused"]),
        ],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
        {"one": np.array(1, np.float32)},
    )
    assert [node.op_type for node in clean_up(model).graph.node] == ["Mul"]


def test_the_same_model_gives_the_same_bytes() -> None:
    one, other = (clean_up(image_classifier()).SerializeToString(deterministic=True) for _ in range(2))
    assert one == other


def test_names_of_inputs_and_outputs_are_kept() -> None:
    slim = clean_up(image_classifier())
    assert [value.name for value in slim.graph.input] == ["image"]
    assert [value.name for value in slim.graph.output] == ["logits"]


def test_a_failure_is_translated(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(model: onnx.ModelProto) -> onnx.ModelProto:
        raise KeyError("some_tensor")

    monkeypatch.setattr(onnxslim, "slim", fail)
    with pytest.raises(ModelError, match="cannot be cleaned up: 'some_tensor'"):
        clean_up(image_classifier())


def test_a_changed_interface_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def rename(model: onnx.ModelProto) -> onnx.ModelProto:
        changed = image_classifier()
        changed.graph.output[0].name = "other"
        return changed

    monkeypatch.setattr(onnxslim, "slim", rename)
    with pytest.raises(ModelError, match="changed the model's inputs or outputs"):
        clean_up(image_classifier())
