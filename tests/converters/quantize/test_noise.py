"""The noise that quantized tensors make at the outputs."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.profile import Integer
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.affine import Affine, Form, affine_of
from edgeinfer_converters.quantize.measured import find_points, with_points
from edgeinfer_converters.quantize.noise import noise_meter, with_rounding, with_switches
from edgeinfer_converters.quantize.static import quantize_int8
from tests.fixtures.graphs import GRAPHS, bottlenecks, graph_of, ranges_of, run, samples_of, sqnr_db

U8 = Form("uint8", symmetric=False)


def test_nothing_quantized_makes_no_noise() -> None:
    model = bottlenecks()
    assert noise_meter(model, samples_of(model, 3)).of({}) == 0.0


@given(span=st.floats(0.1, 50), seed=st.integers(0, 20))
def test_noise_is_that_of_rounding(span: float, seed: int) -> None:
    """Of an identity: the mean squared error of rounding over the mean square."""
    model = graph_of([helper.make_node("Mul", ["x", "one"], ["y"])], (1, 4, 8, 8), {"one": np.array(2.0)})
    samples = list(samples_of(model, 2, seed=seed))
    affine = affine_of(-span, span, U8)
    found = noise_meter(model, samples).of({"x": affine})
    values = np.concatenate([one["x"].reshape(-1) for one in samples]).astype(np.float64)
    error = affine.dequantize(affine.quantize(values)) - values
    assert found == pytest.approx(np.square(error).sum() / np.square(values).sum(), rel=1e-3)


def test_every_output_counts_the_same() -> None:
    nodes = [helper.make_node("Mul", ["x", "big"], ["y"]), helper.make_node("Mul", ["x", "one"], ["z"])]
    model = graph_of(nodes[:1], (1, 4, 8, 8), {"big": np.array(1e3), "one": np.array(1.0)})
    alone = noise_meter(model, samples_of(model, 2)).of({"x": affine_of(-4, 4, U8)})
    both = onnx.ModelProto()
    both.CopyFrom(model)
    both.graph.initializer.append(onnx.numpy_helper.from_array(np.array(1.0, np.float32), "one"))
    both.graph.node.append(nodes[1])
    both.graph.output.append(helper.make_tensor_value_info("z", 1, [1, 4, 8, 8]))
    assert noise_meter(both, samples_of(model, 2)).of({"x": affine_of(-4, 4, U8)}) == pytest.approx(alone)


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_only_what_is_named_is_rounded(name: str) -> None:
    model = GRAPHS[name]()
    tensor = model.graph.node[0].output[0]
    rounded = with_rounding(model, {tensor: Affine(0.05, 128, U8)})
    kinds = [node.op_type for node in rounded.graph.node]
    assert kinds.count("QuantizeLinear") == kinds.count("DequantizeLinear") == 1
    assert len(kinds) == len(model.graph.node) + 2
    (sample,) = samples_of(model, 1)
    assert run(rounded, sample)[0].shape == run(model, sample)[0].shape


def test_a_silent_output_is_no_division_by_zero() -> None:
    model = graph_of([helper.make_node("Mul", ["x", "none"], ["y"])], (1, 4, 8, 8), {"none": np.array(0.0)})
    assert noise_meter(model, samples_of(model, 2)).of({"x": affine_of(-1, 1, U8)}) == 0.0


def classifier() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "w"], ["logits"], "linear"),
        helper.make_node("Softmax", ["logits"], ["y"], "softmax"),
    ]
    weights = np.random.default_rng(0).normal(0, 3, (16, 4))
    return graph_of(nodes, (1, 4), {"w": weights}, shape=(1, 4, 2, 2))


def test_the_noise_of_a_model_that_was_quantized() -> None:
    model = classifier()
    meter = noise_meter(model, samples_of(model, 4))
    assert meter.of_model(model) == 0.0
    quantized = quantize_int8(model, ranges_of(model), Integer(activation="uint8"))
    found = meter.of_model(quantized)
    measured = [with_points(one, find_points(GraphView(one))) for one in (model, quantized)]
    samples = list(samples_of(model, 4))
    wanted, given = (np.concatenate([run(one, sample)[0] for sample in samples]) for one in measured)
    assert 10 * np.log10(1 / found) == pytest.approx(sqnr_db(wanted, given), abs=1.0)


def test_a_mask_of_infinities_makes_no_noise() -> None:
    mask = np.where(np.arange(4) == 2, -np.inf, 0).reshape(1, 4, 1, 1)
    nodes = [helper.make_node("Add", ["x", "mask"], ["y"], "add_mask")]
    model = graph_of(nodes, (1, 4, 8, 8), {"mask": mask})
    meter = noise_meter(model, samples_of(model, 2))
    assert meter.of({}) == 0.0
    assert 0 < meter.of({"x": affine_of(-4, 4, U8)}) < 1e-3


def test_another_number_of_values_is_all_wrong() -> None:
    """What is above the threshold: one value more or less, and none is in its place."""
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"], "flatten", axis=0),
        helper.make_node("Greater", ["f", "none"], ["above"], "compare"),
        helper.make_node("Squeeze", ["above", "first"], ["mask"], "squeeze"),
        helper.make_node("Compress", ["f", "mask"], ["y"], "select", axis=1),
    ]
    model = graph_of(nodes, (1, "n"), {"none": np.array(0.01), "first": np.array([0])})
    meter = noise_meter(model, samples_of(model, 2))
    assert meter.of({"x": affine_of(-4, 4, U8)}) <= 1
    assert meter.of({"x": affine_of(-400, 400, U8)}) == pytest.approx(1.0)


def test_how_sure_a_sigmoid_is_does_not_count() -> None:
    """Logits that are cut off where the probability hardly changes any more make no noise."""
    nodes = [helper.make_node("Mul", ["x", "many"], ["m"]), helper.make_node("Sigmoid", ["m"], ["y"])]
    model = graph_of(nodes, (1, 4, 8, 8), {"many": np.array(20.0)})
    meter = noise_meter(model, samples_of(model, 2))
    cut, fine = (meter.of({"m": affine_of(-bound, bound, U8)}) for bound in (8.0, 80.0))
    assert cut < fine / 10
    assert fine > 0


@pytest.mark.parametrize("at_once", [1, 4, 8])
@pytest.mark.parametrize("name", ["bottlenecks", "residual"])
def test_groups_of_tensors_are_measured_on_few_graphs(
    name: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeinfer_converters.quantize.noise.GROUPS_AT_ONCE", at_once)
    model = GRAPHS[name]()
    made = [node.output[0] for node in model.graph.node][:3]
    scales = {tensor: affine_of(-3.0 - index, 4.0, U8) for index, tensor in enumerate([*made, "x"])}
    groups = [{tensor: scales[tensor]} for tensor in scales] + [scales, {}]
    meter = noise_meter(model, samples_of(model, 3))
    found = list(meter.of_each(groups))
    assert found == pytest.approx([meter.of(group) for group in groups], rel=1e-6)
    assert found[-1] == pytest.approx(0.0, abs=1e-12)  # convolutions are fused in another way
    assert found[-2] > max(found[:-2]) > 0


def test_a_switch_has_a_name_that_is_free() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["x_switch"]), helper.make_node("Relu", ["x_switch"], ["y"])]
    model = graph_of(nodes, (1, 4, 8, 8), {})
    switched, switches = with_switches(model, {"x": affine_of(-1, 1, U8)})
    assert switches == {"x": "x_switch_2"}
    assert [value.name for value in switched.graph.input] == ["x", "x_switch_2"]
    (sample,) = samples_of(model, 1)
    plain = run(model, sample)[0]
    np.testing.assert_array_equal(run(switched, {**sample, "x_switch_2": np.array(False)})[0], plain)
    assert (run(switched, {**sample, "x_switch_2": np.array(True)})[0] != plain).any()


@pytest.mark.parametrize("name", ["bottlenecks", "classifier", "residual"])
def test_many_samples_lie_on_disk_and_make_the_same_noise(name: str) -> None:
    model = GRAPHS[name]()
    few, many = (noise_meter(model, samples_of(model, 9), many=many) for many in (False, True))
    name = model.graph.input[0].name
    scales = {name: affine_of(-2.0, 3.0, U8)}
    assert many.of(scales) == few.of(scales) > 0
    (one, *_), (other, *_) = many.samples, few.samples
    assert not isinstance(one, dict)
    assert np.array_equal(one[name], other[name])
