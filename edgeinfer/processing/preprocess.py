"""From a frame to the model's input: the preprocessor of each kind of input."""

from __future__ import annotations

from collections.abc import Callable

from edgeinfer.frames import Array, TensorInfo
from edgeinfer.processing.geometry import Geometry
from edgeinfer.processing.spec import ImageInput, InputSpec, WindowInput
from edgeinfer.processing.tensor import Prepared, TensorPreprocessor
from edgeinfer.processing.window import WindowPreprocessor

__all__ = ["Geometry", "Prepared", "Preprocessor", "build_preprocessor"]

Preprocessor = Callable[[Array], Prepared]
"""A frame's array to what the model takes. Raises DataError. Not safe for use by two threads at once."""


def build_preprocessor(spec: InputSpec, tensor: TensorInfo) -> Preprocessor:
    """The preprocessor of one input.

    `tensor` rules type, shape and quantization: the same specification serves the float model and the
    quantized one. Raises ModelError if they do not go together, MissingRuntimeError without OpenCV.
    """
    if isinstance(spec, ImageInput):
        # Sensor devices have no OpenCV; it costs a quarter of the start-up time of those that have it.
        from edgeinfer.processing.image import ImagePreprocessor

        return ImagePreprocessor(spec, tensor)
    if isinstance(spec, WindowInput):
        return WindowPreprocessor(spec, tensor)
    return TensorPreprocessor(tensor)
