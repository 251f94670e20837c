"""float16."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgeinfer.errors import ModelError
from edgeinfer.profile import Integer
from edgeinfer_converters.emitting.float16 import to_float16
from edgeinfer_converters.graph.prepare import prepare
from edgeinfer_converters.quantize.static import quantize_int8
from tests.fixtures.graphs import (
    GRAPHS,
    classifier,
    conv,
    filters,
    graph_of,
    ranges_of,
    run,
    samples_of,
    sqnr_db,
)
from tests.fixtures.models import autoencoder


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_half_the_size_and_nearly_the_same(name: str) -> None:
    model = GRAPHS[name]()
    half = to_float16(model)
    (sample,) = samples_of(model, 1)
    assert sqnr_db(run(model, sample)[0], run(half, sample)[0]) > 50
    weights = [tensor for tensor in half.graph.initializer if len(tensor.dims) > 1]
    assert weights
    assert all(tensor.data_type == TensorProto.FLOAT16 for tensor in weights)


def test_inputs_and_outputs_stay_float32() -> None:
    model = prepare(autoencoder(), max_opset=17, max_ir_version=9)
    half = to_float16(model)
    for values in (half.graph.input, half.graph.output):
        assert [value.type.tensor_type.elem_type for value in values] == [TensorProto.FLOAT]
    assert [value.name for value in half.graph.output] == ["reconstruction"]


def test_operators_that_stay_float32_have_the_right_types_around_them() -> None:
    nodes = [
        conv("x", "a"),
        helper.make_node("Resize", ["a", "", "scales"], ["r"], "resize", mode="nearest"),
        helper.make_node("Concat", ["r", "r"], ["c"], "concat", axis=1),
        conv("c", "y", "v"),
    ]
    scales = np.array([1, 1, 2, 2])
    model = graph_of(
        nodes, (1, 4, 16, 16), {"w": filters(), "v": filters(4, 8), "scales": scales.astype("f")}
    )
    (sample,) = samples_of(model, 1)
    assert sqnr_db(run(model, sample)[0], run(to_float16(model), sample)[0]) > 45


def test_constants_that_float16_cannot_hold() -> None:
    model = graph_of([conv("x", "y")], (1, 4, 8, 8), {"w": 1e6 * filters()})
    with pytest.raises(ModelError, match="`w` holds values beyond ±65504") as caught:
        to_float16(model)
    assert "float32" in caught.value.hint


def test_tiny_constants_are_rounded() -> None:
    weights = filters()
    weights[0, 0, 0, 0] = 1e-12
    model = graph_of([conv("x", "y")], (1, 4, 8, 8), {"w": weights})
    (sample,) = samples_of(model, 1)
    assert sqnr_db(run(model, sample)[0], run(to_float16(model), sample)[0]) > 50


def test_a_quantized_model_is_refused() -> None:
    model = classifier()
    with pytest.raises(ModelError, match="quantized already"):
        to_float16(quantize_int8(model, ranges_of(model), Integer(activation="int8")))


def test_a_float16_model_is_refused_clearly() -> None:
    half = to_float16(classifier())
    with pytest.raises(ModelError, match="cannot be converted to float16"):
        to_float16(half)


def test_the_given_model_is_left_alone_and_the_bytes_are_the_same() -> None:
    model = classifier()
    before = model.SerializeToString(deterministic=True)
    one, other = (to_float16(model).SerializeToString(deterministic=True) for _ in range(2))
    assert one == other
    assert model.SerializeToString(deterministic=True) == before
    onnx.checker.check_model(to_float16(model), full_check=True)


def test_an_output_that_other_nodes_read() -> None:
    model = GRAPHS["residual"]()
    inner = next(node for node in model.graph.node if node.op_type == "Relu").output[0]
    model.graph.output.append(onnx.ValueInfoProto(name=inner))
    model = onnx.shape_inference.infer_shapes(model)
    half = to_float16(model)
    (sample,) = samples_of(model, 1)
    assert [value.name for value in half.graph.output] == [value.name for value in model.graph.output]
    for wanted, found in zip(run(model, sample), run(half, sample), strict=True):
        assert found.dtype == np.float32
        assert sqnr_db(wanted, found) > 50
