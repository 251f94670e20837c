"""Bundles of the shipped model, made by the `edgeinfer-convert` command as a user would run it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeinfer.strict import Struct, decode_json
from scripts.parts.material import HERE, Material
from scripts.parts.programs import program, run

MODEL = HERE / "parts.onnx"
PIPELINE = HERE / "pipeline.toml"


class Accuracy(Struct, frozen=True, forbid_unknown_fields=False):
    """Shares of the evaluation pictures that are classified right, by the float and the int8 model."""

    samples: int
    converted: float
    reference: float


class Comparison(Struct, frozen=True, forbid_unknown_fields=False):
    """Float against int8."""

    accuracy: Accuracy


class Sizes(Struct, frozen=True, forbid_unknown_fields=False):
    """Of the model files, and what the converter chose."""

    format: str
    precision: str
    size_bytes: int
    source_size_bytes: int


class Report(Struct, frozen=True, forbid_unknown_fields=False):
    """What the demo needs of the converter's report."""

    profile: str
    model: Sizes
    comparison: Comparison


@dataclass(frozen=True)
class Built:
    """A bundle and what the converter says of it."""

    path: Path
    report: Report


@dataclass(frozen=True)
class Keys:
    """The demo's own signing key and its public half."""

    private: Path
    public: Path


def ensure_keys(folder: Path) -> Keys:
    """A key pair for the demo alone, so that no key of the user's is made or used."""
    keys = Keys(folder / "signing.pem", folder / "signing.pub.pem")
    if not keys.private.exists():
        run([program("edgeinfer-convert"), "keygen", folder], folder.parent / "keygen.log")
    return keys


def build(profile: str, material: Material, keys: Keys, folder: Path) -> Built:
    """Build the signed int8 bundle for a profile. Raises EdgeInferError that names the log."""
    path = folder / f"parts-{profile}.eib"
    command: list[str | Path] = [
        *(program("edgeinfer-convert"), "build", MODEL, "--pipeline", PIPELINE),
        *("--profile", profile, "--precision", "int8"),
        *("--calibration", material.calibration, "--evaluate", material.evaluate),
        *("--key", keys.private, "--output", path, "--json"),
    ]
    output = run(command, folder / f"build-{profile}.log")
    return Built(path, decode_json(output, Report, "the converter's report"))
