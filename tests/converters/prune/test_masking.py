"""Channels that are silenced: products read zeros in their place."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.shapes import infer_shapes, known_shapes
from edgeinfer_converters.prune.masking import mask_channels
from tests.fixtures.graphs import run, samples_of
from tests.fixtures.models import model_of
from tests.fixtures.pruning import between, branches, chosen, grouping_of, one


def test_a_product_reads_zeros_as_if_its_weights_were_zero() -> None:
    model = between([one("Sigmoid")])
    masked = mask_channels(model, grouping_of(model), {"conv_a": [0, 2]})
    by_hand = onnx.ModelProto()
    by_hand.CopyFrom(model)
    for tensor in by_hand.graph.initializer:
        if tensor.name == "v":
            weights = numpy_helper.to_array(tensor).copy()
            weights[:, [1, 3]] = 0
            tensor.CopyFrom(numpy_helper.from_array(weights, "v"))
    for sample in samples_of(model, 2):
        np.testing.assert_allclose(run(masked, sample)[0], run(by_hand, sample)[0], rtol=1e-5, atol=1e-6)
        assert not np.allclose(run(masked, sample)[0], run(model, sample)[0], atol=1e-3)


def test_what_is_no_number_is_silenced_too() -> None:
    model = between([one("Log", ["a"], ["c"]), one("Mul", ["c", "k"])], {"k": np.ones((4, 1, 1))})
    masked = mask_channels(model, grouping_of(model), {"conv_a": [0]})
    for tensor in masked.graph.initializer:
        if tensor.name == "w":
            weights = numpy_helper.to_array(tensor).copy()
            weights[0] = 0
            tensor.CopyFrom(numpy_helper.from_array(weights, "w"))
    (found,) = run(masked, next(samples_of(masked, 1)))
    assert np.isneginf(found).any() or np.isposinf(found).any()
    assert not np.isnan(found).any()


def test_shapes_and_names_stay() -> None:
    model = branches("conv", "excite", "grouped", "split", tail="flat", seed=1)
    grouping = grouping_of(model)
    masked = mask_channels(model, grouping, chosen(grouping, share=0.5))
    onnx.checker.check_model(masked, full_check=True)
    shapes, wanted = known_shapes(masked), known_shapes(model)
    assert {name: shapes[name] for name in wanted} == wanted
    names = [node.name for node in masked.graph.node]
    assert [name for name in names if name in {node.name for node in model.graph.node}] == [
        node.name for node in model.graph.node
    ]
    assert len(set(names)) == len(names)


def test_two_readers_share_one_mask() -> None:
    nodes = [one("Relu", ["a"], ["r"])]
    nodes += [helper.make_node("Conv", ["r", name], [name + "_y"], name) for name in ("left", "right")]
    nodes.append(one("Add", ["left_y", "right_y"], ["b"]))
    rng = np.random.default_rng(0)
    model = between(nodes, {name: rng.normal(size=(4, 4, 1, 1)) for name in ("left", "right")})
    masked = mask_channels(model, grouping_of(model), {"conv_a": [1]})
    added = [node for node in masked.graph.node if node.op_type == "Where"]
    assert [node.output[0] for node in added] == ["r_masked"]
    assert [node.name for node in masked.graph.node if "r_masked" in node.input] == ["left", "right"]


def test_nothing_is_added_where_all_is_kept() -> None:
    model = branches("conv", "conv")
    assert mask_channels(model, grouping_of(model), {}) == model


def test_names_that_are_taken_are_not_taken_again() -> None:
    nodes = [one("Relu", ["a"], ["a_masked"]), one("Add", ["a", "a_masked"], ["b"])]
    model = between(nodes)
    masked = mask_channels(model, grouping_of(model), {"conv_a": [1]})
    onnx.checker.check_model(masked, full_check=True)
    assert masked.graph.node[-1].input[0] == "b_masked"


def test_the_mask_has_the_type_of_its_tensor() -> None:
    half = np.random.default_rng(0).normal(size=(4, 4, 1, 1)).astype(np.float16)
    model = model_of(
        [
            helper.make_node("Conv", ["x", "w"], ["a"], "first"),
            helper.make_node("Conv", ["a", "v"], ["y"], "second"),
        ],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT16, (1, 4, 2, 2))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT16, (1, 4, 2, 2))],
        {"w": half, "v": half[::-1].copy()},
    )
    model = infer_shapes(model)
    masked = mask_channels(model, grouping_of(model), {"first": [0]})
    onnx.checker.check_model(masked, full_check=True)


def test_an_empty_layer_is_refused() -> None:
    model = between([one("Relu")])
    with pytest.raises(ModelError, match="conv_a"):
        mask_channels(model, grouping_of(model), {"conv_a": ()})
