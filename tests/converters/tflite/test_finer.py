"""Results with nine bits, or in float."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer.profile import Integer
from edgeinfer_converters.calibration.calibrate import observe
from edgeinfer_converters.graph.prepare import prepare
from edgeinfer_converters.quantize.static import quantize_int8
from edgeinfer_converters.tflite import finer
from edgeinfer_converters.tflite.convert import TfliteModel, to_tflite
from edgeinfer_converters.tflite.operators import conv, products
from tests.fixtures.graphs import run, sqnr_db
from tests.fixtures.lite import model_of, normal, run_lite

IMAGE = (1, 8, 12, 12)


def network(*tail: onnx.NodeProto, outputs: tuple[str, ...] = ("y",)) -> onnx.ModelProto:
    """A large convolution before a small product."""
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], "large", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], "relu"),
        helper.make_node("GlobalAveragePool", ["r"], ["p"], "pool"),
        helper.make_node("Flatten", ["p"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "v", "d"], ["g"], "small", transB=1),
        *tail,
    ]
    constants = {
        "w": normal(64, 8, 3, 3, seed=1) / 8,
        "b": normal(64, seed=2) / 4,
        "v": normal(10, 64, seed=3),
        "d": normal(10, seed=4),
    }
    return model_of(nodes, {"x": normal(*IMAGE)}, list(outputs), constants=constants)


def quantized(model: onnx.ModelProto) -> onnx.ModelProto:
    samples = [{"x": normal(*IMAGE, seed=seed)} for seed in range(8)]
    graph = prepare(model, max_opset=21, max_ir_version=10)
    ranges = observe(graph, samples, total=8, progress=lambda count: None)
    integer = Integer(activation="int8")
    return quantize_int8(graph, ranges, integer, integer_results=True, method="minmax")


def in_8_bits(model: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch) -> TfliteModel:
    """The file with plain integer results."""
    with monkeypatch.context() as patch:
        for module in (conv, products):
            patch.setattr(module, "finer_way", lambda *_: None)
        return to_tflite(model)


def test_the_result_is_rounded_half_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    model = quantized(network(helper.make_node("Identity", ["g"], ["y"])))
    fine = to_tflite(model)
    coarse = in_8_bits(model, monkeypatch)
    assert fine.operators["FULLY_CONNECTED"] == 2
    assert coarse.operators["FULLY_CONNECTED"] == 1
    # The weights are stored once.
    assert len(fine.data) < len(coarse.data) + 1500
    values: dict[str, list[np.ndarray]] = {name: [] for name in ("fine", "coarse")}
    for seed in range(40):
        sample = {"x": normal(*IMAGE, seed=seed)}
        values["fine"].append(run_lite(fine, sample)["y"])
        values["coarse"].append(run_lite(coarse, sample)["y"])
    steps = {name: np.diff(np.unique(np.concatenate(found))).min() for name, found in values.items()}
    assert steps["fine"] == pytest.approx(steps["coarse"] / 2, rel=0.01)
    difference = np.abs(np.concatenate(values["fine"]) - np.concatenate(values["coarse"])).max()
    assert difference <= 0.51 * steps["coarse"]


def test_both_halves_of_the_range_and_beyond() -> None:
    """Also where the result is beyond what calibration has seen: it saturates as one tensor would."""
    model = quantized(network(helper.make_node("Identity", ["g"], ["y"])))
    for factor in (0.0, 1.0, 30.0):
        sample = {"x": factor * normal(*IMAGE, seed=3)}
        wanted = run(model, sample, optimized=False)[0]
        found = run_lite(to_tflite(model), sample)["y"]
        assert np.abs(found - wanted).max() <= 0.03 * np.abs(wanted).max() + 1e-6


def test_what_others_read_in_8_bits_has_8_bits() -> None:
    tail = [
        helper.make_node("Relu", ["g"], ["h"]),
        helper.make_node("Gemm", ["h", "u"], ["y"], "last"),
    ]
    model = network(*tail)
    model.graph.initializer.append(onnx.numpy_helper.from_array(normal(10, 4, seed=5), "u"))
    made = to_tflite(quantized(onnx.shape_inference.infer_shapes(model)))
    assert made.operators["FULLY_CONNECTED"] == 3


def test_a_softmax_behind_reads_floats() -> None:
    model = quantized(network(helper.make_node("Softmax", ["g"], ["y"])))
    made = to_tflite(model)
    assert made.operators["FULLY_CONNECTED"] == 2
    sample = {"x": normal(*IMAGE, seed=9)}
    np.testing.assert_allclose(run_lite(made, sample)["y"], run(model, sample, optimized=False)[0], atol=0.02)


WIDE = np.geomspace(1, 100, 40).astype(np.float32)
"""How much further from zero some of the results lie than others."""


def autoencoder(kind: str, group: int = 1, behind: str = "Identity") -> onnx.ModelProto:
    """A small product before one that is most of the model."""
    shape: tuple[int, ...]
    side: tuple[int, ...]
    if kind == "Gemm":
        nodes = [
            helper.make_node("Gemm", ["x", "w", "b"], ["h"], "small", transB=1),
            helper.make_node("Relu", ["h"], ["r"], "relu"),
            helper.make_node("Gemm", ["r", "v", "d"], ["g"], "last", transB=1),
        ]
        shape, side = (3, 16), ()
    else:
        nodes = [
            helper.make_node("Conv", ["x", "w", "b"], ["h"], "small"),
            helper.make_node("Relu", ["h"], ["r"], "relu"),
            helper.make_node("Conv", ["r", "v", "d"], ["g"], "last", group=group),
        ]
        shape, side = (1, 16, 6, 6), (1, 1)
    constants = {
        "w": normal(8, 16, *side, seed=1) / 4,
        "b": normal(8, seed=2) / 4,
        "v": normal(40, 8 // group, *side, seed=3),
        "d": WIDE * normal(40, seed=4),
    }
    nodes.append(helper.make_node(behind, ["g"], ["y"], "out"))
    return model_of(nodes, {"x": normal(*shape)}, ["y"], constants=constants)


def quantized_for(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[dict[str, np.ndarray]]]:
    """The integer graph, and samples that it was not made from."""
    sides = [one.dim_value for one in model.graph.input[0].type.tensor_type.shape.dim]
    samples = [{"x": normal(*sides, seed=seed)} for seed in range(24)]
    graph = prepare(model, max_opset=21, max_ir_version=10)
    ranges = observe(graph, samples[:8], total=8, progress=lambda count: None)
    integer = Integer(activation="int8")
    return quantize_int8(graph, ranges, integer, integer_results=True), samples[8:]


@pytest.mark.parametrize("kind", ["Gemm", "Conv"])
def test_a_large_last_product_has_floats_as_its_result(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = autoencoder(kind)
    integers, samples = quantized_for(model)
    fine, coarse = to_tflite(integers), in_8_bits(integers, monkeypatch)
    assert fine.work.integer_macs == fine.work.macs == coarse.work.macs
    assert fine.operators["CONV_2D"] == (1 if kind == "Gemm" else 2)
    assert len(fine.data) < len(coarse.data) + 600
    wanted = np.stack([run(model, sample)[0] for sample in samples])
    better, plain = (np.stack([run_lite(made, sample)["y"] for sample in samples]) for made in (fine, coarse))
    # What varies, not where it lies: a step of the widest result is coarse for all others.
    centred = wanted - wanted.mean(axis=0)
    shift = wanted.mean(axis=0)
    assert sqnr_db(centred, better - shift) > sqnr_db(centred, plain - shift) + 6


@pytest.mark.parametrize("bounds", [(0.0, None), (0.0, 2.0)])
def test_clamps_that_no_kernel_has_come_behind(bounds: tuple[float, float | None]) -> None:
    """SqueezeNet's last convolution has a Relu behind; there saturation alone would do for 8 bits."""
    model = autoencoder("Conv")
    model.graph.node[-1].op_type = "Clip"
    for name, bound in zip(("low", "high"), bounds, strict=True):
        model.graph.node[-1].input.append("" if bound is None else name)
        if bound is not None:
            model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(bound, np.float32), name))
    integers, samples = quantized_for(model)
    made = to_tflite(integers)
    assert [node.op_type for node in integers.graph.node].count("Clip") == 1
    assert made.operators["CONV_2D"] == 2
    assert made.operators.get("DEQUANTIZE", 0) == 1
    wanted, found = (
        np.stack([outputs(sample) for sample in samples])
        for outputs in (lambda one: run(model, one)[0], lambda one: run_lite(made, one)["y"])
    )
    assert found.min() >= bounds[0] - 1e-6
    assert bounds[1] is None or found.max() <= bounds[1] + 1e-6
    assert sqnr_db(wanted, found) > 25


@pytest.mark.parametrize("kind", ["Conv", "Gemm"])
def test_a_product_before_one_with_a_clamp_is_read_in_8_bits(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clamp lies between the second product and its integers."""
    monkeypatch.setattr(finer, "MAX_SHARE", 1.0)
    integers, _ = quantized_for(autoencoder(kind, behind="Relu"))
    made = to_tflite(integers)
    assert made.work.integer_macs == made.work.macs
    assert made.operators["QUANTIZE"] == 1


def test_rows_have_ranges_of_their_own() -> None:
    """A sample a thousand times as small beside a large one, which one range for both would swallow."""
    model = autoencoder("Gemm")
    integers, samples = quantized_for(model)
    lite = to_tflite(integers)
    sample = samples[0]["x"].copy()
    whole = run_lite(lite, {"x": sample})["y"]
    alone = run_lite(lite, {"x": np.repeat(sample[:1], 3, axis=0)})["y"]
    np.testing.assert_allclose(whole[0], alone[0], rtol=1e-6, atol=1e-6)


def test_groups_keep_8_bits() -> None:
    integers, _ = quantized_for(autoencoder("Conv", group=2))
    made = to_tflite(integers)
    assert made.operators["DEQUANTIZE"] == 1
    assert made.work.integer_macs == made.work.macs


def test_a_result_that_integers_are_computed_from_keeps_8_bits() -> None:
    """Floats in between do not count: what comes behind has been corrected for the rounding in front."""
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["g"], "large", transB=1),
        helper.make_node("Erf", ["g"], ["e"], "float"),
        helper.make_node("Gemm", ["e", "v", "d"], ["y"], "last", transB=1),
    ]
    constants = {
        "w": normal(40, 16, seed=1) / 4,
        "b": normal(40, seed=2) / 4,
        "v": normal(4, 40, seed=3),
        "d": normal(4, seed=4),
    }
    model = model_of(nodes, {"x": normal(2, 16)}, ["y"], constants=constants)
    integers, _ = quantized_for(model)
    made = to_tflite(integers)
    assert made.operators["FULLY_CONNECTED"] == 1  # the large one; the last one is the convolution
    assert made.operators["CONV_2D"] == 1


@pytest.mark.parametrize("kind", ["Gemm", "Conv"])
def test_a_clamp_that_saturation_would_replace_stays(kind: str) -> None:
    model = autoencoder(kind, behind="Relu")
    integers, samples = quantized_for(model)
    assert [node.op_type for node in integers.graph.node].count("Relu") == 1
    made = to_tflite(integers)
    for sample in samples[:4]:
        wanted, found = run(model, sample)[0], run_lite(made, sample)["y"]
        assert wanted.min() == 0
        assert found.min() == 0
        assert sqnr_db(wanted, found) > 30


def test_a_small_product_is_clamped_too() -> None:
    model = quantized(network(helper.make_node("Relu", ["g"], ["y"])))
    made = to_tflite(model)
    assert made.operators["FULLY_CONNECTED"] == 2
    for seed in range(8):
        sample = {"x": normal(*IMAGE, seed=seed)}
        found, wanted = run_lite(made, sample)["y"], run(model, sample, optimized=False)[0]
        assert found.min() >= 0
        assert np.abs(found - wanted).max() <= 0.02 * np.abs(wanted).max() + 1e-6
