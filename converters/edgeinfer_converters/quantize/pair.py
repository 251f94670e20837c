"""Two models side by side, the same samples waiting in both at corresponding places.

Both advance step by step; samples wait at the cut, as many as fit into the memory. Further on, where
tensors are smaller, more samples are run from the beginning, so that each sample runs through the whole
graph a few times at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

import numpy as np
import onnx

from edgeinfer.frames import Array
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.segments import Cut, Runner, Values
from edgeinfer_converters.quantize.threads import each
from edgeinfer_converters.quantize.timeline import Timeline

_WORTHWHILE, _WORTHWHILE_TO_KEEP, _WORTHWHILE_FOR_ALL = 4, 2, 1.5
"""Samples are added when as many times more of them fit: here, or also at the next step if it is known, or
all there are: it will not have to be done again."""

_MANY = 16
"""So many samples fit only where tensors are small against the memory for all of them."""

Samples = Callable[[], Iterable[Mapping[str, Array]]]


@dataclass
class Half:
    """One of the two models in outlines, its constants, and its samples waiting before node `position`."""

    model: onnx.ModelProto
    constants: Mapping[str, onnx.TensorProto]
    changed: dict[str, onnx.TensorProto] = field(default_factory=dict)
    position: int = 0

    @cached_property
    def timeline(self) -> Timeline:
        """When its tensors are made and read."""
        return Timeline(self.model)

    @cached_property
    def view(self) -> GraphView:
        """The same of who makes and reads them."""
        return GraphView(self.model)

    @cached_property
    def _positions(self) -> Mapping[str, int]:
        return {node.name: position for position, node in reversed([*enumerate(self.model.graph.node)])}

    def constant(self, name: str) -> onnx.TensorProto:
        """What has changed, or else what there was."""
        return self.changed[name] if name in self.changed else self.constants[name]

    def runner(self, start: int, end: int, wanted: frozenset[str] = frozenset()) -> Runner:
        """What runs the nodes from `start` to `end`, the latter not included; see `Cut`."""
        return Cut(self.timeline, start, end, wanted, constants=self.constant).runner()

    def index(self, name: str) -> int:
        """The position of a node."""
        return self._positions[name]


class Pair:
    """Two halves, and at most `count` of the samples, which are the same whenever they are asked for."""

    def __init__(self, halves: tuple[Half, Half], samples: Samples, count: int, *, memory_bytes: int) -> None:
        self.halves = halves
        self._sizes = [_sizes(half.model) for half in halves]
        self._samples = samples
        self._count = count
        self._memory_bytes = memory_bytes
        self.waiting: list[list[Values]] = []

    def advance(self, ends: Sequence[int], then: Sequence[int] | None = None) -> None:
        """Run both models up to these positions, the nodes there not included.

        Of each sample what later nodes read waits in `waiting`, and the results of the last node that ran.
        With the next positions, `then`, no samples are begun anew that would have to be given up there.
        """
        starts = [half.position for half in self.halves]
        fitting, known = self._fitting(starts, ends), len(self.waiting)
        most = fitting if then is None or not known else min(fitting, self._fitting(ends, then))
        factor: float = _WORTHWHILE if then is None else _WORTHWHILE_TO_KEEP
        if most == self._count > known:
            factor = min(factor, _WORTHWHILE_FOR_ALL)
        if not known or most >= factor * known:
            self._fill(ends, most)
        else:
            self.waiting = self.waiting[:fitting]
            self._run(ends)
        for half, end in zip(self.halves, ends, strict=True):
            half.position = end

    def _fitting(self, starts: Sequence[int], ends: Sequence[int]) -> int:
        """How many samples may wait at most on the way from `starts` to `ends`."""
        size = 1
        for half, sizes, *way in zip(self.halves, self._sizes, starts, ends, strict=True):
            size += max(_waiting_bytes(half.timeline, sizes, position) for position in way)
        return int(np.clip(self._memory_bytes // size, 2, self._count))

    def _fill(self, ends: Sequence[int], count: int) -> None:
        self.waiting = []  # there is no room for both
        runners = [half.runner(0, end) for half, end in zip(self.halves, ends, strict=True)]
        needed = self._needed(ends)

        def run(job: tuple[Mapping[str, Array], int]) -> Values:
            sample, side = job
            return copied(needed[side], dict(sample), runners[side])

        # Both halves of a sample, one after the other: whichever thread is free takes the next one.
        jobs = ((sample, side) for sample in islice(self._samples(), count) for side in (0, 1))
        made = each(run, jobs)
        self.waiting = [[one, next(made)] for one in made]

    def _run(self, ends: Sequence[int]) -> None:
        needed = self._needed(ends)

        def advance(side: int) -> None:
            runner = self.halves[side].runner(self.halves[side].position, ends[side])
            for pair in self.waiting:
                pair[side] = copied(needed[side], pair[side], runner)

        # Where tensors are wide, one half after the other: each session holds several of them.
        narrow = len(self.waiting) >= _MANY
        for _ in each(advance, (0, 1)) if narrow else map(advance, (0, 1)):
            pass

    def _needed(self, ends: Sequence[int]) -> list[frozenset[str]]:
        """What waits before `ends` in each half: what is still read, and the last node's results."""
        return [
            half.timeline.needed_behind(end) | half.timeline.results(end)
            for half, end in zip(self.halves, ends, strict=True)
        ]


def copied(names: frozenset[str], values: Values, runner: Runner) -> Values:
    """What of the values and the piece's results has one of the names; copies of the latter, as theirs is
    the runtime's memory, which comes in larger parts. Raises ModelError."""
    made = runner.run(values)
    kept = {name: array for name, array in values.items() if name in names}
    return kept | {name: array.copy() for name, array in made.items() if name in names}


def waiting_bytes(model: onnx.ModelProto) -> int:
    """What a sample needs at most while it waits, wherever that is."""
    sizes, timeline = _sizes(model), Timeline(model)
    ends = range(1, len(model.graph.node) + 1)
    return max((_waiting_bytes(timeline, sizes, end) for end in ends), default=0)


def _sizes(model: onnx.ModelProto) -> Mapping[str, int]:
    """Bytes of each tensor; integers count as one, everything else as four a value."""
    view = GraphView(model)
    return {
        name: int(np.prod([max(dim, 1) for dim in shape])) * (4 if name in view.floats else 1)
        for name, shape in view.shapes.items()
        if name not in view.initializers
    }


def _waiting_bytes(timeline: Timeline, sizes: Mapping[str, int], position: int) -> int:
    return sum(sizes.get(name, 0) for name in timeline.waiting(position)) if position else 0
