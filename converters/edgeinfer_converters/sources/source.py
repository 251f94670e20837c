"""The trained model, as read from its file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import onnx

from edgeinfer.backends import ModelFormat
from edgeinfer.errors import CompatibilityError, ModelError
from edgeinfer.processing.spec import PipelineSpec
from edgeinfer.profile import Profile, Runtime
from edgeinfer_converters.graph.prepare import prepare
from edgeinfer_converters.importers.onnx import is_quantized, read_onnx
from edgeinfer_converters.shelf import Shelved, shelve
from edgeinfer_converters.sources.sizes import fix_sizes

FORMATS: dict[str, ModelFormat] = {".onnx": "onnx", ".tflite": "tflite"}

OWN_OPSET, OWN_IR_VERSION = 21, 10
"""Of a graph that no ONNX runtime of a device has to read."""


@dataclass(frozen=True)
class Source:
    """A model that was read. It waits on disk: the steps between reading and verifying do not need it.

    `quantized`: it computes with integers that stand for real numbers, and is packed as it is.
    """

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
        """An ONNX model's graph, parsed anew each time; None for a TFLite model, see `prepared_graph`."""
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
        return _tflite_source(path, runnable=runnable)
    graph = read_onnx(path, runnable=runnable)
    return Source(path, "onnx", shelve(serialized(graph)), quantized=is_quantized(graph))


def prepared_graph(source: Source, runtime: Runtime, pipeline: PipelineSpec | None = None) -> onnx.ModelProto:
    """The cleaned graph of a float model, in what the profile's runtime reads.

    Sizes that it leaves open are those of the `pipeline`.

    Raises ModelError: a TFLite model with operators that have no equal in ONNX, or what `prepare` raises.
    """
    graph = source.graph
    if graph is None:
        from edgeinfer_converters.importers.tflite_graph.graph import import_graph

        with _naming(source.path):
            graph = import_graph(source.data)
    if pipeline is not None:
        graph = fix_sizes(graph, pipeline)
    return prepare(
        graph,
        max_opset=runtime.max_opset or OWN_OPSET,
        max_ir_version=runtime.max_ir_version or OWN_IR_VERSION,
    )


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


def _tflite_source(path: Path, *, runnable: bool) -> Source:
    # The schema takes 6 MB, which nobody needs for ONNX models.
    from edgeinfer_converters.importers.tflite import read_tflite
    from edgeinfer_converters.importers.tflite_graph.graph import is_quantized as is_quantized_tflite

    data = read_tflite(path, runnable=runnable)
    with _naming(path):
        quantized = is_quantized_tflite(data)
    return Source(path, "tflite", shelve(data), quantized)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Say which file a ModelError is about."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{path}: {error.message}", hint=error.hint) from error
