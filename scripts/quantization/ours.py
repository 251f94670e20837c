"""Our own converter, called as a user calls it, and the model out of its bundle."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from edgeinfer.bundle.keys import KeyPaths, TrustStore, generate_keys
from edgeinfer.bundle.reader import open_bundle
from edgeinfer.files import write_atomically
from scripts.parts.programs import program
from scripts.quantization.measured_run import Cost, run_measured

PIPELINE = b"""[model]
name = "benchmark"
version = "1.0.0"
task = "raw"

[[input]]
kind = "tensor"
"""
"""Inputs come preprocessed and outputs go out as they are: zoo.py does the rest for everyone alike."""

FLOAT = "float32"

NAME = "edgeinfer"
UINT8_PROFILE, INT8_PROFILE = "x86-64-vnni", "raspberry-pi-4"


@dataclass(frozen=True)
class Ends:
    """The element types of a model's input and output, as a pipeline names them."""

    input: str = FLOAT
    output: str = FLOAT

    def as_toml(self) -> str:
        """What they add to a pipeline whose last table is that of the input."""
        return f'dtype = "{self.input}"\n\n[output]\ndtype = "{self.output}"\n'


@dataclass(frozen=True)
class Converter:
    """How ours is called: profile and effort, in a folder for its files. The key is made for the run.

    `model_format`: onnx or tflite, and the extension of what it writes. `pipeline`: its file in the folder.
    """

    folder: Path
    keys: KeyPaths
    profile: str
    effort: str
    timeout_s: float
    model_format: str = "onnx"
    pipeline: str = "pipeline.toml"

    def with_ends(self, ends: Ends) -> Converter:
        """The same for files whose input and output are of these types, a name for each."""
        name = f"pipeline-{ends.input}-{ends.output}.toml"
        write_atomically(self.folder / name, PIPELINE + ends.as_toml().encode())
        return replace(self, pipeline=name)

    def command(self, model: Path, calibration: Path, bundle: Path) -> list[str | Path]:
        """`edgeinfer-convert build` with nothing but the calibration data."""
        command: list[str | Path] = [program("edgeinfer-convert"), "build", model]
        command += ["--profile", self.profile, "--format", self.model_format, "--precision", "int8"]
        command += ["--effort", self.effort, "--pipeline", self.folder / self.pipeline]
        return [*command, "--calibration", calibration, "--key", self.keys.private, "-o", bundle]

    def convert(self, model: Path, calibration: Path, out: Path) -> Cost:
        """Write the int8 model of a float model to `out`. Raises ToolError, BundleError."""
        bundle = out.with_suffix(".eib")
        bundle.unlink(missing_ok=True)
        command = self.command(model, calibration, bundle)
        cost = run_measured(command, out.with_suffix(".log"), timeout_s=self.timeout_s, variables=os.environ)
        trust = TrustStore.load([self.keys.public])
        write_atomically(out, open_bundle(bundle, trust).model())
        return cost


def make_converter(folder: Path, keys: Path, profile: str, effort: str, timeout_s: float) -> Converter:
    """Write what a conversion needs besides model and data: the pipeline, and new keys in `keys`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "pipeline.toml", PIPELINE)
    return Converter(folder, generate_keys(keys), profile, effort, timeout_s)
