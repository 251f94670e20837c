"""Versions of operators and of the file format."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.opset import limit_ir_version, raise_opset
from edgeinfer_converters.graph.walk import standard_opset
from tests.fixtures.models import doubler, model_of


def test_a_new_enough_model_stays() -> None:
    model = doubler()
    assert raise_opset(model, min_opset=13, max_opset=17) is model


def test_an_old_model_is_raised() -> None:
    model = doubler()
    model.opset_import[0].version = 9
    assert standard_opset(raise_opset(model, min_opset=13, max_opset=17)) == 13


def test_a_model_that_is_too_new() -> None:
    with pytest.raises(ModelError, match="needs opset 17; the profile's runtime reads 16 at most") as caught:
        raise_opset(doubler(), min_opset=13, max_opset=16)
    assert "opset 16" in caught.value.hint


def test_a_runtime_that_is_too_old_for_us() -> None:
    model = doubler()
    model.opset_import[0].version = 9
    with pytest.raises(ModelError, match="needs opset 13; the profile's runtime reads 11 at most"):
        raise_opset(model, min_opset=13, max_opset=11)


def test_a_model_that_the_converter_does_not_know() -> None:
    model = doubler()
    model.opset_import[0].version = 9
    model.graph.node[0].op_type = "Frobnicate"
    with pytest.raises(ModelError, match="cannot be raised from opset 9 to 13"):
        raise_opset(model, min_opset=13, max_opset=17)


@pytest.mark.parametrize(("given", "most", "expected"), [(13, 9, 9), (8, 9, 8), (3, 9, 7), (7, 7, 7)])
def test_the_ir_version_is_lowered_where_nothing_needs_it(given: int, most: int, expected: int) -> None:
    model = doubler()
    model.ir_version = given
    assert limit_ir_version(model, most).ir_version == expected


def test_types_that_need_a_new_ir_version() -> None:
    model = model_of(
        [helper.make_node("Identity", ["x"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT8E5M2, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT8E5M2, [1])],
        opset=19,
    )
    assert limit_ir_version(model, 9).ir_version == 9
    with pytest.raises(ModelError, match="needs IR version 9; the profile's runtime reads 8"):
        limit_ir_version(model, 8)


def test_a_runtime_from_before_opset_13() -> None:
    with pytest.raises(ModelError, match="needs IR version 7"):
        limit_ir_version(doubler(), 6)


def run(model: onnx.ModelProto, image: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {"x": image})
    return np.asarray(result)


def old_resize(kind: str, mode: str, opset: int, scales: list[float]) -> onnx.ModelProto:
    attributes: dict[str, Any] = {"mode": mode, **({"scales": scales} if opset < 9 else {})}
    inputs = ["x"] if opset < 9 else ["x", "scales"]
    node = helper.make_node(kind, inputs, ["y"], **attributes)
    shape = [1, 2, 4, 6]
    return model_of(
        [node],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * 4)],
        {} if opset < 9 else {"scales": np.array(scales, np.float32)},
        opset=opset,
    )


@pytest.mark.parametrize(("kind", "opset"), [("Upsample", 7), ("Upsample", 9), ("Resize", 10)])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_old_resizing_keeps_its_coordinates(kind: str, mode: str, opset: int) -> None:
    model = old_resize(kind, mode, opset, [1.0, 1.0, 2.0, 3.0])
    image = np.random.default_rng(0).standard_normal((1, 2, 4, 6)).astype(np.float32)
    raised = raise_opset(model, min_opset=13, max_opset=17)
    assert [node.op_type for node in raised.graph.node if node.op_type != "Constant"] == ["Resize"]
    np.testing.assert_allclose(run(raised, image), run(model, image), rtol=1e-5, atol=1e-6)


def test_a_hardmax_that_would_change_its_meaning() -> None:
    model = doubler()
    model.opset_import[0].version = 11
    model.graph.node[0].op_type = "Hardmax"
    with pytest.raises(ModelError, match="Hardmax means something else there"):
        raise_opset(model, min_opset=13, max_opset=17)
