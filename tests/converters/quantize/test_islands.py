"""Operators that stay float in a mixed model."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer.profile import Integer
from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.rows import as_rows
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.affine import Affine, activation_form, affine_of
from edgeinfer_converters.quantize.islands import Islands, _pointwise_makers, choose_islands, count_tensors
from edgeinfer_converters.quantize.noise import NoiseMeter, noise_meter
from edgeinfer_converters.quantize.placement import place
from edgeinfer_converters.quantize.scales import choose_scales
from edgeinfer_converters.quantize.share import integer_share
from edgeinfer_converters.quantize.static import quantize_int8
from tests.fixtures.graphs import (
    GRAPHS,
    PLANE,
    bottlenecks,
    clipped,
    conv,
    filters,
    graph_of,
    ranges_of,
    run,
    samples_of,
    sqnr_db,
)

U8 = Integer(activation="uint8")
FORM = activation_form(U8)


def setting(model: onnx.ModelProto) -> tuple[dict[str, Affine], NoiseMeter]:
    view = GraphView(model)
    scales = choose_scales(view, place(view), ranges_of(model), FORM, "mse")
    return scales, noise_meter(model, samples_of(model, 4))


def islands_of(model: onnx.ModelProto, share: float, coarse: str = "") -> Islands:
    scales, meter = setting(model)
    if coarse:
        reach = 127 * 30 * scales[coarse].scale
        scales[coarse] = affine_of(-reach, reach, FORM)
    return choose_islands(model, frozenset(), scales, meter, share, lambda _: None)


def test_the_noisiest_tensor_is_freed_first() -> None:
    found = islands_of(clipped(), 0.6, coarse="x")
    assert "x" in found.gains
    assert found.gains["x"] > 0.9
    assert "conv_a" in found.nodes


def test_the_share_is_kept() -> None:
    model = bottlenecks()
    macs = count_macs(model)
    for share in (0.0, 0.01, 0.1, 0.5, 1.0):
        floats = sum(macs.get(name, 0) for name in islands_of(model, share).nodes)
        assert floats <= share * sum(macs.values())


def test_a_pointwise_product_gives_floats_instead_of_being_float() -> None:
    """Where too little may be float for the product itself."""
    found = islands_of(bottlenecks(), 0.002, coarse="j2")
    assert "j2" in found.gains
    assert "project2" in found.float_results
    assert "project2" not in found.nodes
    assert "add2" in found.nodes


@pytest.mark.parametrize(
    ("kind", "result", "free"), [("Clip", "b", False), ("Relu", "b", False), ("Sigmoid", "a", True)]
)
def test_a_clamp_keeps_a_product_from_giving_floats(kind: str, result: str, free: bool) -> None:
    """The runtime would compute it in float, and nobody would have counted that."""
    bounds = ["low", "high"] if kind == "Clip" else []
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], "pointwise"),
        helper.make_node(kind, ["a", *bounds], ["b"], "clamp"),
        conv("b", "y", "v"),
    ]
    weights = {"w": filters(size=1), "v": filters(out=32, seed=1)}
    limits = {name: np.array(value) for name, value in zip(bounds, (0.0, 6.0), strict=False)}
    assert ("pointwise" in _makers(nodes, weights | limits, result)) == free


def _makers(nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray], result: str) -> frozenset[str]:
    view = GraphView(graph_of(nodes, (1, 32, 8, 8), weights))
    return _pointwise_makers(view, place(view), [result])


def test_every_tensor_is_measured_once() -> None:
    model = bottlenecks()
    scales, meter = setting(model)
    seen: list[int] = []
    choose_islands(model, frozenset(), scales, meter, 0.1, seen.append)
    assert sum(seen) == count_tensors(model, frozenset())


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_all_in_float_is_the_float_model(name: str) -> None:
    """Whatever makes noise is freed where everything may be float."""
    model = GRAPHS[name]()
    scales, meter = setting(model)
    found = choose_islands(model, frozenset(), scales, meter, 1.0, lambda _: None)
    left = place(GraphView(model), found.nodes)
    noise = meter.of({key: scales[key] for key in left.tensors if key not in found.gains})
    assert noise <= meter.of(scales) * 0.05 + 1e-12


def test_mixed_is_closer_to_float_than_int8() -> None:
    model = clipped()
    found = islands_of(model, 0.6)
    ranges = ranges_of(model)
    int8, mixed = (quantize_int8(model, ranges, U8, exclude=nodes) for nodes in (frozenset(), found.nodes))
    assert 0 < integer_share(mixed).share < integer_share(int8).share == 1.0
    (sample,) = samples_of(model, 1, seed=4)
    wanted = run(model, sample)[0]
    assert sqnr_db(wanted, run(mixed, sample)[0]) > sqnr_db(wanted, run(int8, sample)[0]) + 1


def fed_by_plane(width: int = 4) -> onnx.ModelProto:
    """A heavy convolution, then a small pointwise one whose input `a` is what hurts."""
    nodes = [
        conv("x", "s", "w"),
        helper.make_node("Sigmoid", ["s"], ["a"], "gate"),
        helper.make_node("Conv", ["a", "p"], ["b"], "small"),
        conv("b", "y", "v"),
    ]
    weights = {"w": filters(64, 4), "p": filters(width, 64, 1, seed=1), "v": filters(32, width, seed=2)}
    return graph_of(nodes, (1, 32, 8, 8), weights)


def coarse_islands(model: onnx.ModelProto, *, max_extra: float, times: float = 30.0) -> Islands:
    scales, meter = setting(model)
    reach = 127 * times * scales["a"].scale
    scales["a"] = affine_of(-reach, reach, FORM)
    return choose_islands(model, frozenset(), scales, meter, 0.05, lambda _: None, max_extra=max_extra)


def test_who_reads_the_noisiest_tensor_takes_it_in_two_parts() -> None:
    found = coarse_islands(fed_by_plane(), max_extra=0.1)
    assert found.two_part == {"small"}
    assert "a" in found.gains
    assert "gate" in found.nodes
    assert not found.nodes & {"conv_s", "small", "conv_y"}


@pytest.mark.parametrize(("max_extra", "times"), [(0.0, 30.0), (0.001, 30.0)])
def test_not_where_it_costs_too_much(max_extra: float, times: float) -> None:
    found = coarse_islands(fed_by_plane(), max_extra=max_extra, times=times)
    assert found.two_part == frozenset()
    assert "a" not in found.gains


def test_not_where_there_is_little_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert coarse_islands(fed_by_plane(), max_extra=0.1).two_part
    monkeypatch.setattr("edgeinfer_converters.quantize.islands.NOISY", 1.0)
    assert not coarse_islands(fed_by_plane(), max_extra=0.1).two_part


def test_not_where_other_tensors_make_the_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeinfer_converters.quantize.islands.LEAST_HALVED", 0.999)
    assert coarse_islands(fed_by_plane(), max_extra=0.1, times=1.0).two_part == frozenset()


def test_a_product_in_float_takes_nothing_in_parts() -> None:
    """Its share allows for both products to be float, and a float product reads floats."""
    model = fed_by_plane()
    scales, meter = setting(model)
    found = choose_islands(model, frozenset(), scales, meter, 1.0, lambda _: None, max_extra=1.0)
    assert not found.two_part & found.nodes
    assert not found.float_results & found.nodes


@pytest.mark.parametrize("clamp", ["Relu", "Sigmoid"])
def test_the_runtime_keeps_what_the_share_promises(clamp: str) -> None:
    """A pointwise product with a Relu behind it would be float for nothing."""
    nodes = [
        conv("x", "s", "w"),
        helper.make_node("Conv", ["s", "p"], ["a"], "small"),
        helper.make_node(clamp, ["a"], ["b"], "behind"),
        conv("b", "y", "v"),
    ]
    weights = {"w": filters(64, 4), "p": filters(8, 64, 1, seed=1), "v": filters(32, 8, seed=2)}
    model = add_biases(graph_of(nodes, (1, 32, 8, 8), weights))
    scales, meter = setting(model)
    found = choose_islands(model, frozenset(), scales, meter, 0.02, lambda _: None)
    rows = as_rows(model, found.float_results)
    moves = frozenset().union(*(rows.back[name] for name in found.float_results))
    ranges = ranges_of(rows.model)
    mixed = quantize_int8(rows.model, ranges, U8, exclude=found.nodes | moves)
    assert ("small" in found.float_results) == (clamp == "Sigmoid")
    assert integer_share(mixed).share >= 0.98


def attention() -> onnx.ModelProto:
    """Two convolutions around a product of two activations."""
    nodes = [
        conv("x", "a"),
        helper.make_node("Transpose", ["a"], ["t"], "t", perm=[0, 1, 3, 2]),
        helper.make_node("MatMul", ["a", "t"], ["m"], "m"),
        conv("m", "y", "v"),
    ]
    return graph_of(nodes, PLANE, {"w": filters(), "v": filters(seed=1)})


def test_what_can_be_nothing_but_float_does_not_count() -> None:
    """TFLite's products of two activations: the share is for what could be integer."""
    model = attention()
    view = GraphView(model)
    placement = place(view, integer_results=True)
    assert "m" in placement.floats
    scales = choose_scales(view, placement, ranges_of(model), FORM, "mse")
    meter = noise_meter(model, samples_of(model, 4))
    seen: list[int] = []
    macs = count_macs(model)
    share = macs["conv_a"] / sum(macs.values()) + 0.001
    found = choose_islands(model, frozenset(), scales, meter, share, seen.append, integer_results=True)
    assert found.nodes & {"conv_a", "conv_y"}
    assert sum(seen) == count_tensors(model, frozenset(), integer_results=True) == len(placement.groups())
