"""`provenance.json`: what a bundle was made from, with what, and which decisions led to it.

Nothing in it depends on when, where or by whom the bundle was made: the same inputs give the same bytes.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import onnx

from edgeinfer.strict import Struct, encode_json
from edgeinfer_converters.emitting.choose import Decision
from edgeinfer_converters.importers.messages import all_tensors
from edgeinfer_converters.judging.verify import Comparison
from edgeinfer_converters.samples import Samples


class FileFact(Struct, frozen=True):
    """A file by its base name."""

    name: str
    sha256: str
    size_bytes: int


class DataFact(Struct, frozen=True):
    """A data set: `used` of its `samples`, and the SHA-256 over the names and contents of their files."""

    name: str
    kind: str
    sha256: str
    samples: int
    used: int


class Options(Struct, frozen=True):
    """What was asked for."""

    format: str
    precision: str
    prune: str
    max_drop: float
    effort: str
    seed: int


class Provenance(Struct, frozen=True):
    """The whole `provenance.json`."""

    schema: int
    source: tuple[FileFact, ...]
    pipeline: FileFact
    calibration: DataFact | None
    evaluation: DataFact | None
    options: Options
    decisions: tuple[Decision, ...]
    comparison: Comparison
    tools: dict[str, str]


def dump_provenance(provenance: Provenance) -> bytes:
    """The bytes of `provenance.json`."""
    return encode_json(provenance, indent=2) + b"\n"


def file_fact(path: Path) -> FileFact:
    """The facts of a file."""
    data = path.read_bytes()
    return FileFact(name=path.name, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))


def source_facts(path: Path) -> tuple[FileFact, ...]:
    """The model file, and the files of its external data in the order of their names."""
    facts = [file_fact(path)]
    if path.suffix.lower() == ".onnx":
        # Read again without its data: the model in memory no longer knows where they lay. The importer
        # has checked that every location lies inside the model's folder.
        model = onnx.load(path, load_external_data=False)
        locations = {
            entry.value
            for tensor in all_tensors(model)
            for entry in tensor.external_data
            if entry.key == "location"
        }
        facts += [file_fact(path.parent / location) for location in sorted(locations)]
    return tuple(facts)


def data_fact(path: Path, samples: Samples) -> DataFact:
    """The facts of a data set."""
    return DataFact(
        name=path.name,
        kind=samples.kind,
        sha256=samples.digest(),
        samples=len(samples.source),
        used=len(samples),
    )
