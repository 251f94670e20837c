"""The file of a graph, in the format of the device's runtime."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import onnx

from edgeinfer.backends import Backend, BackendOptions, ModelFormat, open_backend
from edgeinfer_converters.float16 import to_float16
from edgeinfer_converters.oriented import Oriented
from edgeinfer_converters.source import serialized
from edgeinfer_converters.tflite import to_tflite
from edgeinfer_converters.tflite.layouts import Layout
from edgeinfer_converters.tflite.work import Work


@dataclass(frozen=True)
class ModelFile:
    """A model as the device gets it.

    `layouts`: for inputs and outputs whose axes lie otherwise than in the source model, how.
    `work`: of a TFLite file that was written here.
    """

    data: bytes
    model_format: ModelFormat
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    work: Work | None = None

    def open(self, options: BackendOptions) -> AbstractContextManager[Backend]:
        """A backend that takes and gives tensors in the source model's order of axes. Raises ModelError."""
        backend = open_backend(self.data, self.model_format, options)
        return Oriented(backend, self.layouts) if self.layouts else backend


def write_model(
    graph: onnx.ModelProto,
    model_format: ModelFormat,
    *,
    half: bool = False,
    as_is: frozenset[str] = frozenset(),
) -> ModelFile:
    """The file of a float graph, or of a quantized one of QDQ form.

    `half`: numbers in float16. `as_is`: inputs that keep their order of axes in every format.
    Raises ModelError for what the format has no equal for.
    """
    if model_format == "tflite":
        made = to_tflite(graph, as_is=as_is, half_weights=half)
        return ModelFile(made.data, "tflite", {**made.inputs, **made.outputs}, made.work)
    return ModelFile(serialized(to_float16(graph) if half else graph), "onnx")
