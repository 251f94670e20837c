"""Random small graphs through the whole int8 chain: whatever comes in, a model that runs comes out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.profile import Integer
from edgeinfer_converters.calibration.int8 import Aims, calibrate, to_int8
from edgeinfer_converters.progress import counted
from edgeinfer_converters.shelf import shelve
from edgeinfer_converters.sources.source import serialized
from tests.fixtures.graphs import graph_of, run, samples_of, sqnr_db

SIZE, SAMPLES = 6, 8
KINDS = ("conv", "depthwise", "pointwise", "relu", "clip", "sigmoid", "silu", "add", "mul", "concat", "pool")
TAILS = ("gemm", "matmul", "two", "reshaped")
LEAST_DB = 5.0
"""Of a dozen layers in 8 bits whose channels differ by a factor of a thousand, and of clipped ranges on
eight samples, some are noisy; a wrong scale, axis or order would give no signal at all (0 dB)."""


class Builder:
    """Adds operators to a graph of planes (1, channels, SIZE, SIZE)."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, np.ndarray] = {}
        self.planes: list[tuple[str, int]] = [("x", 3)]

    def add(self, kind: str) -> None:
        source, channels = self.planes[-1]
        target = f"t{len(self.nodes)}"
        if kind in ("conv", "depthwise", "pointwise"):
            self._conv(kind, source, channels, target)
        elif kind in ("relu", "sigmoid", "clip"):
            self._elementwise(kind, source, channels, target)
        elif kind == "silu":
            self._node("Sigmoid", [source], f"{target}_gate")
            self._node("Mul", [source, f"{target}_gate"], target, channels)
        elif kind == "pool":
            self._node("MaxPool", [source], target, channels, kernel_shape=[3, 3], pads=[1] * 4)
        else:
            self._join(kind, source, channels, target)

    def finish(self, tail: str) -> onnx.ModelProto:
        """Ends in a linear layer, so that there is a product in any case."""
        source, channels = self.planes[-1]
        flat, width = self._flattened(tail, source, channels)
        if tail == "two":
            self.weights["hidden"] = self._rng.normal(size=(8, width)) / np.sqrt(width)
            self.weights["hidden_b"] = self._rng.normal(size=8)
            self._node("Gemm", [flat, "hidden", "hidden_b"], "hidden_sum", transB=1)
            self._node("Relu", ["hidden_sum"], "hidden_relu")
            flat, width = "hidden_relu", 8
        self.weights["linear"] = self._rng.normal(size=(width, 4))
        self._node("MatMul" if tail == "matmul" else "Gemm", [flat, "linear"], "y")
        return graph_of(self.nodes, (1, 4), self.weights, shape=(1, 3, SIZE, SIZE))

    def _flattened(self, tail: str, source: str, channels: int) -> tuple[str, int]:
        if tail != "reshaped":
            self._node("GlobalAveragePool", [source], "pooled")
            self._node("Flatten", ["pooled"], "flat")
            return "flat", channels
        self.weights["one_row"] = np.array([1, -1])
        self._node("Reshape", [source, "one_row"], "flat")
        return "flat", channels * SIZE * SIZE

    def _conv(self, kind: str, source: str, channels: int, target: str) -> None:
        outputs = channels if kind == "depthwise" else int(self._rng.integers(1, 9))
        size = 1 if kind == "pointwise" else 3
        shape = (outputs, 1 if kind == "depthwise" else channels, size, size)
        spread = 10 ** self._rng.uniform(-3, 0, (outputs, 1, 1, 1))
        weights = self._rng.normal(size=shape) * spread
        weights[self._rng.random(outputs) < 0.1] = 0
        self.weights[f"{target}_w"] = weights
        inputs = [source, f"{target}_w"]
        if self._rng.random() < 0.5:
            self.weights[f"{target}_b"] = self._rng.normal(size=outputs) * spread[:, 0, 0, 0]
            inputs.append(f"{target}_b")
        group = channels if kind == "depthwise" else 1
        self._node("Conv", inputs, target, outputs, pads=[size // 2] * 4, group=group)

    def _elementwise(self, kind: str, source: str, channels: int, target: str) -> None:
        inputs = [source]
        if kind == "clip":
            self.weights |= {"zero": np.array(0.0), "six": np.array(6.0)}
            inputs += ["zero", "six"]
        self._node(kind.capitalize(), inputs, target, channels)

    def _join(self, kind: str, source: str, channels: int, target: str) -> None:
        alike = [name for name, count in self.planes if count == channels and name != source]
        other = alike[int(self._rng.integers(len(alike)))] if alike else source
        if kind == "concat":
            if channels <= 8:
                self._node("Concat", [source, other], target, 2 * channels, axis=1)
            return
        # A product of products of products soon leaves what a float can hold.
        many = sum(node.op_type == "Mul" for node in self.nodes) > 2
        self._node("Add" if many else kind.capitalize(), [source, other], target, channels)

    def _node(self, kind: str, inputs: list[str], target: str, channels: int = 0, **attributes: Any) -> None:
        self.nodes.append(helper.make_node(kind, inputs, [target], f"{kind}_{target}", **attributes))
        if channels:
            self.planes.append((target, channels))


@settings(max_examples=40, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=12),
    tail=st.sampled_from(TAILS),
    size=st.sampled_from([1e-3, 1.0]),  # much larger, and clips and sigmoids are mere signs
    seed=st.integers(0, 10_000),
    activation=st.sampled_from(["uint8", "int8"]),
    float_share=st.sampled_from([0.0, 0.2]),
)
def test_whatever_comes_in_a_model_that_runs_comes_out(
    kinds: list[str], tail: str, size: float, seed: int, activation: str, float_share: float
) -> None:
    builder = Builder(seed)
    for kind in kinds:
        builder.add(kind)
    model = builder.finish(tail)

    def inputs() -> Iterator[dict[str, np.ndarray]]:
        for sample in samples_of(model, SAMPLES):
            yield {name: values * np.float32(size) for name, values in sample.items()}

    integer = Integer(activation=activation)  # type: ignore[arg-type]  # sampled from its names
    made = to_int8(
        calibrate(shelve(serialized(model)), inputs, SAMPLES, counted),
        inputs,
        SAMPLES,
        Aims(integer, float_share=float_share),
        counted,
    )
    onnx.checker.check_model(made.quantized, full_check=True)
    samples = list(inputs())
    wanted = np.concatenate([run(model, one)[0] for one in samples])
    loaded = np.concatenate([run(made.quantized, one)[0] for one in samples])
    written = np.concatenate([run(made.quantized, one, optimized=False)[0] for one in samples])
    assert loaded.shape == wanted.shape
    assert np.isfinite(loaded).all()
    if np.abs(wanted).max() > 1e-6:
        assert sqnr_db(wanted, loaded) > LEAST_DB
        assert sqnr_db(wanted, written) > LEAST_DB
