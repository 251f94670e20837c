"""How many of the calibration samples a step looks at that learns means or extremes: more say little more.

Small networks get the most, as chance weighs more where few channels and positions are averaged.
"""

from __future__ import annotations

import onnx

from edgeinfer_converters.graph.macs import count_macs

FEWEST, MOST = 32, 128

MACS = 20e9
"""Multiply-accumulates that a step may spend on its samples: about two seconds on one core."""


def affordable(model: onnx.ModelProto, count: int) -> int:
    """How many of `count` samples; always the same for the same graph. Shapes must have been inferred."""
    return min(count, max(FEWEST, min(MOST, _samples_of(model))))


def is_costly(model: onnx.ModelProto) -> bool:
    """Whether no step can afford MOST samples of the graph, however many there are."""
    return _samples_of(model) < MOST


def _samples_of(model: onnx.ModelProto) -> int:
    return int(MACS // max(sum(count_macs(model).values()), 1))
