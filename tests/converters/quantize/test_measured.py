"""Where noise is measured."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer.profile import Integer
from edgeinfer_converters.graph.shapes import infer_shapes, known_types
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.activations import SURE
from edgeinfer_converters.quantize.affine import Affine, Form, affine_of
from edgeinfer_converters.quantize.measured import Point, find_points, with_points
from edgeinfer_converters.quantize.noise import noise_meter, with_rounding
from edgeinfer_converters.quantize.static import quantize_int8
from tests.fixtures.graphs import bottlenecks, conv, filters, graph_of, ranges_of, run, samples_of, sqnr_db

U8 = Form("uint8", symmetric=False)
BOXES, CLASSES, SIDE = 4, 6, 8


def points(model: onnx.ModelProto) -> tuple[Point, ...]:
    return find_points(GraphView(model))


def detector(*, offset: float = 0.0, spread: float = 1.0) -> onnx.ModelProto:
    """Boxes of some ten units, joined with probabilities that are small, and put in rows."""
    nodes = [
        conv("x", "features"),
        helper.make_node("Relu", ["features"], ["f"], "relu"),
        helper.make_node("Conv", ["f", "reg_w"], ["boxes"], "reg"),
        helper.make_node("Conv", ["f", "cls_w", "cls_b"], ["logits"], "cls"),
        helper.make_node("Sigmoid", ["logits"], ["scores"], "scores"),
        helper.make_node("Concat", ["boxes", "scores"], ["joined"], "join", axis=1),
        helper.make_node("Reshape", ["joined", "rows"], ["flat"], "flatten"),
        helper.make_node("Transpose", ["flat"], ["y"], "turn", perm=[0, 2, 1]),
    ]
    weights = {
        "w": filters(),
        "reg_w": 10 * filters(BOXES, size=1, seed=1),
        "cls_w": spread * filters(CLASSES, size=1, seed=2),
        "cls_b": np.full(CLASSES, -3.0 + offset),
        "rows": np.array([1, BOXES + CLASSES, SIDE * SIDE]),
    }
    return graph_of(nodes, (1, SIDE * SIDE, BOXES + CLASSES), weights)


def scores_alone(*, joined: bool) -> onnx.ModelProto:
    nodes = [
        conv("x", "a"),
        helper.make_node("Sigmoid", ["a"], ["p" if joined else "y"], "first"),
    ]
    if joined:
        nodes += [
            helper.make_node("Mul", ["a", "half"], ["b"], "second_logits"),
            helper.make_node("Sigmoid", ["b"], ["q"], "second"),
            helper.make_node("Concat", ["p", "q"], ["y"], "join", axis=1),
        ]
    weights = {"w": filters(), "half": np.array(0.5)}
    return graph_of(nodes, (1, 8 if joined else 4, SIDE, SIDE), weights)


def test_plain_outputs_are_measured_as_they_are() -> None:
    model = bottlenecks()
    assert points(model) == (Point(model.graph.output[0].name, 1.0),)


def test_softmax_is_measured_in_front() -> None:
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "w"], ["logits"], "linear"),
        helper.make_node("Softmax", ["logits"], ["y"], "softmax"),
    ]
    weights = np.random.default_rng(0).normal(0, 3, (16, 4))
    model = graph_of(nodes, (1, 4), {"w": weights}, shape=(1, 4, 2, 2))
    assert points(model) == (Point("logits", 1.0),)


def test_half_the_weight_of_a_detectors_output_is_that_of_its_logits() -> None:
    assert points(detector()) == (Point("y", 0.5), Point("logits", 0.5, is_logit=True))


def test_where_all_are_probabilities_logits_have_all_the_weight() -> None:
    assert points(scores_alone(joined=False)) == (Point("a", 1.0, is_logit=True),)
    assert points(scores_alone(joined=True)) == (
        Point("a", 0.5, is_logit=True),
        Point("b", 0.5, is_logit=True),
    )


def test_what_two_outputs_are_made_of_is_one_point() -> None:
    model = scores_alone(joined=False)
    again = onnx.ModelProto()
    again.CopyFrom(model)
    again.graph.node.append(helper.make_node("Identity", ["y"], ["z"], "again"))
    again.graph.output.append(helper.make_tensor_value_info("z", 1, [1, 4, SIDE, SIDE]))
    assert points(again) == (Point("a", 2.0, is_logit=True),)


@pytest.mark.parametrize("order", [("y", "scores"), ("scores", "y")])
def test_weights_do_not_depend_on_the_order_of_outputs(order: tuple[str, ...]) -> None:
    found = {one.tensor: one.weight for one in points(with_outputs(detector(), *order))}
    assert found == {"y": 0.5, "logits": 1.5}


@pytest.mark.parametrize("kept", [["best"], ["best", "y"]])
def test_decisions_are_measured_at_what_they_are_made_by(kept: list[str]) -> None:
    model = detector()
    model.graph.node.append(helper.make_node("ArgMax", ["features"], ["best"], "decide", axis=1))
    changed = with_outputs(infer_shapes(model), *kept)
    assert points(changed)[0] == Point("features", 1.0)
    assert noise_meter(changed, samples_of(changed, 2)).of({"x": affine_of(-4, 4, U8)}) > 0


def test_numbers_of_things_are_no_signal() -> None:
    model = detector()
    model.graph.node.append(helper.make_node("Shape", ["features"], ["size"], "size"))
    changed = with_outputs(infer_shapes(model), "size", "y")
    assert [one.tensor for one in points(changed)] == ["y", "logits"]


def test_a_name_that_is_taken() -> None:
    model = detector()
    model.graph.node.append(helper.make_node("Relu", ["logits"], ["logits_limited"], "other"))
    assert noise_meter(model, samples_of(model, 2)).of(coarse(1.0)) > 0


def with_outputs(model: onnx.ModelProto, *names: str) -> onnx.ModelProto:
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    changed.graph.ClearField("output")
    kinds = known_types(model)
    for name in names:
        kind = helper.np_dtype_to_tensor_dtype(kinds[name])
        changed.graph.output.append(helper.make_tensor_value_info(name, kind, None))
    return changed


def gated(*outputs: str) -> onnx.ModelProto:
    """Logits without an integer kernel, their probability, clipped too, as a gate of a product's input."""
    nodes = [
        helper.make_node("Tanh", ["x"], ["a"], "logits"),
        helper.make_node("Sigmoid", ["a"], ["p"], "gate"),
        helper.make_node("Clip", ["p", "none", "all"], ["q"], "clamp"),
        helper.make_node("Mul", ["q", "x"], ["m"], "mul"),
        conv("m", "y"),
    ]
    weights = {"w": filters(), "none": np.array(0.0), "all": np.array(1.0)}
    return with_outputs(infer_shapes(graph_of(nodes, (1, 4, SIDE, SIDE), weights)), *outputs)


@pytest.mark.parametrize("outputs", [("a", "p", "y"), ("p", "a", "y"), ("q", "y")])
def test_ends_that_quantizing_writes_otherwise(outputs: tuple[str, ...]) -> None:
    """A tensor is read in floats here and in integers there; a clamp is gone."""
    model = gated(*outputs)
    quantized = quantize_int8(model, ranges_of(model), Integer(activation="uint8"))
    assert 0 < noise_meter(model, samples_of(model, 4)).of_model(quantized) < 0.01


def test_a_quantized_model_is_measured_at_the_same_tensors() -> None:
    model = detector()
    quantized = quantize_int8(model, ranges_of(model), Integer(activation="uint8"))
    assert [one.is_logit for one in points(quantized)] == [one.is_logit for one in points(model)]
    (sample,) = samples_of(model, 1)
    wanted, given = (run(with_points(one, points(one)), sample) for one in (model, quantized))
    for one, other in zip(wanted, given, strict=True):
        assert sqnr_db(one, other) > 20


def test_logits_are_clipped() -> None:
    model = detector(spread=100.0)
    (sample,) = samples_of(model, 1)
    _, logits = run(with_points(model, points(model)), sample)
    assert (logits.min(), logits.max()) == (-SURE, SURE)


def coarse(step: float) -> dict[str, Affine]:
    return {"logits": Affine(step, 128, U8)}


def test_the_noise_of_scores_counts_beside_boxes() -> None:
    """Logits in steps of a unit change many a score by half, and the output's error hardly shows it."""
    model = detector()
    rounded = with_rounding(model, coarse(1.0))
    pairs = [[run(one, sample)[0] for one in (model, rounded)] for sample in samples_of(model, 4)]
    wanted, given = (np.concatenate([pair[index] for pair in pairs]) for index in (0, 1))
    assert sqnr_db(wanted, given) > 40
    assert noise_meter(model, samples_of(model, 4)).of(coarse(1.0)) > 0.01


def test_what_logits_are_on_average_is_no_signal() -> None:
    """Scores that are small throughout are no less noisy."""
    noise = []
    for offset in (0.0, -3.0):
        model = detector(offset=offset)
        noise.append(noise_meter(model, samples_of(model, 4)).of(coarse(0.5)))
    assert noise[1] == pytest.approx(noise[0], rel=0.2)


def test_logits_that_are_nearly_all_the_same_make_little_noise() -> None:
    """A tenth of a unit is little, however much it is beside their deviation."""
    model = detector(spread=0.001)
    assert 0 < noise_meter(model, samples_of(model, 4)).of({"logits": affine_of(-12.8, 12.7, U8)}) < 0.01


def test_a_tensor_that_is_joined_with_itself_again_and_again_is_looked_at_once() -> None:
    depth = 40  # doubled each time: no end of it, one by one
    nodes = [helper.make_node("Sigmoid", ["x"], ["t0"], "scores")]
    nodes += [
        helper.make_node("Concat", [f"t{k}"] * 2, [f"t{k + 1}"], f"join{k}", axis=1) for k in range(depth)
    ]
    graph = helper.make_graph(
        nodes,
        "doubling",
        [helper.make_tensor_value_info("x", 1, [1, 1])],
        [helper.make_tensor_value_info(f"t{depth}", 1, [1, 2**depth])],
    )
    assert points(helper.make_model(graph)) == (Point("x", 1.0, is_logit=True),)
