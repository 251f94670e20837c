"""Results in integers: only what has no scale by itself is measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from onnx import helper

from edgeinfer_converters.calibration.int8 import Int8Model
from edgeinfer_converters.emitting.integer_outputs import with_integer_outputs
from edgeinfer_converters.graph.view import GraphView
from tests.fixtures.lite import Arrays, model_of, normal, run_onnx

SAMPLES = [{"x": normal(1, 6, seed=seed)} for seed in range(5)]
CONSTANTS: Arrays = {"s": np.array(0.02, np.float32), "z": np.array(0, np.int8)}


@contextmanager
def no_progress(_: int, step: str, unit: str = "") -> Iterator[Any]:
    assert step == "ranges of outputs"
    yield lambda _: None


def made(tail: str) -> Int8Model:
    """A rounded x and what is made of it, beside the same without rounding."""
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node(tail, ["d"], ["y"]),
    ]
    twin = model_of([helper.make_node(tail, ["x"], ["y"])], SAMPLES[0], ["y"], opset=21)
    return Int8Model(model_of(nodes, SAMPLES[0], ["y"], constants=CONSTANTS, opset=21), twin)


def never() -> Iterator[Any]:
    raise AssertionError("the scale follows from the graph")


def test_ranges_are_those_of_the_samples() -> None:
    model = made("Exp")
    found = with_integer_outputs(model, {"y"}, lambda: SAMPLES, len(SAMPLES), no_progress)
    highest = max(float(run_onnx(model.twin, sample)["y"].max()) for sample in SAMPLES)
    assert float(GraphView(found).constant("y_scale")) == pytest.approx(highest / 255, rel=1e-5)


def test_fixed_scales_take_no_samples() -> None:
    found = with_integer_outputs(made("Softmax"), {"y"}, never, 0, no_progress)
    assert float(GraphView(found).constant("y_scale")) == 1 / 256


def test_what_is_not_wanted_stays() -> None:
    model = made("Exp")
    assert with_integer_outputs(model, {"x"}, never, 0, no_progress) == model.quantized
