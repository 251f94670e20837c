"""How many of the calibration samples a step looks at that learns means or extremes: more say little more.

Small networks get the most, as chance weighs more where few channels and positions are averaged.
"""

from __future__ import annotations

import onnx

from edgeinfer_converters.graph.macs import count_macs

FEWEST, MOST = 24, 128

MACS = 7.5e9
"""Multiply-accumulates that a step may spend on its samples: about a second on one core."""


def affordable(model: onnx.ModelProto, count: int) -> int:
    """How many of `count` samples; always the same for the same graph. Shapes must have been inferred."""
    cost = max(sum(count_macs(model).values()), 1)
    return min(count, max(FEWEST, min(MOST, int(MACS // cost))))
