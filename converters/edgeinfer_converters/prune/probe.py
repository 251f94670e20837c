"""How much of a harm done somewhere in a network arrives at its outputs, on samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

import numpy as np
import onnx

from edgeinfer.frames import Array
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.weights import outlined
from edgeinfer_converters.quantize.pair import Half, copied, waiting_bytes
from edgeinfer_converters.quantize.segments import Values

MEMORY_BYTES = 256_000_000

SQUASHING = frozenset({"LogSoftmax", "Sigmoid", "Softmax"})
"""What may follow the numbers that matter: differences are measured before it."""


class Probe:
    """A prepared float graph, with samples that wait before one of its nodes."""

    def __init__(self, model: onnx.ModelProto, samples: Iterable[Mapping[str, Array]], count: int) -> None:
        """At most `count` of the samples are used, as many as fit into the memory. Raises ModelError."""
        constants = {tensor.name: tensor for tensor in model.graph.initializer}
        outline = infer_shapes(outlined(model))
        self._outputs = _telling_outputs(GraphView(outline))
        self._half = Half(outline, constants)
        fitting = MEMORY_BYTES // max(waiting_bytes(outline), 1)
        self._waiting: list[Values] = [dict(one) for one in islice(samples, int(np.clip(fitting, 4, count)))]
        self._clean = self._run()
        self._power = self._spread()

    def advance(self, position: int) -> None:
        """Let the samples wait before the node at `position`, which must not lie behind them."""
        half = self._half
        if position > half.position:
            runner = half.runner(half.position, position)
            needed = half.timeline.needed_behind(position) | self._outputs
            self._waiting = [copied(needed, one, runner) for one in self._waiting]
            half.position = position

    def noise(self, changed: Mapping[str, onnx.TensorProto]) -> float:
        """The squared difference that other constants behind the samples make, relative to the spread of
        the outputs; the mean of all outputs."""
        self._half.changed = dict(changed)
        found = self._run()
        self._half.changed = {}
        return self._share(found)

    def difference(self, model: onnx.ModelProto) -> float:
        """The same for another model with these outputs; only before the samples have advanced."""
        if self._half.position:
            raise AssertionError("the samples wait behind the inputs")
        constants = {tensor.name: tensor for tensor in model.graph.initializer}
        other = Half(infer_shapes(outlined(model)), constants)
        runner = other.runner(0, len(other.model.graph.node), self._outputs)
        return self._share([copied(self._outputs, one, runner) for one in self._waiting])

    def _share(self, found: Sequence[Values]) -> float:
        shares = [
            sum(
                float(np.square(a[name] - b[name], dtype=np.float64).sum())
                for a, b in zip(found, self._clean, strict=True)
            )
            / self._power[name]
            for name in sorted(self._outputs)
        ]
        return sum(shares) / len(shares)

    def _run(self) -> list[Values]:
        half = self._half
        end = len(half.model.graph.node)
        runner = half.runner(half.position, end, self._outputs)
        return [copied(self._outputs, one, runner) for one in self._waiting]

    def _spread(self) -> Mapping[str, float]:
        found = {}
        for name in self._outputs:
            rows = np.stack([one[name] for one in self._clean]).astype(np.float64)
            found[name] = max(float(np.square(rows - rows.mean(axis=0)).sum()), 1e-30)
        return found


def _telling_outputs(view: GraphView) -> frozenset[str]:
    """The outputs, or what they are squashed from; floats alone."""
    found = set()
    for output in view.outputs:
        name = output
        while name in view.producers and view.producers[name].op_type in SQUASHING:
            name = view.producers[name].input[0]
        found.add(name)
    return frozenset(found & view.floats)
