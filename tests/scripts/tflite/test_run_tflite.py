"""The worker: outputs in both ways, and the size of a step."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgeinfer_converters.graph.prepare import prepare
from edgeinfer_converters.tflite.convert import to_tflite
from edgeinfer_converters.tflite.operators import products
from scripts.tflite.flatbuffer import quantized_graph
from scripts.tflite.workers.run_tflite import main, outputs_of, step_of
from tests.fixtures.models import image_classifier
from tests.fixtures.tflite import doubler


def _interpreter(model: bytes) -> Any:
    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def _step(model: bytes) -> float:
    interpreter = _interpreter(model)
    return step_of(interpreter, interpreter.get_output_details()[0])


def test_all_samples_are_run() -> None:
    inputs = np.arange(12, dtype=np.float32).reshape(3, 4)
    (found,) = outputs_of(_interpreter(doubler()), inputs)
    np.testing.assert_array_equal(found[:, 0], 2 * inputs)


def test_steps_of_integers_and_of_floats() -> None:
    assert _step(doubler(quantization=(0.5, 3))) == 1.0
    assert _step(doubler()) == 0.0


def test_a_dequantized_output_has_the_step_of_its_integers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "finer_way", lambda *_: None)  # more than 8 bits come out as floats
    model = prepare(image_classifier(), max_opset=17, max_ir_version=9)
    samples = np.random.default_rng(0).normal(size=(8, 3, 16, 16)).astype(np.float32)
    made = to_tflite(quantized_graph(model, samples))
    assert made.operators["DEQUANTIZE"] == 1
    step = _step(made.data)
    (found,) = outputs_of(_interpreter(made.data), samples.transpose(0, 2, 3, 1))
    assert step > 0
    np.testing.assert_allclose(found / step, np.rint(found / step), atol=1e-3)


def test_both_ways_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, source, target = (tmp_path / name for name in ("m.tflite", "in.npz", "out.npz"))
    model.write_bytes(doubler())
    np.savez(source, input=np.ones((2, 4), np.float32))
    monkeypatch.setattr(sys, "argv", ["run_tflite.py", str(model), str(source), str(target)])
    main()
    with np.load(target) as found:
        assert sorted(found) == ["own_0", "step_0", "usual_0"]
        np.testing.assert_array_equal(found["own_0"], np.full((2, 1, 4), 2))
        np.testing.assert_array_equal(found["usual_0"], found["own_0"])
