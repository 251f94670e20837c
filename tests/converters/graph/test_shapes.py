"""Shapes and types by name."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.shapes import OPEN, infer_shapes, known_shapes, known_types, shape_of
from tests.fixtures.models import autoencoder, doubler, image_classifier


def test_inference_writes_down_what_lies_between() -> None:
    model = image_classifier()
    assert "c1" not in known_shapes(model)
    shapes = known_shapes(infer_shapes(model))
    assert shapes["c1"] == (1, 8, 8, 8)
    assert shapes["f"] == (1, 8)
    assert shapes["w1"] == (8, 3, 3, 3)
    assert shapes["image"] == (1, 3, 16, 16)
    assert shapes["logits"] == (1, 3)


def test_the_given_model_stays_as_it_was() -> None:
    model = image_classifier()
    before = model.SerializeToString()
    infer_shapes(model)
    assert model.SerializeToString() == before


def test_weights_are_kept_and_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    model = image_classifier()
    weights = np.ones((1, 3, 1000, 10), np.float32)
    model.graph.initializer.append(onnx.numpy_helper.from_array(weights, "large"))
    model.graph.node.append(helper.make_node("Neg", ["large"], ["negative"]))
    infer = onnx.shape_inference.infer_shapes

    def watched(light: onnx.ModelProto, **options: bool) -> onnx.ModelProto:
        assert light.ByteSize() < weights.nbytes
        return infer(light, **options)

    monkeypatch.setattr(onnx.shape_inference, "infer_shapes", watched)
    inferred = infer_shapes(model)
    assert list(inferred.graph.initializer) == list(model.graph.initializer)
    assert known_shapes(inferred)["negative"] == (1, 3, 1000, 10)


def test_an_open_dimension_stays_open() -> None:
    shapes = known_shapes(infer_shapes(image_classifier(batch="N")))
    assert shapes["image"] == (OPEN, 3, 16, 16)
    assert shapes["c1"] == (OPEN, 8, 8, 8)


def test_types() -> None:
    types = known_types(infer_shapes(autoencoder()))
    assert types["window"] == types["w1"] == types["r"] == np.float32
    assert types["shape"] == np.int64


def test_what_has_no_type_is_left_out() -> None:
    model = doubler()
    model.graph.value_info.add(name="odd")
    assert "odd" not in known_types(model)
    assert "odd" not in known_shapes(model)


def test_a_scalar_has_a_shape_and_an_unranked_tensor_has_none() -> None:
    model = doubler()
    model.graph.value_info.extend(
        [
            helper.make_tensor_value_info("scalar", TensorProto.FLOAT, []),
            helper.make_tensor_value_info("unranked", TensorProto.FLOAT, None),
        ]
    )
    shapes = known_shapes(model)
    assert shapes["scalar"] == ()
    assert "unranked" not in shapes


def test_what_inference_stumbles_over_is_an_error_of_the_model() -> None:
    model = doubler()
    model.graph.node[0].domain = "com.example"  # which the model does not import
    with pytest.raises(ModelError, match="shapes of the model contradict each other") as caught:
        infer_shapes(model)
    assert caught.value.hint


@given(st.lists(st.one_of(st.integers(0, 2**40), st.sampled_from(["N", "height"])), max_size=5))
def test_a_shape_as_it_is_written(dims: list[int | str]) -> None:
    value: onnx.ValueInfoProto = helper.make_tensor_value_info("x", TensorProto.FLOAT, dims)
    assert shape_of(value) == tuple(OPEN if isinstance(dim, str) else dim for dim in dims)
