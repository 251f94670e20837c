"""Whether the data that a model is judged on lie within the ranges that calibration has chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
import onnx

from edgeinfer.frames import Array
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.relay import Relay
from edgeinfer_converters.report.probes import Quantizer, find_probes

SAMPLES = 8
"""Of each of the two sets of data: data of another kind show on each of them."""

LEAST_SHARE = 0.01
TIMES = 4
"""A tensor stands out where more of it is cut off than this share, and than calibration does so often."""

FEW_VALUES = 16
"""So few values say nothing: chance drives some out of range in any data."""

Inputs = Iterable[Mapping[str, Array]]


@dataclass(frozen=True)
class Saturated:
    """A tensor and the share of its values that its range cuts off: in calibration, and in other data."""

    tensor: str
    calibrated: float
    found: float


def saturated_tensors(
    twin: onnx.ModelProto, quantized: onnx.ModelProto, calibration: Inputs, others: Inputs
) -> tuple[Saturated, ...]:
    """The tensors that `others` drive out of range, the worst first; a few samples of each are looked at.

    `twin` is the float graph that `quantized` was made of. Ranges that end at a Relu or Clip cut nothing
    off. Raises ModelError if the graph cannot be run.
    """
    quantizers = {
        probe.tensor: probe.quantizer
        for probe in find_probes(GraphView(twin), GraphView(quantized))
        if probe.quantizer is not None
    }
    before, now = (_shares(twin, quantizers, inputs) for inputs in (calibration, others))
    found = [
        Saturated(name, before[name], now[name])
        for name in quantizers
        if now[name] > max(LEAST_SHARE, TIMES * before[name])
    ]
    return tuple(sorted(found, key=lambda one: (-one.found, one.tensor)))


def _shares(twin: onnx.ModelProto, quantizers: Mapping[str, Quantizer], inputs: Inputs) -> dict[str, float]:
    outside, seen = dict.fromkeys(quantizers, 0), dict.fromkeys(quantizers, 0)
    relay = Relay(twin, quantizers)
    # Infinities are beyond any range, and nothing to fail for: this is no more than a warning.
    for part in chain.from_iterable(relay.run(one, "data out of range") for one in islice(inputs, SAMPLES)):
        for name, array in part.items():
            quantizer = quantizers[name]
            half = quantizer.scale / 2
            beyond = (array < quantizer.low - half) | (array > quantizer.high + half)
            outside[name] += int(np.count_nonzero(beyond))
            seen[name] += array.size
    return {name: outside[name] / seen[name] if outside[name] > FEW_VALUES else 0.0 for name in quantizers}
