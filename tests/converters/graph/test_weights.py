"""Graphs without their weights."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeinfer_converters.graph.weights import LARGE, outline, outlined, with_initializers
from tests.fixtures.graphs import GRAPHS
from tests.fixtures.models import image_classifier


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_with_its_own_initializers_the_copy_is_the_model(name: str) -> None:
    model = GRAPHS[name]()
    model.doc_string, model.producer_version = "what it is for", "1.0"
    model.metadata_props.add(key="author", value="someone")
    copy = with_initializers(model, model.graph.initializer)
    assert copy == model
    assert copy.SerializeToString(deterministic=True) == model.SerializeToString(deterministic=True)


def test_without_initializers_everything_else_is_there() -> None:
    model = image_classifier()
    bare = with_initializers(model)
    assert not bare.graph.initializer
    bare.graph.initializer.extend(model.graph.initializer)
    assert bare == model


def test_the_copy_is_a_copy() -> None:
    model = image_classifier()
    before = model.SerializeToString(deterministic=True)
    copy = with_initializers(model, model.graph.initializer)
    copy.graph.node[0].op_type = "Neg"
    copy.graph.initializer[0].name = "other"
    copy.graph.output[0].name = "other"
    assert model.SerializeToString(deterministic=True) == before


def test_outlines_keep_what_shapes_depend_on() -> None:
    weights = np.ones((LARGE // 8, 8), np.float32)
    model = helper.make_model(
        helper.make_graph(
            [],
            "constants",
            [],
            [],
            [
                numpy_helper.from_array(weights, "weights"),
                numpy_helper.from_array(weights.astype(np.float16), "half"),
                numpy_helper.from_array(weights[:-1], "small"),
                numpy_helper.from_array(weights.astype(np.int64), "numbers"),
            ],
        )
    )
    light = {tensor.name: tensor for tensor in outlined(model).graph.initializer}
    for tensor in model.graph.initializer:
        assert (light[tensor.name].dims, light[tensor.name].data_type) == (tensor.dims, tensor.data_type)
    assert not light["weights"].raw_data
    assert not light["half"].raw_data
    assert light["small"] == model.graph.initializer[2]
    assert light["numbers"] == model.graph.initializer[3]


def test_an_outline_weighs_next_to_nothing() -> None:
    tensor = numpy_helper.from_array(np.ones((512, 512), np.float32), "weights")
    assert outline(tensor).ByteSize() < 50


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.DOUBLE])
def test_values_that_are_not_raw_are_left_out_too(kind: int) -> None:
    tensor = helper.make_tensor("weights", kind, [LARGE], [1.0] * LARGE)
    light = outline(tensor)
    assert light == onnx.TensorProto(name="weights", data_type=kind, dims=[LARGE])
