"""The trained model, as read from its file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx

from edgeinfer.backends import ModelFormat
from edgeinfer.errors import CompatibilityError, ModelError
from edgeinfer.profile import Profile, Runtime
from edgeinfer_converters.graph.prepare import prepare
from edgeinfer_converters.importers.onnx import is_quantized, read_onnx
from edgeinfer_converters.importers.tflite import read_tflite
from edgeinfer_converters.shelf import Shelved, shelve

FORMATS: dict[str, ModelFormat] = {".onnx": "onnx", ".tflite": "tflite"}


@dataclass(frozen=True)
class Source:
    """A model that was read. It waits on disk: the steps between reading and verifying do not need it."""

    path: Path
    model_format: ModelFormat
    shelved: Shelved
    quantized: bool

    @property
    def data(self) -> bytes:
        """A single file's worth, read anew each time."""
        return self.shelved.read()

    @property
    def graph(self) -> onnx.ModelProto | None:
        """An ONNX model's graph, parsed anew each time."""
        return onnx.load_from_string(self.data) if self.model_format == "onnx" else None


def read_source(path: Path, *, runnable: bool = True) -> Source:
    """Read a model by the extension of its name. Raises ModelError.

    With `runnable` false, a model may have operators that the runtime lacks, for a look at it.
    """
    if path.is_dir():
        raise ModelError(f"{path}: is a folder, and a model file is needed", hint="name the file inside it")
    model_format = FORMATS.get(path.suffix.lower())
    if model_format is None:
        raise ModelError(
            f"{path}: the extension of a model file is {' or '.join(FORMATS)}",
            hint="export other formats to ONNX first",
        )
    if model_format == "tflite":
        return Source(path, "tflite", shelve(read_tflite(path, runnable=runnable)), quantized=False)
    graph = read_onnx(path, runnable=runnable)
    return Source(path, "onnx", shelve(serialized(graph)), quantized=is_quantized(graph))


def prepared_graph(source: Source, runtime: Runtime) -> onnx.ModelProto:
    """The cleaned graph of a float ONNX model, in what the profile's runtime reads."""
    graph = source.graph
    assert graph is not None  # noqa: S101  # callers have an ONNX source
    return prepare(graph, max_opset=runtime.max_opset, max_ir_version=runtime.max_ir_version)


def check_readable(source: Source, profile: Profile, runtime: Runtime) -> None:
    """Raises CompatibilityError if the runtime is too old for a model that is packed as it is."""
    graph = source.graph
    if graph is None:
        return
    opset = max((one.version for one in graph.opset_import if one.domain in ("", "ai.onnx")), default=0)
    if opset > runtime.max_opset or graph.ir_version > runtime.max_ir_version:
        raise CompatibilityError(
            f"{source.path}: opset {opset} and IR version {graph.ir_version} are newer than what "
            f"{profile.name} reads (opset {runtime.max_opset}, IR version {runtime.max_ir_version})",
            hint="a quantized model is packed as it is: export it again with an older opset",
        )


def serialized(graph: onnx.ModelProto) -> bytes:
    """The bytes of a graph, the same in every run."""
    data: bytes = graph.SerializeToString(deterministic=True)
    return data
