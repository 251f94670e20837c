"""The activations of a graph, some at a time: it runs in pieces, one handing on to the next.

A runtime that is asked for every activation of a network has all of them in memory at once, twice while
it copies them; a sample's pass through a detector takes hundreds of megabytes that way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import onnx

from edgeinfer.frames import Array
from edgeinfer_converters.graph.memory import tensor_bytes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.segments import Cut, Values
from edgeinfer_converters.quantize.timeline import Timeline

PIECE_BYTES = 4_000_000
"""Activations of a piece, but for the last one: more pieces would take longer, and are cut no finer."""


class Relay:
    """Sessions for the pieces of a prepared float graph whose tensors `names` are asked for."""

    def __init__(self, model: onnx.ModelProto, names: Collection[str]) -> None:
        """Raises ModelError if the runtime cannot load the model."""
        self._names = frozenset(names)
        timeline = Timeline(model)
        ends = piece_ends(model, self._names)
        cuts = [Cut(timeline, start, end, self._names) for start, end in zip([0, *ends], ends, strict=False)]
        self._runners = [(cut.runner(pooled=False), timeline.needed_behind(cut.end)) for cut in cuts]

    def run(self, sample: Mapping[str, Array], where: str) -> Iterator[Values]:
        """The tensors asked for, one part after the other. Raises ModelError that begins with `where`."""
        held = dict(sample)
        yield self._asked(held)
        for runner, needed in self._runners:
            made = runner.run(held, where)
            held = {name: array for name, array in (held | made).items() if name in needed}
            yield self._asked(made)

    def _asked(self, values: Values) -> Values:
        return {name: array for name, array in values.items() if name in self._names}


def piece_ends(model: onnx.ModelProto, names: frozenset[str]) -> list[int]:
    """The positions in the list of nodes behind which a piece ends, the last of them the graph's end.

    Only what makes a tensor asked for may end a piece: nothing that the runtime would merge comes apart.
    """
    sizes = tensor_bytes(GraphView(model))
    timeline = Timeline(model)
    ends, size = [], 0
    for position, node in enumerate(model.graph.node, 1):
        size += sum(sizes.get(name, 0) for name in node.output)
        # Of what is handed on all must be known.
        typed = timeline.waiting(position) <= sizes.keys()
        if size >= PIECE_BYTES and not names.isdisjoint(node.output) and typed:
            ends.append(position)
            size = 0
    return ends if ends and not size else [*ends, len(model.graph.node)]
