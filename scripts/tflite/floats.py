"""A float model of the zoo and the float32 file that is made of it: the same numbers, and how fast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from edgeinfer.backends import Backend, BackendOptions, open_backend
from edgeinfer.errors import EdgeInferError
from edgeinfer.files import write_atomically
from edgeinfer.frames import Array
from edgeinfer.profile import load_profile
from edgeinfer_converters.emitting.model_file import ModelFile, write_model
from edgeinfer_converters.sources.source import Source, prepared_graph, read_source, serialized
from scripts.quantization.candidates import say
from scripts.quantization.ours import INT8_PROFILE
from scripts.quantization.tasks import Run, Zoo
from scripts.quantization.timing import Latency, interleave, one_thread_run
from scripts.tflite.arithmetic import integer_share
from scripts.tflite.material import real_inputs
from scripts.tflite.old_runtime import OldRuntime
from scripts.tflite.partitions import kernels_of
from scripts.tflite.results import File, FloatRow

SAMPLES = 16
ONE_THREAD = BackendOptions(threads=1)
REFERENCE, OURS = "onnxruntime", "litert"
BROKEN = (EdgeInferError, RuntimeError, ValueError)
"""What our own code and LiteRT raise for a model that they cannot work with."""


@dataclass(frozen=True)
class FloatBench:
    """What stays the same from model to model."""

    zoo: Zoo
    folder: Path
    rounds: int
    old: OldRuntime

    def run(self, path: Path) -> FloatRow:
        """Convert, compare and time a model; one that fails says why."""
        name = f"{path.stem} ({path.suffix[1:]})"
        say(f"{name}: float32 …")
        try:
            return self._measured(name, path)
        except BROKEN as error:
            return FloatRow(model=name, reason=str(error))

    def _measured(self, name: str, path: Path) -> FloatRow:
        source, graph = prepared(path)
        made = write_model(graph, "tflite")
        plain = reference_model(source, graph)
        with open_backend(plain, "onnx", ONE_THREAD) as reference, made.open(ONE_THREAD) as converted:
            inputs = self._inputs(path, converted)
            error = worst_error(reference, converted, inputs)
        times = self._latencies(path, plain, made, inputs[0])
        file = describe_file(made.data, times[OURS], self.old, inputs)
        return FloatRow(model=name, error=error, file=file, reference=times[REFERENCE])

    def _inputs(self, path: Path, converted: Backend) -> Array:
        return real_inputs(self.zoo, path, converted.inputs[0].shape, SAMPLES)

    def _latencies(self, path: Path, plain: bytes, made: ModelFile, sample: Array) -> dict[str, Latency]:
        files = {REFERENCE: (plain, ".onnx"), OURS: (made.data, ".tflite")}
        runs = {}
        for name, (data, suffix) in files.items():
            target = self.folder / f"{path.name}-float32{suffix}"
            write_atomically(target, data)
            runs[name] = one_thread_run(target, sample)
        return interleave(runs, self.rounds, reference=REFERENCE)


def prepared(path: Path) -> tuple[Source, onnx.ModelProto]:
    """A float model as it was read, and its cleaned graph. Raises ModelError."""
    runtime = load_profile(INT8_PROFILE).runtime_for("tflite")
    assert runtime is not None, "the profile of this benchmark runs TFLite"
    source = read_source(path)
    return source, prepared_graph(source, runtime)


def describe_file(
    model: bytes, latency: Latency, old: OldRuntime | None, inputs: Array, run: Run | None = None
) -> File:
    """A file and how it is run; `inputs` (samples, …) in the source model's order of axes.

    `run`: the float model, for an int8 file.
    """
    return File(
        size_bytes=len(model),
        kernels=kernels_of(model),
        integer_share=integer_share(model),
        latency=latency,
        old=old.compare(model, inputs, run) if old is not None else None,
    )


def reference_model(source: Source, graph: onnx.ModelProto) -> bytes:
    """What ONNX Runtime runs: an ONNX model as it came, or the graph that a TFLite model was read into."""
    return source.data if source.model_format == "onnx" else serialized(graph)


def worst_error(reference: Backend, converted: Backend, inputs: Array) -> float:
    """The largest difference of an output over its largest value, of all outputs and samples.

    `inputs` (samples, …) without a batch axis. A difference where the output is zero is infinite.
    """
    name, worst = reference.inputs[0].name, 0.0
    for one in inputs:
        wanted, found = reference.run({name: one[None]}), converted.run({name: one[None]})
        worst = max(worst, *(relative_error(wanted[key], found[key]) for key in wanted))
    return worst


def relative_error(wanted: Array, found: Array) -> float:
    """max |found - wanted| / max |wanted|; infinite for another shape or for what is no number."""
    if wanted.shape != found.shape:
        return float("inf")
    difference = np.abs(found.astype(np.float64) - wanted).max(initial=0.0)
    if difference == 0:
        return 0.0
    size = np.abs(wanted).max(initial=0.0)
    return float(difference / size) if np.isfinite(difference) and size else float("inf")
