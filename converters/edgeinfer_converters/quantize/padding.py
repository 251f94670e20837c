"""Channels of zeros that make a convolution faster: the runtime's fast kernel wants a multiple of four.

ONNX Runtime's symmetric convolution kernel (MlasConvSym) takes 4 input channels at a time and 16 outputs;
pictures have three channels. The zeros cost less than the slower kernel. Measured with onnxruntime 1.32 on
x86-64 with AVX512-VNNI, one thread, 3 x 3 kernels on 112 x 112 pixels, in microseconds by input channels:
with 32 outputs 330, 341, 366, 183 (4), 399, 649, 696, 334 (8), 384 (12), 385 (16); three against four
channels with 8 outputs 293 and 306, with 16 outputs 295 and 157, with 64 outputs 533 and 274.
"""

from __future__ import annotations

import onnx

from edgeinfer_converters.graph.view import GraphView, attribute

WORD = 4
FEW = 8
"""From here on a pixel is copied in pieces that are long anyway."""

MAX_GROWTH = 1.34
LEAST_OUTPUTS, OUTPUT_MULTIPLE = 16, 8
"""Fewer outputs, or others, take the slower kernel all the same."""

SMALL_KERNEL = 16
"""More multiplications than this growth pay only for small kernels (positions of the kernel)."""


def added_channels(node: onnx.NodeProto, view: GraphView) -> int:
    """How many channels of zeros the input of a product should gain; 0 for none."""
    shape = view.shapes.get(node.input[1], ())
    if node.op_type != "Conv" or len(shape) != 4 or attribute(node, "group", 1) != 1:
        return 0
    outputs, channels, positions = shape[0], shape[1], shape[2] * shape[3]
    if outputs < LEAST_OUTPUTS or outputs % OUTPUT_MULTIPLE:
        return 0
    padded = -(-channels // WORD) * WORD
    if channels >= FEW or (padded > MAX_GROWTH * channels and positions > SMALL_KERNEL):
        return 0
    return padded - channels
