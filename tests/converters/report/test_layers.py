"""Layer by layer, against what is known of the graphs."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from edgeinfer.errors import ModelError
from edgeinfer.profile import Integer
from edgeinfer_converters.quantize.affine import activation_form, affine_of
from edgeinfer_converters.quantize.noise import with_rounding
from edgeinfer_converters.quantize.static import quantize_int8
from edgeinfer_converters.report import layers
from edgeinfer_converters.report.layers import look_inside
from edgeinfer_converters.samples.sample import Sample
from tests.fixtures.graphs import classifier, graph_of, ranges_of, residual


def samples(model: onnx.ModelProto, count: int = 3) -> list[Sample]:
    value = model.graph.input[0]
    shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
    rng = np.random.default_rng(3)
    return [Sample(f"s{k}", {value.name: rng.normal(0, 1, shape).astype(np.float32)}) for k in range(count)]


def quantized(model: onnx.ModelProto, exclude: frozenset[str] = frozenset()) -> onnx.ModelProto:
    return quantize_int8(model, ranges_of(model), Integer(activation="uint8"), exclude=exclude)


def test_a_graph_against_itself_is_equal() -> None:
    model = residual()
    found = look_inside(model, model, samples(model))
    assert {one.sqnr_db for one in found.layers} == {200.0}
    assert found.ranges == ()
    assert found.samples == 3


def test_a_quantized_graph_is_near_and_its_work_adds_up() -> None:
    model = classifier()
    seen: list[int] = []
    found = look_inside(model, quantized(model), samples(model), progress=seen.append)
    assert seen == [1, 1, 1]
    assert all(15 < one.sqnr_db < 70 for one in found.layers)
    assert sum(one.macs_share for one in found.layers) == pytest.approx(1, abs=1e-3)
    assert [one.name for one in found.layers if one.macs_share] == ["conv1", "conv2", "linear"]
    assert all(one.integer for one in found.layers)


@pytest.mark.parametrize("gate", ["Sigmoid", "Relu"])
def test_what_the_function_behind_does_not_distinguish_is_no_error(gate: str) -> None:
    """A range that ends at 8: a sigmoid is sure of itself there, but a Relu is not."""
    nodes = [
        helper.make_node("Mul", ["x", "fifty"], ["far"], "widen"),
        helper.make_node(gate, ["far"], ["y"], "gate"),
    ]
    model = graph_of(nodes, (1, 4, 8, 8), {"fifty": np.full((1, 4, 1, 1), 50.0)})
    affine = affine_of(-8.0, 8.0, activation_form(Integer(activation="uint8")))
    rounded = with_rounding(model, {"far": affine})
    (layer,) = [one for one in look_inside(model, rounded, samples(model)).layers if one.name == "widen"]
    (range_,) = [one for one in look_inside(model, rounded, samples(model)).ranges if one.tensor == "far"]
    assert range_.seen_high > 100
    if gate == "Sigmoid":
        assert layer.sqnr_db > 30
        assert layer.clipped == 0.0
    else:
        assert layer.sqnr_db < 10
        assert layer.clipped is not None
        assert layer.clipped > 0.3


def test_a_damaged_layer_stands_out() -> None:
    model = residual()
    other = onnx.ModelProto()
    other.CopyFrom(model)
    for tensor in other.graph.initializer:
        if tensor.name == "v":
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(0.5), "v"))
    found = {one.name: one.sqnr_db for one in look_inside(model, other, samples(model)).layers}
    assert found["conv_a"] == 200.0
    assert found["conv_c"] == pytest.approx(6.0, abs=0.1)  # half of the signal is missing: 20 log10 2
    assert found["add"] < 200


def test_ranges_seen_and_kept() -> None:
    model = residual()
    inputs = samples(model)
    found = {one.tensor: one for one in look_inside(model, quantized(model), inputs).ranges}
    values = np.concatenate([sample.inputs["x"].ravel() for sample in inputs])
    assert found["x"].seen_low == pytest.approx(values.min(), rel=1e-3)
    assert found["x"].seen_high == pytest.approx(values.max(), rel=1e-3)
    half = found["x"].scale / 2
    outside = ((values < found["x"].low - half) | (values > found["x"].high + half)).mean()
    assert found["x"].clipped == pytest.approx(outside, rel=0.02, abs=1e-3)


def test_what_calibration_has_not_seen_is_clipped_in_each_layer_but_behind_its_relu() -> None:
    """Ten times as large samples; a ReLU's zeros are no loss, and a layer in float has no range."""
    model = residual()
    emitted = quantized(model, frozenset({"conv_a"}))
    large = [Sample(one.name, {"x": one.inputs["x"] * np.float32(10)}) for one in samples(model)]
    usual, found = (
        {one.name: one.clipped for one in look_inside(model, emitted, inputs).layers}
        for inputs in (samples(model), large)
    )
    assert usual["conv_a"] is found["conv_a"] is None
    for name in ("conv_c", "add", "conv_y"):
        before, after = usual[name], found[name]
        assert before is not None
        assert after is not None
        assert before < 0.02 < 0.2 < after


def test_products_that_run_in_float_are_marked() -> None:
    model = classifier()
    emitted = quantized(model, frozenset({"conv1"}))
    found = look_inside(model, emitted, samples(model), frozenset({"conv1"}))
    assert {one.name for one in found.layers if one.macs_share and not one.integer} == {"conv1"}


def test_parts_that_fit_the_budget_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model = residual()
    emitted = quantized(model)
    whole = look_inside(model, emitted, samples(model))
    monkeypatch.setattr(layers, "BUDGET_BYTES", 1)
    assert look_inside(model, emitted, samples(model)) == whole


def test_tensors_of_another_layout_are_left_out() -> None:
    model, other = classifier(), classifier()
    pads = next(one for one in other.graph.node[0].attribute if one.name == "pads")
    pads.CopyFrom(onnx.helper.make_attribute("pads", [0] * 4))
    del other.graph.value_info[:]
    names = [one.name for one in look_inside(model, other, samples(model)).layers]
    assert "conv1" not in names
    assert "linear" in names


def test_without_samples_there_is_nothing_to_tell() -> None:
    model = residual()
    found = look_inside(model, quantized(model), [])
    assert (found.samples, found.layers, found.ranges) == (0, (), ())


def test_a_sample_that_does_not_fit() -> None:
    model = residual()
    with pytest.raises(ModelError, match="s: ONNX Runtime cannot run"):
        look_inside(model, model, [Sample("s", {"x": np.zeros((1, 2), np.float32)})])
