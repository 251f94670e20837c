"""Front to back, each product of a pruned network learns to give what it gave in the original one.

Its columns are those of the network that is already pruned and mended before it, its targets those of the
original: so it makes up for the channels that it lost, and for what is still wrong before it. Where a sum
follows, the target is what the sum was, less what the other side of it is now.
Source: He, Zhang, Sun, "Channel Pruning for Accelerating Very Deep Neural Networks" (ICCV 2017), sections
3.2 and 3.3; with the old weights in place of zero as what the ridge draws to. What a ReLU or Clip cuts off
is no error, on whichever side of the bound the target is: Zhang et al., "Accelerating Very Deep
Convolutional Networks for Classification and Detection" (TPAMI 2016), section 3.2, with the targets beyond
a bound moved to where the product is, again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx
from onnx import numpy_helper

from edgeinfer.frames import Array
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.weights import outlined
from edgeinfer_converters.prune.elimination import Indices
from edgeinfer_converters.prune.moments import (
    Floats,
    Moments,
    ShelvedMoments,
    moments_of,
    total_of,
    with_targets,
)
from edgeinfer_converters.prune.ridge import Fit, fit, fit_at, fit_roughly
from edgeinfer_converters.prune.targets import Target, targets_of
from edgeinfer_converters.quantize.columns import as_rows, from_rows
from edgeinfer_converters.quantize.operators import bias_input
from edgeinfer_converters.quantize.pair import Half, Pair, Samples
from edgeinfer_converters.quantize.segments import Values

MEMORY_BYTES = 48_000_000
MAX_SAMPLES = 256
MAX_WIDTH = 2304
"""Of columns: wider products keep their weights, and have their means corrected. So do convolutions in
groups, whose few weights for each channel have little to make up for."""

FOLDS = 4
MAX_NUMBERS = 24_000_000
"""In the columns that a product is fitted to: of wide ones fewer positions are looked at, for time's sake."""


@dataclass(frozen=True)
class Pains:
    """How much is done for the weights: at most so many samples, and positions of each.

    `refinements`: how often the targets are set anew for what a ReLU or Clip behind the product makes of
    them. `tried`: the strength of the ridge is found by trying, not guessed from the number of rows.
    """

    samples: int
    positions: int
    refinements: int
    tried: bool


THOROUGH = Pains(samples=MAX_SAMPLES, positions=1024, refinements=3, tried=True)
ROUGH = Pains(samples=256, positions=128, refinements=0, tried=False)
"""For an idea of what can be made up for, in a small part of the time."""


@dataclass(frozen=True)
class Repair:
    """What was done to a product. `before` and `after`: its squared error relative to the power of its
    targets, on samples that were left out; `strength` of the ridge; `rows` it was fitted to."""

    node: str
    before: float
    after: float
    strength: float
    rows: int
    width: int


@dataclass(frozen=True)
class _Rows:
    """Of one sample: columns (rows, groups, width), targets (rows, groups, outputs), and what is added to
    both before the bounds apply, if anything is."""

    columns: Array
    targets: Array
    added: Array | None

    def moments(self) -> Moments:
        return moments_of(self.columns, self.targets)

    def moved(self, weights: Floats, bias: Floats, bounds: tuple[float, float]) -> _Rows:
        """With targets beyond a bound where the product is, if that is beyond it too; else on the bound."""
        made = _products(self.columns, weights)
        made += bias.astype(np.float32)
        added = np.float32(0) if self.added is None else self.added
        low, high = bounds
        made += added
        goal = self.targets + added
        goal = np.where(goal <= low, np.minimum(made, low), goal)
        goal = np.where(goal >= high, np.maximum(made, high), goal)
        return _Rows(self.columns, goal - added, self.added)


def compensate(
    reference: onnx.ModelProto,
    pruned: onnx.ModelProto,
    outputs: Mapping[str, Indices],
    samples: Samples,
    count: int,
    *,
    biases_only: bool = False,
    pains: Pains = THOROUGH,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[onnx.ModelProto, tuple[Repair, ...]]:
    """The pruned model with the best weights, and what became of each product.

    Both models are prepared and have the same nodes by name; `outputs` holds by node the output channels
    that are left, where some are not. `samples` yields the same `count` inputs each time; `progress` is
    called with 1 after each product. With `biases_only` the weights stay. Raises ModelError.
    """
    mended = onnx.ModelProto()
    mended.CopyFrom(pruned)
    halves = (_half(reference), _half(pruned))
    pair = Pair(halves, samples, min(count, pains.samples), memory_bytes=MEMORY_BYTES)
    stored = {tensor.name: tensor for tensor in mended.graph.initializer}
    repairs = []
    widest = 0 if biases_only else MAX_WIDTH
    for target in targets_of((halves[0].model, halves[1].model), outputs, widest):
        pair.advance(target.ends)
        found, repair = _repaired(pair, target, pains)
        for tensor in _changed(pair.halves[1], target, found):
            pair.halves[1].changed[tensor.name] = tensor
            stored[tensor.name].CopyFrom(tensor)
        repairs.append(repair)
        progress(1)
    return mended, tuple(repairs)


def _half(model: onnx.ModelProto) -> Half:
    return Half(infer_shapes(outlined(model)), {one.name: one for one in model.graph.initializer})


def _repaired(pair: Pair, target: Target, pains: Pains) -> tuple[Fit, Repair]:
    rows = _AllRows(target, _start(pair.halves[1], target), pair.waiting, pains.positions)
    parts = min(FOLDS, len(pair.waiting)) if pains.tried else 1
    folds = ShelvedMoments(total_of(one.moments() for one in rows.of(n, parts)) for n in range(parts))
    start, width = rows.start[:, :, : target.fitted], target.make.width
    biased = bias_input(target.node) is not None
    best = fit(folds, start, biased=biased) if pains.tried else fit_roughly(folds[0], start, biased=biased)
    total = total_of(folds)
    repair = Repair(target.node.name, best.before, best.error, best.strength, total.count, width)
    return _refined(best, total, rows, start, target.bounds, pains.refinements), repair


@dataclass(frozen=True)
class _AllRows:
    """Those of all samples that wait, made anew whenever they are asked for: together they are too large."""

    target: Target
    start: Floats
    waiting: Sequence[Sequence[Values]]
    positions: int

    def of(self, first: int = 0, step: int = 1) -> Iterator[_Rows]:
        """The rows of every `step`-th sample from the `first` on."""
        make = self.target.make
        numbers = make.width * make.groups * len(self.waiting)
        most = int(np.clip(MAX_NUMBERS // numbers, 1, self.positions))
        for number in range(first, len(self.waiting), step):
            wanted, found = self.waiting[number]
            yield _rows(self.target, self.start, wanted, found, number, most)


def _refined(
    best: Fit,
    total: Moments,
    rows: _AllRows,
    start: Floats,
    bounds: tuple[float, float] | None,
    times: int,
) -> Fit:
    for _ in range(times):
        if bounds is None or best.bias is None:
            break
        aims = (one.moved(best.weights, best.bias, bounds) for one in rows.of())
        total = with_targets(total, ((one.columns, one.targets) for one in aims))
        weights, bias = fit_at(total, start, best.strength, biased=True)
        best = replace(best, weights=weights, bias=bias)
    return best


def _products(columns: Array, weights: Floats) -> Array:
    """(rows, groups, outputs)."""
    made: Array = (columns.transpose(1, 0, 2) @ weights.astype(np.float32).transpose(0, 2, 1)).transpose(
        1, 0, 2
    )
    return made


def _rows(target: Target, start: Floats, wanted: Values, found: Values, number: int, most: int) -> _Rows:
    goal, added = wanted[target.total], None
    if target.outputs is not None:
        goal = np.take(goal, target.outputs, axis=1 if target.make.kernel else -1)
    if target.other:
        added = found[target.other]
        goal = goal - added
        added = target.make.results(added, number, most)
    columns = target.make.take(found[target.node.input[0]], number, most)
    goals = target.make.results(goal, number, most)
    if not target.fitted:
        goals = goals - _products(columns, start)
    return _Rows(columns[:, :, : target.fitted], goals, added)


def _start(half: Half, target: Target) -> Floats:
    weights = numpy_helper.to_array(half.constant(target.node.input[1]))
    rows: Floats = target.make.arrange(as_rows(target.node, weights)).astype(np.float64)
    return rows


def _changed(half: Half, target: Target, found: Fit) -> list[onnx.TensorProto]:
    name = target.node.input[1]
    shape = tuple(half.constant(name).dims)
    changed = []
    if target.fitted:
        rows = target.make.restore(found.weights)
        weights = np.ascontiguousarray(from_rows(target.node, rows, shape), np.float32)
        changed.append(numpy_helper.from_array(weights, name))
    if found.bias is not None:
        bias_name = target.node.input[2]
        bias_shape = tuple(half.constant(bias_name).dims)
        bias = found.bias.reshape(bias_shape).astype(np.float32)
        changed.append(numpy_helper.from_array(bias, bias_name))
    return changed
