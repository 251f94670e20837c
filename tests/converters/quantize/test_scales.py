"""The scale of each tensor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.affine import Form, affine_of, clamps_like, stretched
from edgeinfer_converters.quantize.histogram import histogram_of
from edgeinfer_converters.quantize.placement import observed_tensors, place
from edgeinfer_converters.quantize.ranges import Ranges
from edgeinfer_converters.quantize.reach import Reach
from edgeinfer_converters.quantize.scales import TFLITE_ROOM, choose_scales
from tests.fixtures.graphs import (
    GRAPHS,
    classifier,
    clipped,
    concatenation,
    conv,
    distances,
    filters,
    graph_of,
    ranges_of,
    silu,
)

FORM = Form("uint8", symmetric=False)


def given(view: GraphView, **bounds: float) -> Ranges:
    """Ranges from -1 to 1, or to the bound given."""
    values = {name: bounds.get(name, 1.0) for name in observed_tensors(view)}
    return Ranges({name: histogram_of(np.array([-1, high], np.float32)) for name, high in values.items()}, 1)


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_every_quantized_tensor_has_the_scale_of_its_leader(name: str) -> None:
    model = GRAPHS[name]()
    view = GraphView(model)
    placement = place(view)
    scales = choose_scales(view, placement, ranges_of(model), FORM, "mse")
    assert set(scales) == set(placement.tensors)
    assert all(scales[tensor] == scales[placement.leader[tensor]] for tensor in scales)


def test_a_concatenation_covers_all_that_flows_into_it() -> None:
    view = GraphView(concatenation())
    placement = place(view)
    scales = choose_scales(view, placement, given(view, a=3.0, b=7.0), FORM, "minmax")
    assert scales["c"] == scales["a"] == affine_of(-1.0, 7.0, FORM)
    assert scales["b"] == affine_of(-1.0, 7.0, FORM)
    scales = choose_scales(view, placement, given(view, a=7.0, b=3.0), FORM, "minmax")
    assert scales["c"] == affine_of(-1.0, 7.0, FORM)
    assert scales["b"] == affine_of(-1.0, 3.0, FORM)


def test_what_only_an_exclusion_makes_necessary_is_traced_back() -> None:
    """With the Flatten float, the Gemm's input has a scale of its own, known from before the Flatten."""
    view = GraphView(classifier())
    placement = place(view, frozenset({"flatten"}))
    assert placement.leader["f"] == "f"
    scales = choose_scales(view, placement, given(view, p=5.0), FORM, "minmax")
    assert scales["f"] == scales["p"] == affine_of(-1.0, 5.0, FORM)


def test_a_tensor_that_nobody_saw() -> None:
    view = GraphView(classifier())
    ranges = given(view)
    partly = Ranges({name: one for name, one in ranges.histograms.items() if name != "r1"}, 1)
    with pytest.raises(ModelError, match="seen no values of the tensor `r1`"):
        choose_scales(view, place(view), partly, FORM, "mse")


def test_an_open_gate_is_exactly_one() -> None:
    model = silu()
    view = GraphView(model)
    scales = choose_scales(view, place(view), ranges_of(model), FORM, "mse")
    gates = [node.output[0] for node in view.nodes if node.op_type == "Sigmoid" and node.output[0] in scales]
    assert gates
    for name in gates:
        assert scales[name].dequantize(np.array([255], np.uint8))[0] == pytest.approx(1.0, abs=1e-6)
        assert scales[name].zero_point == 0


def test_a_gate_that_is_joined_with_more_gets_their_range() -> None:
    nodes = [
        conv("x", "a"),
        helper.make_node("Sigmoid", ["a"], ["g"], "gate"),
        helper.make_node("Concat", ["g", "a"], ["b"], "concat", axis=1),
        conv("b", "y", "v"),
    ]
    view = GraphView(graph_of(nodes, (1, 4, 8, 8), {"w": filters(), "v": filters(into=8)}))
    scales = choose_scales(view, place(view), given(view, a=9.0), FORM, "minmax")
    assert scales["b"] == affine_of(-1.0, 9.0, FORM)


def test_a_logit_reaches_from_unlikely_to_certain() -> None:
    """Calibration saw no object: it must still be possible to be sure of one."""
    nodes = [conv("x", "a"), helper.make_node("Sigmoid", ["a"], ["y"], "sigmoid")]
    view = GraphView(graph_of(nodes, (1, 4, 8, 8), {"w": filters()}))
    scales = choose_scales(view, place(view), given(view, a=0.5), FORM, "mse")
    assert scales["a"] == affine_of(-8.0, 8.0, FORM)


def test_logits_that_are_joined_with_distances() -> None:
    """They are certain at 8 as well; how far distances reach is known."""
    view = GraphView(distances())
    ranges = given(view, a=1.0, bins=12.0, logits=0.5)
    scales = choose_scales(view, place(view), ranges, FORM, "mse")
    assert scales["bins"] == affine_of(-1.0, 12.0, FORM)
    assert scales["logits"].bounds == pytest.approx((-1.0, 8.0), abs=0.05)


def test_logits_that_are_moved() -> None:
    nodes = [
        conv("x", "a"),
        helper.make_node("Transpose", ["a"], ["b"], "move", perm=[0, 2, 3, 1]),
        helper.make_node("Concat", ["b", "b"], ["c"], "join", axis=1),
        helper.make_node("Sigmoid", ["c"], ["y"], "sigmoid"),
    ]
    view = GraphView(graph_of(nodes, (1, 16, 8, 4), {"w": filters()}))
    scales = choose_scales(view, place(view), given(view, a=0.5), FORM, "mse")
    assert scales["a"] == affine_of(-8.0, 8.0, FORM)


def test_what_is_a_result_itself_is_no_logit_alone() -> None:
    nodes = [
        conv("x", "a"),
        helper.make_node("Sigmoid", ["a"], ["g"], "sigmoid"),
        helper.make_node("Concat", ["a", "g"], ["y"], "join", axis=1),
    ]
    view = GraphView(graph_of(nodes, (1, 8, 8, 8), {"w": filters()}))
    scales = choose_scales(view, place(view), given(view, a=0.5), FORM, "mse")
    assert scales["a"].bounds == pytest.approx((-1.0, 8.0), abs=0.05)


@pytest.mark.parametrize("moved", [False, True])
def test_a_gate_at_the_end_is_no_logit(moved: bool) -> None:
    """The features that it makes are as fine as its range is narrow."""
    source = "b" if moved else "a"
    nodes = [
        conv("x", "a"),
        *([helper.make_node("Transpose", ["a"], ["b"], "move", perm=[0, 1, 3, 2])] if moved else []),
        helper.make_node("Sigmoid", [source], ["g"], "sigmoid"),
        helper.make_node("Mul", [source, "g"], ["y"], "mul"),
    ]
    view = GraphView(graph_of(nodes, (1, 4, 8, 8), {"w": filters()}))
    scales = choose_scales(view, place(view), given(view, a=0.5), FORM, "mse")
    assert scales["a"] == affine_of(-1.0, 0.5, FORM)


def test_a_gate_in_front_of_a_product_keeps_its_range() -> None:
    nodes = [
        conv("x", "a"),
        helper.make_node("Sigmoid", ["a"], ["g"], "sigmoid"),
        conv("g", "y", "v"),
    ]
    view = GraphView(graph_of(nodes, (1, 4, 8, 8), {"w": filters(), "v": filters(seed=1)}))
    scales = choose_scales(view, place(view), given(view, a=0.5), FORM, "minmax")
    assert scales["a"] == affine_of(-1.0, 0.5, FORM)


@pytest.mark.parametrize("integer_results", [False, True])
def test_results_of_a_model_are_not_clipped(integer_results: bool) -> None:
    """A rare large box is as much a result as the many small ones."""
    nodes = [conv("x", "a"), helper.make_node("Exp", ["a"], ["y"], "exp")]
    view = GraphView(graph_of(nodes, (1, 4, 8, 8), {"w": filters()}))
    values = np.append(np.random.default_rng(0).normal(0, 0.1, 100_000), 5.0).astype(np.float32)
    ranges = Ranges({"x": histogram_of(values), "a": histogram_of(values)}, 1)
    scales = choose_scales(view, place(view, integer_results=integer_results), ranges, FORM, "mse")
    assert scales["x"].scale < scales["a"].scale
    seen = affine_of(float(values.min()), 5.0, FORM)
    assert scales["a"] == (stretched(seen, TFLITE_ROOM) if integer_results else seen)


def test_bounds_that_were_set_have_their_room() -> None:
    nodes = [conv("x", "a"), helper.make_node("Exp", ["a"], ["y"], "exp")]
    view = GraphView(graph_of(nodes, (1, 4, 8, 8), {"w": filters()}))
    bounds = histogram_of(np.array([-1.0, 1.0], np.float32))
    ranges = Ranges({"x": bounds, "a": bounds}, 1)
    scales = choose_scales(view, place(view, integer_results=True), ranges, FORM, "mse")
    assert scales["a"] == affine_of(-1.0, 1.0, FORM)


def test_a_gate_has_the_scale_of_the_kernel_that_computes_it() -> None:
    model = silu()
    view = GraphView(model)
    signed = Form("int8", symmetric=False)
    scales = choose_scales(view, place(view, integer_results=True), ranges_of(model), signed, "mse")
    gates = [node.output[0] for node in view.nodes if node.op_type == "Sigmoid" and node.output[0] in scales]
    assert gates
    assert {(scales[name].scale, scales[name].zero_point) for name in gates} == {(1 / 256, -128)}


def roomy(view: GraphView, room: float, **bounds: float) -> Ranges:
    return replace(given(view, **bounds), reach=Reach(100, room))


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_room_widens_what_is_not_a_final_result(name: str) -> None:
    model = GRAPHS[name]()
    view, seen = GraphView(model), ranges_of(model)
    placement = place(view)
    plain, wide = (
        choose_scales(view, placement, replace(seen, reach=Reach(100, room)), FORM, "mse")
        for room in (1.0, 1.5)
    )
    assert all(plain[tensor].scale <= wide[tensor].scale * (1 + 1e-6) for tensor in plain)
    assert all(plain[tensor] == wide[tensor] for tensor in placement.finals)
    assert wide[view.model.graph.input[0].name].scale > 1.4 * plain[view.model.graph.input[0].name].scale


def test_room_ends_where_values_can_not_be() -> None:
    """A ReLU6 stays a matter of saturation, and a sigmoid is 1 at most."""
    view = GraphView(clipped())
    placement = place(view)
    (target,) = placement.absorbed.values()
    seen = roomy(view, 1.5)
    seen = replace(seen, histograms={**seen.histograms, target: histogram_of(np.array([0, 5.8], np.float32))})
    affine = choose_scales(view, placement, seen, FORM, "minmax")[target]
    assert affine.bounds[1] == pytest.approx(6.0, abs=0.05)
    assert clamps_like(affine, 0.0, 6.0)
    nodes = [conv("x", "a"), helper.make_node("Sigmoid", ["a"], ["g"], "gate"), conv("g", "y")]
    view = GraphView(graph_of(nodes, (1, 4, 8, 8), {"w": filters()}))
    scales = choose_scales(view, place(view), roomy(view, 1.5, g=0.9), FORM, "minmax")
    assert scales["g"].bounds[1] == pytest.approx(1.0, abs=0.01)
    assert scales["a"].scale == pytest.approx(affine_of(-1.5, 1.5, FORM).scale, rel=1e-5)


def test_room_of_tensors_with_one_scale_is_that_of_the_widest() -> None:
    view = GraphView(concatenation())
    scales = choose_scales(view, place(view), roomy(view, 1.5, a=3.0, b=7.0), FORM, "minmax")
    assert scales["c"] == scales["a"]
    assert scales["c"].scale == pytest.approx(affine_of(-1.5, 10.5, FORM).scale, rel=1e-5)
