"""A converted model that takes and gives tensors otherwise than the source model, seen as if it did not.

The source model and all samples are in ONNX's order of axes and mostly in float; a TFLite file has images
channels last, and may take and give integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from edgeinfer.backends import Backend
from edgeinfer.frames import Array, TensorInfo
from edgeinfer.processing.quantization import dequantize, quantize
from edgeinfer.processing.spec import ImageInput, PipelineSpec
from edgeinfer.strict import replace as with_changes
from edgeinfer_converters.samples.sample import Sample
from edgeinfer_converters.tflite.layouts import Layout, inverse, plain

NO_INTEGERS: Mapping[str, str] = {}


class Oriented:
    """A backend that takes and gives tensors in the source model's order of axes, and floats.

    `layouts`: for inputs and outputs by name: axis i in the file is axis `layout[i]` in the source.
    """

    def __init__(self, backend: Backend, layouts: Mapping[str, Layout]) -> None:
        self._backend = backend
        self._layouts = layouts
        self.inputs = tuple(_as_floats(_as_source(tensor, layouts)) for tensor in backend.inputs)
        self.outputs = tuple(_as_floats(_as_source(tensor, layouts)) for tensor in backend.outputs)

    def run(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """All outputs by name. Raises ModelError."""
        outputs = self._backend.run(turned(tensors, self._layouts, self._backend.inputs))
        return {one.name: self._real(outputs[one.name], one) for one in self._backend.outputs}

    def _real(self, stored: Array, tensor: TensorInfo) -> Array:
        array = stored if tensor.quantization is None else dequantize(stored, tensor)
        return array.transpose(inverse(self._layouts[tensor.name])) if tensor.name in self._layouts else array

    def __enter__(self) -> Oriented:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._backend.__exit__(kind, error, trace)


@dataclass(frozen=True)
class TurnedSamples:
    """Samples with their inputs as the file has them; iterated as often as those that they come from."""

    samples: Iterable[Sample]
    layouts: Mapping[str, Layout]
    inputs: tuple[TensorInfo, ...]

    def __iter__(self) -> Iterator[Sample]:
        for sample in self.samples:
            inputs = turned(sample.inputs, self.layouts, self.inputs)
            yield Sample(sample.name, inputs, sample.geometry, sample.truth)


def turned(
    tensors: Mapping[str, Array], layouts: Mapping[str, Layout], inputs: tuple[TensorInfo, ...]
) -> dict[str, Array]:
    """Tensors in the order of axes that the file has, and as the integers that it takes."""
    found = {
        name: np.ascontiguousarray(array.transpose(layouts[name])) if _moves(layouts.get(name)) else array
        for name, array in tensors.items()
    }
    for tensor in inputs:
        if tensor.quantization is not None and np.issubdtype(found[tensor.name].dtype, np.floating):
            found[tensor.name] = quantize(found[tensor.name], tensor)
    return found


def device_spec(
    spec: PipelineSpec, layouts: Mapping[str, Layout], integers: Mapping[str, str] = NO_INTEGERS
) -> PipelineSpec:
    """A resolved pipeline for the file: images channels last where it wants them so, tensors of its types."""
    inputs = []
    given = [integers[name] for name in integers if name not in {one.name for one in spec.input}]
    output = with_changes(spec.output, dtype=given[0]) if given else spec.output
    for one in spec.input:
        if isinstance(one, ImageInput) and _moves(layouts.get(one.name)):
            one = with_changes(one, layout="nhwc")  # noqa: PLW2901  # the same input in another form
        inputs.append(with_changes(one, dtype=integers[one.name]) if one.name in integers else one)
    return with_changes(spec, input=tuple(inputs), output=output)


def _moves(layout: Layout | None) -> bool:
    return layout is not None and layout != plain(len(layout))


def _as_source(tensor: TensorInfo, layouts: Mapping[str, Layout]) -> TensorInfo:
    layout = layouts.get(tensor.name)
    if not _moves(layout) or layout is None:
        return tensor
    return with_changes(tensor, shape=tuple(tensor.shape[axis] for axis in inverse(layout)))


def _as_floats(tensor: TensorInfo) -> TensorInfo:
    return tensor if tensor.quantization is None else with_changes(tensor, dtype="float32", quantization=None)
