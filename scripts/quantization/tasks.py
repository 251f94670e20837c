"""The zoo: its tasks, its data, and its own program that scores."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from edgeinfer.errors import MissingRuntimeError, UsageError
from edgeinfer.frames import Array
from edgeinfer.strict import Struct, decode_json
from scripts.quantization.exact import exact_integers

TASKS = ("resnet8", "kws_dscnn", "vww_mbv1", "mobilenetv2", "squeezenet", "yolox_nano")
QUICK_TASKS = TASKS[:3]
BESIDE_THE_PROJECT = Path("shared", "zoo")

Run = Callable[[Array], Array]
"""One inference: an input without its batch axis; the first output."""


class Score(Struct, frozen=True, forbid_unknown_fields=False):
    """What `zoo.py score` says of a model; its timing is left out, for it is not interleaved.

    `metric` names what `float` and `converted` are (top-1 or mAP50-95, 0 to 1). `agreement`: the share of
    inputs with the float model's top class; None for detection.
    """

    metric: str
    samples: int
    converted: float
    sqnr_db: float
    float_metric: float
    agreement: float | None = None

    @property
    def drop(self) -> float:
        """What the float model has more."""
        return self.float_metric - self.converted


def parse_score(found: dict[str, object]) -> Score:
    """The answer of `zoo.py score`. Raises SettingsError if the zoo answers something else."""
    renamed = {"float_metric" if name == "float" else name: value for name, value in found.items()}
    # Through text, as from its command line: its numbers are numpy's.
    return decode_json(json.dumps(renamed).encode(), Score, "the answer of zoo.py")


@dataclass(frozen=True)
class Zoo:
    """The folder of third-party models and data, and its program."""

    folder: Path
    program: ModuleType

    def float_model(self, task: str) -> Path:
        """The model that is converted."""
        return Path(self.program.float_model(self.program.TASKS[task]))

    def calibration(self, task: str) -> Array:
        """Preprocessed inputs, float32, the first axis counts them."""
        inputs: Array = np.ascontiguousarray(self.program.TASKS[task].calibration(), dtype=np.float32)
        return inputs

    def score(self, task: str, model: Path) -> Score:
        """What `zoo.py score` says of an .onnx or .tflite file."""
        with exact_integers():
            return parse_score(self.program.score(task, model))

    def sqnr_db(self, task: str, reference: Run, other: Run) -> float:
        """The SQNR that `zoo.py score` would give, for models that need a session of their own."""
        inputs, _ = self.program.TASKS[task].test()
        error = power = 0.0
        for one in inputs:
            expected = reference(one).reshape(-1).astype(np.float64)
            error += float(np.sum((other(one).reshape(-1) - expected) ** 2))
            power += float(np.sum(expected**2))
        return float(10 * np.log10(power / max(error, 1e-30)))


def zoo_folder(root: Path) -> Path:
    """Where the zoo is looked for, whether or not it is there."""
    return Path(os.environ.get("EDGEINFER_ZOO", root.parent / BESIDE_THE_PROJECT))


def open_zoo(folder: Path) -> Zoo:
    """The zoo in a folder. Raises UsageError if it is not there, MissingRuntimeError for what it needs."""
    path = folder / "zoo.py"
    if not path.is_file():
        raise UsageError(
            f"the zoo of third-party models and data is not in {folder}",
            hint="this benchmark has nothing to measure without it: EDGEINFER_ZOO names the folder",
        )
    return Zoo(folder, _load(path))


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("edgeinfer_benchmark_zoo", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    try:
        spec.loader.exec_module(module)
    except ImportError as error:
        raise MissingRuntimeError(
            f"zoo.py needs a package that is not here: {error}", hint="run scripts/setup --dev"
        ) from error
    return module
