"""Windows that slide over rows and columns: sizes, steps and TFLite's padding."""

from __future__ import annotations

from dataclasses import dataclass

from ai_edge_litert.schema_py_generated import Padding

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.parts import NoEqualError
from edgeinfer_converters.importers.tflite_graph.step import Step

EXPLICIT_PADS = "explicit pads"
"""An option of our own, which no file has: top, left, bottom and right."""
MAX_SIDE = 2**24
"""Of windows, strides and dilations: far beyond any, so that products of them stay sound."""


@dataclass(frozen=True)
class Window:
    """Sizes as (height, width)."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int] = (1, 1)
    same: bool = False

    def pads(self, height: int, width: int) -> list[int]:
        """Top, left, bottom, right over an input of this size: TFLite pads the end more than the start."""
        if not self.same:
            return [0, 0, 0, 0]
        total = [
            same_padding(*each)
            for each in zip((height, width), self.kernel, self.strides, self.dilations, strict=True)
        ]
        before = [one // 2 for one in total]
        return [*before, *(one - start for one, start in zip(total, before, strict=True))]


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> int:
    """How much is padded so that there are ceil(size / stride) windows."""
    windows = -(-size // stride)
    return max((windows - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)


def window_of(step: Step, kernel: tuple[int, int], *, dilated: bool = False) -> Window:
    """The window from the operator's options. Raises ModelError for sizes that cannot be."""
    options = step.options
    strides = options.whole("strideH"), options.whole("strideW")
    dilations = (1, 1)
    if dilated:
        dilations = options.whole("dilationHFactor", 1), options.whole("dilationWFactor", 1)
    for side in (*kernel, *strides, *dilations):
        if not 1 <= side <= MAX_SIDE:
            raise ModelError(f"{step.where} has a window, stride or dilation of {side}")
    padding = options.whole("padding")
    if padding not in (Padding.SAME, Padding.VALID):
        raise NoEqualError(f"its padding is number {padding}")
    return Window(kernel, strides, dilations, padding == Padding.SAME)


def pads_over(step: Step, place: int, window: Window) -> list[int]:
    """The padding over an input, whose size must be fixed only where it is padded. Raises NoEqualError."""
    tensor = step.tensor(place)
    if tensor.rank != 4:
        raise ModelError(f"{step.where}: `{tensor.name}` has rank {tensor.rank}, not 4")
    explicit = step.options.wholes(EXPLICIT_PADS)
    if explicit is not None:
        return list(explicit)
    return window.pads(tensor.size(1), tensor.size(2)) if window.same else [0, 0, 0, 0]
