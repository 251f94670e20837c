"""Residual streams that stay float."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from edgeinfer.profile import Integer
from edgeinfer_converters.calibration.int8 import Aims, Int8Model, calibrate, to_int8
from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.affine import Affine, activation_form, affine_of
from edgeinfer_converters.quantize.noise import NoiseMeter, noise_meter
from edgeinfer_converters.quantize.placement import Placement, place
from edgeinfer_converters.quantize.residual import (
    Widening,
    affordable_streams,
    choose_streams,
    find_streams,
    stream_tensors,
)
from edgeinfer_converters.quantize.scales import choose_scales
from edgeinfer_converters.quantize.share import integer_share
from edgeinfer_converters.shelf import shelve
from edgeinfer_converters.sources.source import serialized
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.graphs import GRAPHS, bottlenecks, filters, graph_of, ranges_of, run, samples_of, sqnr_db
from tests.fixtures.lite import run_lite
from tests.fixtures.steps import Steps

U8 = Integer(activation="uint8")


@pytest.fixture(autouse=True)
def _small_models_may_cost_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sums are a tenth of the numbers that the products of these networks write."""
    monkeypatch.setattr("edgeinfer_converters.quantize.residual.MAX_COST", 0.2)


def setting(model: onnx.ModelProto) -> tuple[Placement, dict[str, Affine]]:
    view = GraphView(model)
    placement = place(view)
    return placement, choose_scales(view, placement, ranges_of(model), activation_form(U8), "mse")


def chosen(model: onnx.ModelProto, coarse: Mapping[str, float]) -> Widening:
    """What is chosen where some tensors have a range that is this many times too wide."""
    placement, scales = setting(model)
    for name, times in coarse.items():
        reach = 127 * scales[name].scale * times
        scales[name] = affine_of(-reach, reach, activation_form(U8))
    return choose_streams(model, placement, scales, noise_meter(model, samples_of(model, 4)))


def test_the_sums_of_linear_bottlenecks_are_streams() -> None:
    model = bottlenecks()
    found = find_streams(GraphView(model), setting(model)[0])
    assert [one.add for one in found] == ["add1", "add2"]
    assert found[0].projections == {"project1": "j1"}
    assert found[0].branches == {"first"}
    assert found[0].readers == {"expand2"}
    assert found[1].readers == {"last"}


@pytest.mark.parametrize("name", sorted(GRAPHS.keys() - {"bottlenecks"}))
def test_other_graphs_have_none(name: str) -> None:
    model = GRAPHS[name]()
    assert find_streams(GraphView(model), place(GraphView(model))) == []


def test_a_stream_that_carries_the_noise_is_chosen() -> None:
    found = chosen(bottlenecks(), {"b2": 20.0})
    assert found.adds == {"add2"}
    assert found.doubled == {"last"}
    assert found.readers == set()
    assert found.float_results == {"project2"}
    assert found.shares["add2"] > 0.5


def test_a_model_that_is_good_enough_is_left_alone() -> None:
    placement, scales = setting(bottlenecks())
    model = bottlenecks()
    meter = noise_meter(model, samples_of(model, 4))
    assert meter.of(scales) < 1e-3
    assert choose_streams(model, placement, scales, meter) == Widening()


def test_what_costs_too_much_is_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(bottlenecks(), {"b2": 20.0}).adds == {"add2"}
    monkeypatch.setattr("edgeinfer_converters.quantize.residual.MAX_COST", 0.01)
    assert chosen(bottlenecks(), {"b2": 20.0}).adds == set()
    placement, scales = setting(bottlenecks())
    assert affordable_streams(GraphView(bottlenecks()), placement) == []
    nothing = NoiseMeter(onnx.ModelProto(), [], (), [])
    assert choose_streams(bottlenecks(), placement, scales, nothing) == Widening()  # nor is anything measured


def widened(model: onnx.ModelProto, *, on_cpu: bool, integer_results: bool = False) -> Int8Model:
    def inputs() -> Iterator[dict[str, np.ndarray]]:
        return samples_of(model, 16)

    aims, steps = Aims(U8, on_cpu=on_cpu, integer_results=integer_results), Steps()
    return to_int8(calibrate(shelve(serialized(model)), inputs, 16, steps), inputs, 16, aims, steps)


def with_one_bias(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same with one constant as the bias of all expansions: so a clean-up leaves equal ones."""
    expansions = [node for node in model.graph.node if node.name.startswith("expand")]
    (count,) = {GraphView(model).shapes[node.input[1]][0] for node in expansions}
    model.graph.initializer.append(numpy_helper.from_array(np.full(count, 0.1, np.float32), "one_for_all"))
    for node in expansions:
        node.input.append("one_for_all")
    return model


@pytest.mark.parametrize("loud", [0.0, 2.0])
@pytest.mark.parametrize("make", [bottlenecks, lambda: with_one_bias(bottlenecks())])
def test_the_whole_chain_gains_and_stays_integer(
    make: Callable[[], onnx.ModelProto], loud: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether sums are read in two parts or by channel."""
    monkeypatch.setattr("edgeinfer_converters.quantize.residual.GOOD_DB", 200.0)
    monkeypatch.setattr("edgeinfer_converters.quantize.residual.MIN_SHARE", 0.01)
    monkeypatch.setattr("edgeinfer_converters.quantize.residual.LOUD_SHARE", loud)
    monkeypatch.setattr("edgeinfer_converters.quantize.residual.MAX_DOUBLED", 1.0)
    model = make()
    plain, better = widened(model, on_cpu=False), widened(model, on_cpu=True)
    assert {one[0] for one in better.reasons} == {
        "residual sum add1 in float",
        "residual sum add2 in float",
    }
    assert plain.reasons == ()
    onnx.checker.check_model(better.quantized, full_check=True)
    assert integer_share(better.quantized).share == 1.0
    samples = list(samples_of(model, 8, seed=9))
    wanted = np.concatenate([run(model, one)[0] for one in samples])
    before, after = (
        sqnr_db(wanted, np.concatenate([run(one.quantized, sample)[0] for sample in samples]))
        for one in (plain, better)
    )
    assert after > before + 1
    twin = np.concatenate([run(better.twin, one)[0] for one in samples])
    np.testing.assert_allclose(twin, wanted, rtol=1e-3, atol=1e-4)


def chain() -> onnx.ModelProto:
    """A stream that a projection into the next one reads, without anything between."""
    rng = np.random.default_rng(0)
    weights = {"stem": filters(24, 4, 5), "first": rng.normal(0, 0.2, (8, 24, 1, 1))}
    nodes = [
        helper.make_node("Conv", ["x", "stem"], ["s"], "stem", pads=[2] * 4),
        helper.make_node("MaxPool", ["s"], ["p"], "shrink", kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Conv", ["p", "first"], ["b0"], "first"),
    ]
    for number in (1, 2, 3):
        weights[f"w{number}"] = rng.normal(0, 0.3, (8, 8, 1, 1))
        nodes += [
            helper.make_node("Conv", [f"b{number - 1}", f"w{number}"], [f"j{number}"], f"project{number}"),
            helper.make_node("Add", [f"j{number}", f"b{number - 1}"], [f"b{number}"], f"add{number}"),
        ]
    weights["last"] = rng.normal(0, 0.3, (8, 8, 1, 1))
    nodes.append(helper.make_node("Conv", ["b3", "last"], ["y"], "last"))
    return graph_of(nodes, (1, 8, 4, 4), weights, shape=(1, 4, 16, 16))


def test_readers_that_feed_another_stream_are_not_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    """They have float results, which no convolution has; they are read by channel instead."""
    for name, value in {"GOOD_DB": 200.0, "MIN_SHARE": 0.0, "LOUD_SHARE": -1.0, "MAX_DOUBLED": 1.0}.items():
        monkeypatch.setattr(f"edgeinfer_converters.quantize.residual.{name}", value)
    model = chain()
    found = chosen(model, {})
    assert found.float_results == {"first", "project1", "project2", "project3"}
    assert found.readers == {"project2", "project3"}
    assert found.doubled == {"last"}
    for integer_results in (False, True):
        made = widened(model, on_cpu=not integer_results, integer_results=integer_results)
        view = GraphView(made.quantized)
        for name in ("project2", "project3"):
            source = next(node for node in view.nodes if node.name == name).input[0]
            while source in view.producers and "level" not in source:
                source = view.producers[source].input[0]
            assert "level" in source, (name, integer_results)


def test_a_stream_whose_readers_are_float_is_none() -> None:
    view = GraphView(bottlenecks())
    assert [one.add for one in find_streams(view, place(view, frozenset({"last"})))] == ["add1"]


def test_projections_that_are_float_are_left_alone() -> None:
    view = GraphView(bottlenecks())
    (_, second) = find_streams(view, place(view, frozenset({"project2"})))
    assert second.projections == {}


def test_biases_are_given_to_all_that_is_written_as_rows() -> None:
    model = add_biases(bottlenecks())
    assert all(len(node.input) == 3 for node in model.graph.node if node.op_type == "Conv")


def test_tflite_gains_too_with_integer_results(monkeypatch: pytest.MonkeyPatch) -> None:
    model = bottlenecks()
    made = {}
    for share in (2.0, 0.01):  # no stream has twice the noise of all
        monkeypatch.setattr("edgeinfer_converters.quantize.residual.GOOD_DB", 200.0)
        monkeypatch.setattr("edgeinfer_converters.quantize.residual.MIN_SHARE", share)
        made[share] = widened(model, on_cpu=False, integer_results=True)
    plain, better = made[2.0], made[0.01]
    assert plain.reasons == ()
    assert len(better.reasons) == 2
    lite = to_tflite(better.quantized)
    assert lite.work.integer_macs == lite.work.macs
    assert lite.operators["CONCATENATION"] >= 1
    # What is added up has a scale and a middle for each channel.
    assert sum("channels" in node.name for node in better.twin.graph.node) == 6
    samples = list(samples_of(model, 8, seed=9))
    wanted = np.concatenate([run(model, one)[0] for one in samples])
    found = [
        np.concatenate([run_lite(to_tflite(one.quantized), sample)["y"] for sample in samples])
        for one in (plain, better)
    ]
    # The results of products and of the model itself are rounded all the same.
    assert sqnr_db(wanted, found[1]) > sqnr_db(wanted, found[0]) + 0.2


def test_tensors_of_streams_are_sums_and_what_products_put_in() -> None:
    assert stream_tensors(GraphView(bottlenecks())) == ("b0", "j1", "b1", "j2", "b2")
    assert stream_tensors(GraphView(GRAPHS["classifier"]())) == ()


@pytest.mark.parametrize("limit", [{"LOUD_SHARE": 1.0}, {"MAX_DOUBLED": 0.0}])
def test_streams_that_are_not_loud_or_too_large_are_read_by_channel(
    limit: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in limit.items():
        monkeypatch.setattr(f"edgeinfer_converters.quantize.residual.{name}", value)
    found = chosen(bottlenecks(), {"b2": 20.0})
    assert found.readers == {"last"}
    assert found.doubled == set()
