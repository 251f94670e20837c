"""How long it takes to write the file of a quantized graph, without all that comes before."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping

import numpy as np
import onnx

from edgeinfer.frames import Array
from edgeinfer_converters.calibration.int8 import Aims, calibrate, to_int8
from edgeinfer_converters.emitting.workshop import TFLITE_INTEGER
from edgeinfer_converters.progress import counted
from edgeinfer_converters.shelf import shelve
from edgeinfer_converters.sources.source import serialized
from edgeinfer_converters.tflite.convert import to_tflite
from scripts.quantization.tasks import Zoo
from scripts.tflite.floats import prepared
from scripts.tflite.results import Flatbuffer

SAMPLES = 8
"""The graph's form does not depend on them."""
REPETITIONS = 5


def time_flatbuffer(zoo: Zoo, task: str) -> Flatbuffer:
    """The median over a few repetitions, on a graph of QDQ form. Raises ModelError."""
    graph = quantized_graph(prepared(zoo.float_model(task))[1], zoo.calibration(task)[:SAMPLES])
    load = round(os.getloadavg()[0], 1)
    seconds, cpu_seconds = median_seconds(graph)
    return Flatbuffer(task=task, seconds=round(seconds, 3), cpu_seconds=round(cpu_seconds, 3), load=load)


def quantized_graph(model: onnx.ModelProto, arrays: Array) -> onnx.ModelProto:
    """The int8 graph of a prepared float one, in the form of TFLite files."""
    name = model.graph.input[0].name

    def inputs() -> Iterator[Mapping[str, Array]]:
        return ({name: one[None]} for one in arrays)

    calibration = calibrate(shelve(serialized(model)), inputs, len(arrays), counted)
    aims = Aims(TFLITE_INTEGER, on_cpu=False, integer_results=True)
    return to_int8(calibration, inputs, len(arrays), aims, counted).quantized


def median_seconds(graph: onnx.ModelProto) -> tuple[float, float]:
    """Wall and processor time of `to_tflite`."""
    found = []
    for _ in range(REPETITIONS):
        began, cpu_began = time.monotonic(), time.process_time()
        to_tflite(graph)
        found.append((time.monotonic() - began, time.process_time() - cpu_began))
    wall, cpu = np.median(found, axis=0)
    return float(wall), float(cpu)
