"""Sliding windows: how kernels, strides, dilations and padding of ONNX become those of TFLite.

TFLite knows two paddings, VALID (none) and SAME (as much as needed for an output of input / stride,
the odd one at the end); all else is a PAD operator before a VALID window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgeinfer.frames import Array
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.nodes import Node

Pair = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """A window over the spatial axes. `pads`: before and after each axis."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[Pair, ...]

    @property
    def extents(self) -> tuple[int, ...]:
        """How far the window reaches along each axis."""
        pairs = zip(self.kernel, self.dilations, strict=True)
        return tuple((size - 1) * dilation + 1 for size, dilation in pairs)

    @property
    def is_padded(self) -> bool:
        """Whether anything is added around the image."""
        return any(before or after for before, after in self.pads)

    def padding(self, image: Sequence[int]) -> str | None:
        """SAME or VALID where TFLite has this padding for an image of that size, None where it has not."""
        if not self.is_padded:
            return "VALID"
        return "SAME" if self.pads == same_pads(image, self.extents, self.strides) else None


def window_of(node: Node, image: Sequence[int], kernel: Sequence[int]) -> Window:
    """The window of a convolution or pool over an image of that spatial size."""
    ones = (1,) * len(kernel)
    strides = node.integers("strides", ones) or ones
    dilations = node.integers("dilations", ones) or ones
    plain = Window(tuple(kernel), strides, dilations, ((0, 0),) * len(kernel))
    auto = node.text("auto_pad", "NOTSET")
    if auto == "VALID":
        return plain
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        if any(total < -1 for total in _missing(image, plain.extents, strides)):
            raise UnsupportedError(
                "runtimes differ on what auto_pad SAME is where strides leave out more than the last value"
            )
        pads = same_pads(image, plain.extents, strides)
        if auto == "SAME_LOWER":
            pads = tuple((after, before) for before, after in pads)
        return Window(tuple(kernel), strides, dilations, pads)
    given = node.integers("pads", (0,) * (2 * len(kernel)))
    if any(side < 0 for side in given):
        raise UnsupportedError("it cuts off the image's borders by negative padding")
    pairs = tuple(zip(given[: len(kernel)], given[len(kernel) :], strict=True))
    return Window(tuple(kernel), strides, dilations, pairs)


def same_pads(image: Sequence[int], extents: Sequence[int], strides: Sequence[int]) -> tuple[Pair, ...]:
    """TFLite's SAME: what makes an output of ceil(input / stride), the odd one behind."""
    totals = (max(total, 0) for total in _missing(image, extents, strides))
    return tuple((total // 2, total - total // 2) for total in totals)


def _missing(image: Sequence[int], extents: Sequence[int], strides: Sequence[int]) -> list[int]:
    """How many values the windows reach beyond each axis; below zero where they leave some out.

    ONNX Runtime leaves out as many at both ends or refuses to; ONNX's reference and
    TensorFlow, where SAME comes from, begin with the first value. With one left out it is the last for all.
    """
    return [
        (-(-side // stride) - 1) * stride + extent - side
        for side, extent, stride in zip(image, extents, strides, strict=True)
    ]


def to_the_end(window: Window, image: tuple[int, ...], result: tuple[int, ...]) -> Window:
    """With `ceil_mode` the last window reaches beyond the image: borders behind."""
    pads = []
    for side, extent, stride, (before, after), count in zip(
        image, window.extents, window.strides, window.pads, result, strict=True
    ):
        pads.append((before, max(after, (count - 1) * stride + extent - side - before)))
    return replace(window, pads=tuple(pads))


def is_larger(window: Window, image: tuple[int, ...]) -> bool:
    """Whether a window is larger than the image with its borders."""
    sides = zip(image, window.pads, window.extents, strict=True)
    return any(side + before + after < extent for side, (before, after), extent in sides)


def is_beyond(window: Window, image: tuple[int, ...]) -> bool:
    """Whether there is a window with no value of the image."""
    for axis, (side, extent, stride, pads) in enumerate(
        zip(image, window.extents, window.strides, window.pads, strict=True)
    ):
        count = (side + sum(pads) - extent) // stride + 1
        if not share(window, axis, side, count, (0, 0)).all():
            return True
    return False


def share(window: Window, axis: int, side: int, count: int, border: Pair) -> Array:
    """How many values of the image, and of borders that count, each window holds along one axis."""
    places = np.arange(count)[:, None] * window.strides[axis] - window.pads[axis][0]
    places = places + np.arange(window.kernel[axis]) * window.dilations[axis]
    found: Array = ((places >= -border[0]) & (places < side + border[1])).sum(1)
    return found
