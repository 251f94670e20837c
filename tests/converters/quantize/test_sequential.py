"""Layer by layer: the biases of a quantized model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer.profile import Integer
from edgeinfer_converters.calibration.calibrate import observe
from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.quantize import sequential
from edgeinfer_converters.quantize.sequential import correct_biases
from edgeinfer_converters.quantize.static import quantize_int8
from tests.fixtures.graphs import GRAPHS, conv, filters, graph_of, run, samples_of, sqnr_db

U8 = Integer(activation="uint8")


def pair_of(model: onnx.ModelProto, count: int = 12) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    reference = add_biases(model)
    ranges = observe(reference, samples_of(reference, count), total=count, progress=lambda _: None)
    return reference, quantize_int8(reference, ranges, U8)


def corrected(reference: onnx.ModelProto, quantized: onnx.ModelProto, count: int = 12) -> onnx.ModelProto:
    return correct_biases(reference, quantized, lambda: samples_of(reference, count), count)


def biased() -> onnx.ModelProto:
    """Depthwise filters whose quantization shifts the mean: one large weight, eight of half a step."""
    narrow = np.full((4, 1, 3, 3), 0.0035)
    narrow[:, :, 1, 1] = 1.0
    nodes = [
        helper.make_node("Relu", ["x"], ["p"], "relu_x"),
        conv("p", "a", group=4),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        conv("b", "y", "v"),
    ]
    return graph_of(nodes, (1, 4, 8, 8), {"w": narrow, "v": filters(seed=1)})


def mean_shift(reference: onnx.ModelProto, quantized: onnx.ModelProto) -> float:
    shifts = [
        (run(reference, one)[0] - run(quantized, one)[0]).mean(axis=(0, 2, 3))
        for one in samples_of(reference, 12, seed=5)
    ]
    return float(np.abs(np.mean(shifts, axis=0)).max())


def test_a_biased_layer_is_straightened() -> None:
    reference, quantized = pair_of(biased())
    better = corrected(reference, quantized)
    assert mean_shift(reference, better) < mean_shift(reference, quantized) / 3
    (sample,) = samples_of(reference, 1, seed=7)
    wanted = run(reference, sample)[0]
    assert sqnr_db(wanted, run(better, sample)[0]) > sqnr_db(wanted, run(quantized, sample)[0])


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_only_stored_biases_change(name: str) -> None:
    reference, quantized = pair_of(GRAPHS[name]())
    better = corrected(reference, quantized)
    assert list(better.graph.node) == list(quantized.graph.node)
    for before, after in zip(quantized.graph.initializer, better.graph.initializer, strict=True):
        assert before.data_type == onnx.TensorProto.INT32 or before == after
    (sample,) = samples_of(reference, 1, seed=7)
    assert sqnr_db(run(reference, sample)[0], run(better, sample)[0]) > 20


def test_little_memory_means_more_passes_not_another_result(monkeypatch: pytest.MonkeyPatch) -> None:
    reference, quantized = pair_of(biased())
    passes = 0

    def samples() -> Iterable[Mapping[str, np.ndarray]]:
        nonlocal passes
        passes += 1
        return samples_of(reference, 12)

    everything = correct_biases(reference, quantized, samples, 12)
    assert passes == 1
    monkeypatch.setattr(sequential, "MEMORY_BYTES", 8_000)
    few = correct_biases(reference, quantized, samples, 12)
    assert mean_shift(reference, few) < mean_shift(reference, quantized)
    assert len(few.SerializeToString()) == len(everything.SerializeToString())


def test_the_given_models_stay_as_they_were() -> None:
    reference, quantized = pair_of(biased())
    before = [model.SerializeToString(deterministic=True) for model in (reference, quantized)]
    better = corrected(reference, quantized)
    assert [model.SerializeToString(deterministic=True) for model in (reference, quantized)] == before
    assert better != quantized


def test_a_bias_that_two_products_share_stays() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w", "bias"], ["a"], "one", pads=[1] * 4),
        helper.make_node("Conv", ["a", "w", "bias"], ["y"], "two", pads=[1] * 4),
    ]
    model = graph_of(nodes, (1, 4, 8, 8), {"w": filters(), "bias": np.ones(4)})
    reference, quantized = pair_of(model)
    shared = {node.input[2] for node in quantized.graph.node if node.op_type == "Conv"}
    better = corrected(reference, quantized)
    assert len(shared) == 2 or better == quantized
