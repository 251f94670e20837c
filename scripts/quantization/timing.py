"""Latency on one thread: all candidates in one process, in turns.

Models that are timed in separate runs are timed on different machines, as far as a shared or throttling
computer is concerned. Here each round runs every candidate once, in an order of its own: what one leaves
in the caches hits all alike. (In turns that only begin elsewhere, the one behind the largest model always
lost a tenth.) Two clocks: the wall, and the processor time of this thread.
With one thread the runtime computes in the caller's, so the second one leaves out only what other
programs took; on a quiet machine both agree.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from edgeinfer.frames import Array
from edgeinfer.strict import Struct

Clock = Callable[[], float]
WARM_UP_ROUNDS = 5
MS = 1e3


class Latency(Struct, frozen=True):
    """Medians of one candidate. `ratio`: the median over rounds of float's processor time over its own,
    so above 1 where it is faster than float."""

    wall_ms: float
    cpu_ms: float
    ratio: float


def interleave(
    runs: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    reference: str,
    wall: Clock = time.perf_counter,
    cpu: Clock = time.thread_time,
) -> dict[str, Latency]:
    """Medians over `rounds` rounds of every candidate once; `reference` is what ratios refer to."""
    names = list(runs)
    for name in names * WARM_UP_ROUNDS:
        runs[name]()
    orders = np.random.default_rng(0)
    wall_s = np.zeros((rounds, len(names)))
    cpu_s = np.zeros((rounds, len(names)))
    for row in range(rounds):
        for column in orders.permutation(len(names)):
            wall_began, cpu_began = wall(), cpu()
            runs[names[column]]()
            cpu_s[row, column], wall_s[row, column] = cpu() - cpu_began, wall() - wall_began
    ratios = cpu_s[:, [names.index(reference)]] / np.maximum(cpu_s, 1e-9)
    return {
        name: Latency(
            wall_ms=round(float(np.median(wall_s[:, column])) * MS, 4),
            cpu_ms=round(float(np.median(cpu_s[:, column])) * MS, 4),
            ratio=round(float(np.median(ratios[:, column])), 3),
        )
        for column, name in enumerate(names)
    }


def one_thread_run(model: Path, sample: Array) -> Callable[[], object]:
    """One inference of an .onnx or .tflite file on one input, which has no batch axis."""
    return _tflite_run(model, sample) if model.suffix == ".tflite" else _onnx_run(model, sample)


def _onnx_run(model: Path, sample: Array) -> Callable[[], object]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    tensors = {session.get_inputs()[0].name: sample[None]}
    return lambda: session.run(None, tensors)


def _tflite_run(model: Path, sample: Array) -> Callable[[], object]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter: Any = Interpreter(str(model), num_threads=1)
    interpreter.allocate_tensors()
    wanted, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    tensor = as_stored(sample[None], wanted)

    def run() -> object:
        interpreter.set_tensor(wanted["index"], tensor)
        interpreter.invoke()
        return interpreter.get_tensor(given["index"])

    return run


def as_stored(inputs: Array, detail: Mapping[str, Any]) -> Array:
    """Float inputs (samples, …) as an input of a TFLite file wants them: images channels last, integers.

    `detail` is the interpreter's of that input.
    """
    dtype = np.dtype(detail["dtype"])
    if inputs.ndim == 4 and tuple(detail["shape"][1:]) != inputs.shape[1:]:
        inputs = inputs.transpose(0, 2, 3, 1)
    if dtype.kind in "iu":
        scale, zero_point = detail["quantization"]
        limits = np.iinfo(dtype)
        inputs = np.clip(np.rint(inputs / scale) + zero_point, limits.min, limits.max)
    return np.ascontiguousarray(inputs, dtype)
