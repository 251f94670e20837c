"""From a captured image or window to a sample, by the very code that the device runs."""

from __future__ import annotations

from typing import Final

from edgeinfer.errors import DataError
from edgeinfer.frames import Array
from edgeinfer.processing.preprocess import build_preprocessor
from edgeinfer.processing.spec import ImageInput, WindowInput
from edgeinfer_converters.samples.sample import Request, Sample, Truth, check_finite

_WANTED: Final = {ImageInput: "images", WindowInput: "windows of sensor rows"}


class FramePreparer:
    """Makes samples for a pipeline whose only input is an image, or a window."""

    def __init__(self, request: Request, kind: type[ImageInput] | type[WindowInput], where: str) -> None:
        """`kind` is what the data hold. Raises DataError if the pipeline takes something else."""
        if len(request.spec.input) != 1 or not isinstance(request.spec.input[0], kind):
            raise DataError(
                f"{where}: holds {_WANTED[kind]}, and the pipeline takes {_describe(request)}",
                hint="a .npz of preprocessed arrays, one for each input, fits every pipeline",
            )
        self._name = request.tensors[0].name
        self._preprocess = build_preprocessor(request.spec.input[0], request.tensors[0])

    def prepare(self, name: str, frame: Array, truth: Truth | None) -> Sample:
        """A sample of one frame: uint8 BGR (height, width, 3), or float32 (length, columns)."""
        check_finite(frame, name)
        prepared = self._preprocess(frame)
        return Sample(name, {self._name: prepared.tensor}, prepared.geometry, truth)


def _describe(request: Request) -> str:
    if len(request.spec.input) != 1:
        return f"{len(request.spec.input)} inputs"
    return _WANTED.get(type(request.spec.input[0]), "arrays as they are")
