"""Windows of signals, whose size the shape of the result says."""

from __future__ import annotations

from functools import partial
from math import pi

import numpy as np

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node

HANN = (0.5, 0.5)
HAMMING = (25 / 46, 21 / 46)
BLACKMAN = (0.42, 0.5, 0.08)
"""Factors of cos 0, -cos(2 pi n / N), cos(4 pi n / N)."""


def window(factors: tuple[float, ...], node: Node, at: Lowering) -> None:
    """A window as a constant."""
    shape = at.shape(node.outputs[0])
    if len(shape) != 1:
        raise UnsupportedError("its size is known only when the model runs")
    size = shape[0]
    period = size if node.integer("periodic", 1) else size - 1
    angles = 2 * pi * np.arange(size) / max(period, 1)
    values = sum((-1) ** k * factor * np.cos(k * angles) for k, factor in enumerate(factors))
    at.write(node.outputs[0], at.const(np.asarray(values).astype(at.dtype(node.outputs[0]))))


OPERATORS: Table = {
    "BlackmanWindow": partial(window, BLACKMAN),
    "HammingWindow": partial(window, HAMMING),
    "HannWindow": partial(window, HANN),
}
