"""Images as TFLite's spatial kernels want them: channels last, two spatial axes."""

from __future__ import annotations

from collections.abc import Sequence

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.layouts import Shape, channels_last
from edgeinfer_converters.tflite.lowering import Lowering
from edgeinfer_converters.tflite.steps import padded
from edgeinfer_converters.tflite.windows import Pair, Window

ONE = 1
FLAT = Window((ONE,), (ONE,), (ONE,), ((0, 0),))


def read_image(at: Lowering, name: str, *, stored: bool = False) -> int:
    """(N, C, W) or (N, C, H, W) as (N, H, W, C), H = 1 where there is none; also (N, C, D, H, W)."""
    rank = at.rank(name)
    if rank not in (3, 4, 5):
        raise UnsupportedError(f"its input has {rank} axes; images with 1 to 3 spatial ones are known")
    read = at.stored if stored else at.read
    tensor = read(name, channels_last(rank))
    return at.reshape(tensor, with_height(at.graph.tensors[tensor].shape))


def write_image(at: Lowering, name: str, tensor: int) -> None:
    """Say that an image as `read_image` gives it holds an ONNX tensor."""
    rank = at.rank(name)
    if rank == 3:
        batch, _, width, channels = at.graph.tensors[tensor].shape
        tensor = at.reshape(tensor, (batch, width, channels))
    at.write(name, tensor, channels_last(rank))


def with_height(shape: Sequence[int]) -> Shape:
    """A shape (N, W, C) with a height of 1."""
    return (shape[0], 1, *shape[1:]) if len(shape) == 3 else tuple(shape)


def two_axes(window: Window) -> Window:
    """A window over one axis as one over two."""
    if len(window.kernel) != 1:
        return window
    return Window(
        FLAT.kernel + window.kernel,
        FLAT.strides + window.strides,
        FLAT.dilations + window.dilations,
        FLAT.pads + window.pads,
    )


def pad_image(at: Lowering, image: int, pads: Sequence[Pair], value: float = 0.0) -> int:
    """An image (N, spatial..., C) with borders; those of an 8-bit image can only be zero."""
    return padded(at, image, ((0, 0), *pads, (0, 0)), value)


def ordered(at: Lowering, image: int, window: Window) -> tuple[int, str]:
    """The image, with borders where TFLite has no padding like the window's, and the padding that is left."""
    padding = window.padding(at.graph.tensors[image].shape[1:-1])
    if padding is not None:
        return image, padding
    return pad_image(at, image, window.pads), "VALID"
