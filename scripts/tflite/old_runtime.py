"""The same file in tflite-runtime, LiteRT's predecessor, in an environment of its own.

It is what ARMv7 and older systems have. Its last version is 2.14, for Python 3.11 at most and numpy 1.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edgeinfer.errors import EdgeInferError
from edgeinfer.files import write_atomically
from edgeinfer.frames import Array
from scripts.quantization.measured_run import ToolError, run_measured
from scripts.quantization.peers import Environment, ready_environment
from scripts.quantization.timing import as_stored
from scripts.tflite.results import OldRun

ENVIRONMENT = Environment(
    "tflite-runtime", ("tflite-runtime==2.14.0", "numpy==1.26.4"), newest=(3, 11), prefix=".venv-"
)
WORKER = Path(__file__).with_name("workers") / "run_tflite.py"
SAMPLES = 4
TIMEOUT_S = 300.0
FLOAT_STEP = 1e-4
"""Of a float output, as a part of its largest value."""


@dataclass
class OldRuntime:
    """Runs files in both runtimes. The environment is made once, and fails once."""

    root: Path
    _python: list[Path | EdgeInferError] = field(default_factory=list)

    def compare(self, model: bytes, inputs: Array) -> OldRun:
        """How far the outputs are apart. `inputs` (samples, …) in the source model's order of axes."""
        try:
            with tempfile.TemporaryDirectory(prefix="edgeinfer-") as folder:
                found = [_run(python, model, inputs[:SAMPLES], Path(folder)) for python in self._pythons()]
        except EdgeInferError as error:
            return OldRun(reason=str(error))
        return OldRun(steps=round(distance(*found), 3))

    def _pythons(self) -> tuple[Path, Path]:
        if not self._python:
            try:
                self._python.append(ready_environment(ENVIRONMENT, self.root))
            except EdgeInferError as error:
                self._python.append(error)
        found = self._python[0]
        if isinstance(found, EdgeInferError):
            raise found
        return Path(sys.executable), found


def _run(python: Path, model: bytes, inputs: Array, folder: Path) -> dict[str, Array]:
    """All that the worker writes. Raises ToolError."""
    file, source, target = folder / "model.tflite", folder / "inputs.npz", folder / "outputs.npz"
    write_atomically(file, model)
    np.savez(source, input=_stored(model, inputs))
    run_measured([python, "-I", WORKER, file, source, target], folder / "run.log", timeout_s=TIMEOUT_S)
    with np.load(target) as stored:
        return dict(stored)


def _stored(model: bytes, inputs: Array) -> Array:
    from ai_edge_litert.interpreter import Interpreter

    return as_stored(inputs, Interpreter(model_content=model).get_input_details()[0])


def distance(new: Mapping[str, Array], old: Mapping[str, Array]) -> float:
    """The largest difference of all outputs, in steps of the output. Raises ToolError if they are others."""
    if new.keys() != old.keys() or any(new[name].shape != old[name].shape for name in new):
        raise ToolError("its outputs have other shapes")
    names = [name for name in new if not name.startswith("step_")]
    return max(_steps(new[name], old[name], float(new[f"step_{name}"])) for name in names)


def _steps(new: Array, old: Array, step: float) -> float:
    difference = float(np.abs(new.astype(np.float64) - old).max(initial=0.0))
    if np.isnan(difference):
        return float("inf")
    size = step or FLOAT_STEP * max(float(np.abs(new).max(initial=0.0)), 1e-30)
    return difference / size
