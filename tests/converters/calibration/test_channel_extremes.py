"""The extremes of channels."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer.errors import DataError, ModelError
from edgeinfer_converters.calibration.channel_extremes import channel_extremes
from edgeinfer_converters.calibration.streaming import stream
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView
from tests.fixtures.graphs import GRAPHS, PLANE, classifier, conv, filters, graph_of, samples_of


def floats_with_channels(model: onnx.ModelProto) -> tuple[str, ...]:
    view = GraphView(model)
    made = [*view.inputs, *(name for node in model.graph.node for name in node.output)]
    return tuple(name for name in made if name in view.floats and len(view.shapes[name]) > 1)


def in_opset(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    moved = onnx.ModelProto()
    moved.CopyFrom(model)
    moved.opset_import[0].version = opset
    return infer_shapes(moved)


@pytest.mark.parametrize("opset", [13, 18])
@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_they_are_those_of_the_activations(name: str, opset: int) -> None:
    model = in_opset(GRAPHS[name](), opset)
    names = floats_with_channels(model)
    before = model.SerializeToString(deterministic=True)
    told: list[int] = []
    found = channel_extremes(model, names, samples_of(model, 5), total=5, progress=told.append)
    assert told == [1] * 5
    assert model.SerializeToString(deterministic=True) == before
    parts = list(stream(model, names, samples_of(model, 5), total=5))
    assert tuple(found) == names
    for tensor in names:
        values = np.concatenate([part[tensor] for part in parts if tensor in part])
        axes = (0, *range(2, values.ndim))
        np.testing.assert_allclose(found[tensor].low, values.min(axis=axes), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found[tensor].high, values.max(axis=axes), rtol=1e-5, atol=1e-6)


def test_names_that_are_taken() -> None:
    model = graph_of(
        [conv("x", "x.ReduceMin"), conv("x.ReduceMin", "y", "v")], PLANE, {"w": filters(), "v": filters()}
    )
    found = channel_extremes(model, ("x", "x.ReduceMin"), samples_of(model, 2), total=2)
    images = np.concatenate([sample["x"] for sample in samples_of(model, 2)])
    np.testing.assert_array_equal(found["x"].low, images.min(axis=(0, 2, 3)))
    assert len(found["x.ReduceMin"].low) == 4


def test_the_order_of_samples_does_not_matter() -> None:
    model = classifier()
    names, samples = floats_with_channels(model), list(samples_of(model, 6))
    one, other = (channel_extremes(model, names, some, total=6) for some in (samples, samples[::-1]))
    for name in names:
        np.testing.assert_array_equal(one[name].low, other[name].low)
        np.testing.assert_array_equal(one[name].high, other[name].high)


def test_samples_that_do_not_fit_are_named() -> None:
    model = classifier()
    samples = list(samples_of(model, 3))
    samples[1] = {name: np.full_like(array, np.nan) for name, array in samples[1].items()}
    with pytest.raises(DataError, match="sample 2 of 3"):
        channel_extremes(model, ("image",), samples, total=3)
    with pytest.raises(DataError, match="no calibration samples"):
        channel_extremes(model, ("image",), [], total=0)


def test_infinity_inside_the_network_is_named() -> None:
    nodes = [helper.make_node("Exp", ["x"], ["e"], "exp"), conv("e", "y")]
    model = graph_of(nodes, PLANE, {"w": filters()})
    sample = {"x": np.full(PLANE, 100, np.float32)}
    with pytest.raises(DataError, match="sample 1 of 1: the activation `e` holds NaN or infinity"):
        channel_extremes(model, ("x", "e"), [sample], total=1)


def test_a_model_that_cannot_be_loaded() -> None:
    model = classifier()
    model.graph.node[0].op_type = "Frobnicate"
    with pytest.raises(ModelError, match="ONNX Runtime cannot load the model"):
        channel_extremes(model, ("image",), samples_of(classifier(), 1), total=1)
