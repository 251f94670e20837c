"""The time of writing a file is that of a quantized graph."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import onnx

from edgeinfer_converters.tflite.convert import to_tflite
from scripts.tflite import flatbuffer
from scripts.tflite.flatbuffer import median_seconds, quantized_graph, time_flatbuffer
from scripts.tflite.floats import prepared
from tests.fixtures.models import image_classifier

INPUTS = np.random.default_rng(0).normal(size=(12, 3, 16, 16)).astype(np.float32)


def _zoo(tmp_path: Path) -> Any:
    path = tmp_path / "float.onnx"
    onnx.save(image_classifier(batch="N"), path)
    return SimpleNamespace(float_model=lambda task: path, calibration=lambda task: INPUTS)


def test_the_graph_has_int8_activations_throughout(tmp_path: Path) -> None:
    graph = quantized_graph(prepared(_zoo(tmp_path).float_model("small"))[1], INPUTS)
    types = {tensor.name: tensor.data_type for tensor in graph.graph.initializer}
    found = {types[one.input[2]] for one in graph.graph.node if one.op_type == "QuantizeLinear"}
    assert found == {onnx.TensorProto.INT8}
    assert to_tflite(graph).work.floats == ()


def test_it_is_named_and_timed(tmp_path: Path) -> None:
    found = time_flatbuffer(_zoo(tmp_path), "small")
    assert found.task == "small"
    assert 0 < found.seconds < 30
    assert 0 < found.cpu_seconds < 30
    assert found.load >= 0


def test_the_median_is_taken(monkeypatch: Any) -> None:
    ticks = iter([0.0, 9.0, 10.0, 11.0, 20.0, 22.0, 30.0, 33.0, 40.0, 41.5])
    cpu_ticks = iter([0.0, 1.0, 1.0, 1.5, 2.0, 2.25, 3.0, 3.5, 4.0, 4.125])
    clocks = {"monotonic": ticks.__next__, "process_time": cpu_ticks.__next__}
    monkeypatch.setattr(flatbuffer, "time", SimpleNamespace(**clocks))
    written: list[object] = []
    monkeypatch.setattr(flatbuffer, "to_tflite", written.append)
    graph = cast(Any, object())
    assert median_seconds(graph) == (2.0, 0.5)
    assert written == [graph] * 5
