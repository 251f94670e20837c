"""Convolutions. ONNX's kernels come first in planes: (outputs, inputs of a group, height, width)."""

from __future__ import annotations

from ai_edge_litert.schema_py_generated import Padding

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.activations import finish
from edgeinfer_converters.importers.tflite_graph.parts import NoEqualError, Tensor
from edgeinfer_converters.importers.tflite_graph.step import Step
from edgeinfer_converters.importers.tflite_graph.windows import pads_over, same_padding, window_of


def conv_2d(step: Step) -> None:
    """Weights (outputs, height, width, inputs of a group), as ONNX has them but for the layout."""
    kernel = _kernel(step, 1)
    channels, by_group = step.tensor(0).size(-1), kernel.size(3)
    if by_group < 1 or channels % by_group:
        raise ModelError(f"{step.where}: {channels} channels do not fit weights for {by_group}")
    _convolve(step, _weights(step, 1, (0, 3, 1, 2)), kernel, channels // by_group)


def depthwise_conv_2d(step: Step) -> None:
    """Weights (1, height, width, outputs); output channel c m + j reads input channel c."""
    kernel = _kernel(step, 1)
    channels = step.tensor(0).size(-1)
    if kernel.shape[0] != 1 or channels < 1 or kernel.size(3) % channels:
        raise ModelError(f"{step.where}: {channels} channels do not fit weights {list(kernel.shape)}")
    _convolve(step, _weights(step, 1, (3, 0, 1, 2)), kernel, channels)


def transpose_conv(step: Step) -> None:
    """Weights (outputs, height, width, inputs). The output's size is given, not computed.

    The padding before is that of the convolution whose gradient this is; behind, what the size leaves.
    """
    kernel, data, out = _kernel(step, 1), step.tensor(2), step.out()
    if data.rank != 4 or out.rank != 4:
        raise ModelError(f"{step.where} works on tensors of rank {data.rank} and {out.rank}, not 4")
    window = window_of(step, (kernel.size(1), kernel.size(2)))
    sides = [
        _transposed_side(*each, same=step.options.whole("padding") == Padding.SAME)
        for each in zip(_sides(data), _output_sides(step), window.kernel, window.strides, strict=True)
    ]
    starts, ends, more = zip(*sides, strict=True)
    inputs = [step.planes(2), _weights(step, 1, (3, 0, 1, 2))]
    if step.has(3):
        inputs.append(_bias(step, 3))
    attributes = {"kernel_shape": window.kernel, "strides": window.strides, "pads": [*starts, *ends]}
    finish(step, step.emit("ConvTranspose", *inputs, output_padding=more, **attributes), planes=True)


def _sides(tensor: Tensor) -> tuple[int, int]:
    return tensor.size(1), tensor.size(2)


def _output_sides(step: Step) -> tuple[int, int]:
    """From the constant if it is one, else from the tensor's own shape."""
    if step.known(0) is None:
        return _sides(step.out())
    shape = step.wholes(0, "output shape")
    if len(shape) != 4:
        raise ModelError(f"{step.where} has an output shape of {len(shape)} numbers")
    return shape[1], shape[2]


def _transposed_side(size: int, out: int, kernel: int, stride: int, *, same: bool) -> tuple[int, int, int]:
    """Padding before and behind, and what is added behind."""
    start = same_padding(out, kernel, stride) // 2 if same else 0
    end = stride * (size - 1) + kernel - start - out
    if -end >= stride:
        raise NoEqualError(f"its output has {out} rows or columns, more than its input of {size} can fill")
    return start, max(end, 0), max(-end, 0)


def _convolve(step: Step, weights: str, kernel: Tensor, groups: int) -> None:
    window = window_of(step, (kernel.size(1), kernel.size(2)), dilated=True)
    inputs = [step.planes(0), weights]
    if step.has(2):
        inputs.append(_bias(step, 2))
    name = step.emit(
        "Conv",
        *inputs,
        kernel_shape=window.kernel,
        strides=window.strides,
        dilations=window.dilations,
        pads=pads_over(step, 0, window),
        group=groups,
    )
    finish(step, name, planes=True)


def _kernel(step: Step, place: int) -> Tensor:
    kernel = step.tensor(place)
    if kernel.rank != 4:
        raise ModelError(f"{step.where}: the weights `{kernel.name}` have rank {kernel.rank}, not 4")
    return kernel


def _weights(step: Step, place: int, order: tuple[int, int, int, int]) -> str:
    value = step.known(place)
    if value is None:
        return step.emit("Transpose", step.rows(place), perm=order)
    return step.stored(value.transpose(order), place, "planes")


def _bias(step: Step, place: int) -> str:
    """One number for each output channel; some converters give it more axes."""
    value = step.known(place)
    if value is None or value.ndim == 1:
        return step.rows(place)
    return step.stored(value.reshape(-1), place, "flat")
