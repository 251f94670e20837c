"""Ranges by the error at the outputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer.profile import Integer
from edgeinfer_converters.calibration.calibrate import observe
from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.affine import Affine, activation_form, clamps_like, stretched
from edgeinfer_converters.quantize.noise import NoiseMeter, noise_meter
from edgeinfer_converters.quantize.placement import Placement, place
from edgeinfer_converters.quantize.ranges import Ranges
from edgeinfer_converters.quantize.refinement import MOST_STEPS, STEP, refine_ranges
from edgeinfer_converters.quantize.scales import choose_scales
from tests.fixtures.graphs import GRAPHS, PLANE, clipped, conv, filters, graph_of

FORM = activation_form(Integer(activation="int8"))


def heavy_tailed(count: int, seed: int = 0) -> list[dict[str, np.ndarray]]:
    """Values of which the rare large ones are many times the others."""
    rng = np.random.default_rng(seed)
    return [{"x": (rng.normal(size=PLANE) ** 3).astype(np.float32)} for _ in range(count)]


def cubed() -> onnx.ModelProto:
    """What its last product reads are third powers: the large values are all that counts."""
    nodes = [
        conv("x", "t"),
        helper.make_node("Mul", ["t", "t"], ["s"], "square"),
        helper.make_node("Mul", ["s", "t"], ["c"], "cube"),
        conv("c", "y", "v"),
    ]
    identity = np.eye(4, dtype=np.float32).reshape(4, 4, 1, 1)
    weights = {"w": np.pad(identity, [(0, 0), (0, 0), (1, 1), (1, 1)]), "v": filters()}
    return add_biases(graph_of(nodes, PLANE, weights))


def learnt(
    model: onnx.ModelProto, samples: list[dict[str, np.ndarray]]
) -> tuple[GraphView, Placement, Ranges, dict[str, Affine]]:
    view = GraphView(model)
    placement = place(view)
    ranges = observe(model, samples, total=len(samples), progress=lambda _: None)
    return view, placement, ranges, choose_scales(view, placement, ranges, FORM, "mse")


def test_a_range_that_clips_what_counts_gets_wider() -> None:
    model = cubed()
    view, placement, ranges, scales = learnt(model, heavy_tailed(32))
    meter, judge = (noise_meter(model, heavy_tailed(16, seed)) for seed in (1, 2))
    told: list[int] = []
    factors = refine_ranges(view, placement, scales, meter, judge, told.append)
    assert factors["t"] > 1.1
    assert max(factors.values()) <= STEP**MOST_STEPS
    assert min(factors.values()) >= STEP**-MOST_STEPS
    assert sum(told) == len(placement.tensors)
    refined = choose_scales(view, placement, replace(ranges, factors=factors), FORM, "mse")
    third = noise_meter(model, heavy_tailed(16, seed=3))
    assert third.of(refined) < 0.8 * third.of(scales)


def test_what_does_not_hold_on_other_samples_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    model = cubed()
    view, placement, _, scales = learnt(model, heavy_tailed(32))
    meter, judge = (noise_meter(model, heavy_tailed(16, seed)) for seed in (1, 2))
    assert refine_ranges(view, placement, scales, meter, judge)
    plain = NoiseMeter.of

    def of(self: NoiseMeter, rounded: dict[str, Affine]) -> float:
        return float(rounded != scales) if self is judge else plain(self, rounded)

    monkeypatch.setattr(NoiseMeter, "of", of)
    assert refine_ranges(view, placement, scales, meter, judge) == {}


def test_saturation_clamps_as_before() -> None:
    model = add_biases(clipped(0.0, 1.0))
    rng = np.random.default_rng(0)
    (name,) = (value.name for value in model.graph.input)
    shape = GraphView(model).shapes[name]
    samples = [{name: (4 * rng.normal(size=shape)).astype(np.float32)} for _ in range(16)]
    view, placement, _, scales = learnt(model, samples)
    meter = noise_meter(model, samples)
    factors = refine_ranges(view, placement, scales, meter, meter)
    for target in placement.absorbed.values():
        before, after = scales[target], stretched(scales[target], factors.get(target, 1.0))
        assert clamps_like(before, 0.0, 1.0) == clamps_like(after, 0.0, 1.0)


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_tensors_that_share_a_scale_share_the_factor_and_results_have_none(name: str) -> None:
    model = add_biases(GRAPHS[name]())
    rng = np.random.default_rng(0)
    inputs = {value.name: GraphView(model).shapes[value.name] for value in model.graph.input}
    samples = [
        {one: (rng.normal(size=shape) ** 3).astype(np.float32) for one, shape in inputs.items()}
        for _ in range(16)
    ]
    view, placement, _, scales = learnt(model, samples)
    meter = noise_meter(model, samples[:8])
    factors = refine_ranges(view, placement, scales, meter, noise_meter(model, samples[8:]))
    assert placement.finals.isdisjoint(factors)
    for tensor in placement.tensors:
        assert factors.get(tensor, 1.0) == factors.get(placement.leader[tensor], 1.0)
