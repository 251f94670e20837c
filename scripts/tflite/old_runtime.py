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
from scripts.quantization.measured_run import run_measured
from scripts.quantization.peers import Environment, ready_environment
from scripts.quantization.tasks import Run
from scripts.quantization.timing import as_stored
from scripts.tflite.arithmetic import integer_share
from scripts.tflite.results import OldRun

ENVIRONMENT = Environment(
    "tflite-runtime", ("tflite-runtime==2.14.0", "numpy==1.26.4"), newest=(3, 11), prefix=".venv-"
)
WORKER = Path(__file__).with_name("workers") / "run_tflite.py"
SAMPLES = 16
TIMEOUT_S = 300.0
FLOAT_PART, INTEGER_PART = 1e-4, 1 / 255
"""A step of a float output as a part of its largest value: in a float file, and behind integers."""


@dataclass
class OldRuntime:
    """Runs files in both runtimes. The environment is made once, and fails once."""

    root: Path
    _python: list[Path | EdgeInferError] = field(default_factory=list)

    def compare(self, model: bytes, inputs: Array, run: Run | None = None) -> OldRun:
        """How far the outputs are apart. `inputs` (samples, …) in the source model's order of axes.

        `run`: the float model, to compare both with.
        """
        try:
            with tempfile.TemporaryDirectory(prefix="edgeinfer-") as folder:
                found = [_run(python, model, inputs[:SAMPLES], Path(folder)) for python in self._pythons()]
        except EdgeInferError as error:
            return OldRun(reason=str(error))
        part = INTEGER_PART if integer_share(model) else FLOAT_PART
        own, usual = (round(distance(*found, way=way, part=part), 2) for way in ("own", "usual"))
        return OldRun(
            steps=own, usual_steps=usual, lost_db=None if run is None else lost_db(run, inputs, *found)
        )

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


def distance(new: Mapping[str, Array], old: Mapping[str, Array], *, way: str, part: float) -> float:
    """The largest difference of all outputs that were computed in one way, in steps of the output.

    `part`: of a float output's largest value, what counts as its step. Infinite if outputs are not alike.
    """
    if new.keys() != old.keys() or any(new[name].shape != old[name].shape for name in new):
        return float("inf")
    numbers = [name.removeprefix(f"{way}_") for name in new if name.startswith(f"{way}_")]
    return max(
        _steps(new[f"{way}_{one}"], old[f"{way}_{one}"], float(new[f"step_{one}"]), part) for one in numbers
    )


def lost_db(run: Run, inputs: Array, new: Mapping[str, Array], old: Mapping[str, Array]) -> float:
    """How much less the SQNR of the old first output is than the new one's."""
    wanted = np.stack([run(one).reshape(-1) for one in inputs[:SAMPLES]]).astype(np.float64)
    noise = [np.sum((one["usual_0"].reshape(wanted.shape) - wanted) ** 2) for one in (new, old)]
    return round(float(10 * np.log10(max(noise[1], 1e-30) / max(noise[0], 1e-30))), 2)


def _steps(new: Array, old: Array, step: float, part: float) -> float:
    difference = float(np.abs(new.astype(np.float64) - old).max(initial=0.0))
    if np.isnan(difference):
        return float("inf")
    return difference / (step or part * max(float(np.abs(new).max(initial=0.0)), 1e-30))
