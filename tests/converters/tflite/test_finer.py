"""Results with nine bits."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer.profile import Integer
from edgeinfer_converters.calibrate import observe
from edgeinfer_converters.graph.prepare import prepare
from edgeinfer_converters.quantize.static import quantize_int8
from edgeinfer_converters.tflite import finer, to_tflite
from tests.fixtures.graphs import run
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


def test_the_result_is_rounded_half_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    model = quantized(network(helper.make_node("Identity", ["g"], ["y"])))
    fine = to_tflite(model)
    monkeypatch.setattr(finer, "MAX_SHARE", 0.0)
    coarse = to_tflite(model)
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
