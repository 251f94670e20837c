"""Sliding windows: how kernels, strides, dilations and padding of ONNX become those of TFLite.

TFLite knows two paddings, VALID (none) and SAME (as much as needed for an output of input / stride,
the odd one at the end); all else is a PAD operator before a VALID window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    found = []
    for side, extent, stride in zip(image, extents, strides, strict=True):
        total = max((-(-side // stride) - 1) * stride + extent - side, 0)
        found.append((total // 2, total - total // 2))
    return tuple(found)
