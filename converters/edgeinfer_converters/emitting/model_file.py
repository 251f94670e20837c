"""The file of a graph, in the format of the device's runtime."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

import onnx

from edgeinfer.backends import Backend, BackendOptions, ModelFormat, open_backend
from edgeinfer_converters.emitting.compact import compact
from edgeinfer_converters.emitting.float16 import to_float16
from edgeinfer_converters.emitting.oriented import Oriented
from edgeinfer_converters.importers.onnx import is_quantized
from edgeinfer_converters.sources.source import serialized
from edgeinfer_converters.tflite.forms import Forms
from edgeinfer_converters.tflite.layouts import Layout
from edgeinfer_converters.tflite.work import Work

PLAIN = Forms()

_NAMED = 3
"""Operators that a reason names."""


@dataclass(frozen=True)
class ModelFile:
    """A model as the device gets it.

    `layouts`: for inputs and outputs of a TFLite file how their axes lie, compared with the source model.
    `integers`: the inputs and outputs in integers where the source model has floats, with the type.
    `work`: of a TFLite file that was written here. `doubles`: the operators that it computes in float32 and
    the source model in float64.
    """

    data: bytes
    model_format: ModelFormat
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    integers: Mapping[str, str] = field(default_factory=dict)
    work: Work | None = None
    doubles: tuple[str, ...] = ()

    @property
    def narrowed(self) -> str:
        """Why decimals are lost where the source model computes in float64; empty where none are."""
        named = ", ".join(self.doubles[:_NAMED]) + (" and others" if len(self.doubles) > _NAMED else "")
        return f"TFLite has no kernels for float64: {named} lose decimals" if self.doubles else ""

    def open(self, options: BackendOptions) -> AbstractContextManager[Backend]:
        """A backend that takes and gives tensors as the source model does. Raises ModelError."""
        backend = open_backend(self.data, self.model_format, options)
        return Oriented(backend, self.layouts) if self.layouts else backend


def write_model(
    graph: onnx.ModelProto,
    model_format: ModelFormat,
    *,
    half: bool = False,
    forms: Forms = PLAIN,
) -> ModelFile:
    """The file of a float graph, or of a quantized one of QDQ form.

    `half`: numbers in float16. `forms`: how a TFLite file takes and gives tensors; integers only where the
    graph is quantized.
    Raises ModelError for what the format has no equal for.
    """
    if model_format == "tflite":
        from edgeinfer_converters.tflite.convert import to_tflite  # brings 20 MB that ONNX files do not need

        integers = forms.integers if is_quantized(graph) else {}
        made = to_tflite(graph, forms=replace(forms, integers=integers), half_weights=half)
        layouts = {**made.inputs, **made.outputs}
        return ModelFile(made.data, "tflite", layouts, integers, made.work, made.doubles)
    return ModelFile(serialized(compact(to_float16(graph) if half else graph)), "onnx")
