"""Pruning from end to end: groups, what they can do without, how much of each goes, surgery, mending."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import onnx

from edgeinfer.errors import ModelError
from edgeinfer.frames import Array
from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.graph.gemms import fold_factors
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.heap import give_back
from edgeinfer_converters.prune.budget import Cost, Curve, allocate, sizes
from edgeinfer_converters.prune.compensate import Repair, compensate
from edgeinfer_converters.prune.cost import macs_cost
from edgeinfer_converters.prune.curves import measure_curve
from edgeinfer_converters.prune.elimination import Elimination
from edgeinfer_converters.prune.groups import Group, Grouping, find_groups
from edgeinfer_converters.prune.importance import anchored, observe_grams, rank, readers_of
from edgeinfer_converters.prune.moments import Floats
from edgeinfer_converters.prune.probe import Probe
from edgeinfer_converters.prune.recovery import PROBED, recovered
from edgeinfer_converters.prune.selection import left_outputs
from edgeinfer_converters.prune.surgery import keep_channels
from edgeinfer_converters.prune.turn import straighten, turn_channels
from edgeinfer_converters.quantize.execution import single_threaded
from edgeinfer_converters.quantize.hessian import Gram
from edgeinfer_converters.quantize.pair import Samples

Progress = Callable[[str], None]
CostOf = Callable[[GraphView, Grouping], Cost]
NEAR = 0.02
"""Shares that differ by less are the same."""

_FEW_ROWS = 4
"""Of the samples, for each column: least squares on fewer know little."""


@dataclass(frozen=True)
class Choice:
    """A group that lost channels: its first product, what it had and what it keeps."""

    group: str
    channels: int
    kept: int


@dataclass(frozen=True)
class Pruned:
    """The smaller model, the share of the cost that is gone, 0 to 1, and how it came about.

    `time_removed`: the share of the time, where damage was weighed against that.
    """

    model: onnx.ModelProto
    share_removed: float
    choices: tuple[Choice, ...]
    repairs: tuple[Repair, ...]
    warnings: tuple[str, ...]
    time_removed: float | None = None


@dataclass(frozen=True)
class Survey:
    """What is known of a graph before a ratio is chosen: `rankings` and `curves` by group, as `grouping`
    orders them; groups that nothing is known of are left out. `backs`: see `turn_channels`. `time`: what
    damage is weighed against, where that is not the cost."""

    model: onnx.ModelProto
    grouping: Grouping
    rankings: Mapping[str, Elimination]
    curves: Mapping[str, Curve]
    cost: Cost
    backs: Mapping[str, Floats]
    time: Cost | None = None

    @property
    def whole(self) -> Mapping[str, int]:
        """How many channels each group has."""
        return {name: curve.channels for name, curve in self.curves.items()}


def prune(
    prepared: onnx.ModelProto,
    samples: Samples,
    count: int,
    share: float,
    *,
    multiple: int = 1,
    progress: Progress = lambda _: None,
    cost_of: CostOf = macs_cost,
    time_of: CostOf | None = None,
) -> Pruned:
    """The model with `share` (0 to 1) of its cost removed, or the nearest feasible share above.

    `prepared` is a float graph as `prepare` makes it, and stays as it is; `samples` yields the same `count`
    inputs by name each time that it is called. Groups keep multiples of `multiple` channels. Damage is
    weighed against the cost that goes, or the time of `time_of`. `progress` is told what begins. The same
    arguments give the same bytes.
    Raises ModelError: a share that cannot be reached, a graph without channels to remove, or one that the
    runtime cannot run; DataError for samples that do not fit.
    """
    check_share(share)
    with single_threaded():
        found = survey(prepared, samples, count, progress=progress, cost_of=cost_of, time_of=time_of)
        return remove(found, samples, count, share, multiple=multiple, progress=progress)


def check_share(share: float) -> None:
    """Raises ModelError for what is no share."""
    if not 0 < share < 1:
        raise ModelError(
            f"{share:g} of a model cannot be removed", hint="give a share between 0 and 1, such as 0.2"
        )


def survey(
    prepared: onnx.ModelProto,
    samples: Samples,
    count: int,
    *,
    progress: Progress = lambda _: None,
    cost_of: CostOf = macs_cost,
    time_of: CostOf | None = None,
) -> Survey:
    """Rank the channels of each group, and measure what removing them does. Raises ModelError, DataError."""
    model = onnx.ModelProto()
    model.CopyFrom(prepared)
    model = fold_factors(add_biases(model))
    view = GraphView(model)
    grouping = find_groups(view)
    progress("looking at the channels")
    # What is measured on samples that the least squares have seen is too good to be true.
    probed = max(min(PROBED, count // 4), 1)
    stride = max(count // probed, 1)
    others = _Without(samples, stride)

    def probed_samples() -> Iterator[Mapping[str, Array]]:
        return islice(samples(), 0, probed * stride, stride)

    grams = observe_grams(model, others(), count)
    model, backs = turn_channels(model, grouping, grams)
    if backs:
        view = GraphView(model)
        grams = observe_grams(model, others(), count)
    names = [group.name for group in grouping.groups if _is_known(view, group)]
    rankings, curves = _measured(view, grouping, names, grams, probed_samples, progress)
    give_back()
    mended = recovered(model, grouping, rankings, curves, others, count, probed_samples(), progress)
    return Survey(
        model,
        grouping,
        {name: rankings[name] for name in names},
        {name: mended[name] for name in names},
        cost_of(view, grouping),
        backs,
        None if time_of is None else time_of(view, grouping),
    )


def _is_known(view: GraphView, group: Group) -> bool:
    """Of a group that has other readers too, nobody could tell what removing a channel does."""
    return 0 < len(readers_of(view, group)) == len(group.consumers)


def _measured(
    view: GraphView,
    grouping: Grouping,
    names: Sequence[str],
    grams: Mapping[str, Gram],
    probed: Samples,
    progress: Progress,
) -> tuple[Mapping[str, Elimination], Mapping[str, Curve]]:
    """The order in which channels of these groups go, and what that does, front to back."""
    places = {node.name: index for index, node in enumerate(view.nodes)}
    firsts = {name: min(places[one.node] for one in grouping[name].consumers) for name in names}
    probe = Probe(view.model, probed(), PROBED)
    rankings: dict[str, Elimination] = {}
    curves: dict[str, Curve] = {}
    for name in sorted(names, key=lambda one: firsts[one]):
        progress(f"measuring what `{name}` can do without")
        group = grouping[name]
        readers = readers_of(view, group)
        rankings[name] = anchored(rank(readers, grams, group.channels), group)
        probe.advance(firsts[name])
        curves[name] = measure_curve(view, probe, readers, grams, rankings[name])
    return rankings, curves


@dataclass(frozen=True)
class _Without:
    """Samples without every n-th one; all of them where nothing else would be left."""

    samples: Samples
    stride: int

    def __call__(self) -> Iterator[Mapping[str, Array]]:
        for index, one in enumerate(self.samples()):
            if self.stride == 1 or index % self.stride:
                yield one


def remove(
    found: Survey,
    samples: Samples,
    count: int,
    share: float,
    *,
    multiple: int = 1,
    progress: Progress = lambda _: None,
) -> Pruned:
    """Remove a share of the cost from a graph that was surveyed. Raises ModelError."""
    counts = counts_for(found, share, multiple)
    kept = {name: found.rankings[name].kept(number) for name, number in counts.items()}
    view = GraphView(found.model)
    smaller = keep_channels(found.model, found.grouping, {name: one.tolist() for name, one in kept.items()})
    progress("mending what is left")
    mended, repairs = compensate(
        found.model, smaller, left_outputs(view, found.grouping, kept), samples, count
    )
    mended = straighten(mended, find_groups(GraphView(mended)), found.backs, kept)
    removed, time = _gone(found.cost, found.whole, counts), None
    if found.time is not None:
        time = _gone(found.time, found.whole, counts)
    warnings = _warnings(repairs, share, removed)
    return Pruned(mended, removed, _choices(found.whole, counts), repairs, warnings, time)


def _gone(cost: Cost, whole: Mapping[str, int], counts: Mapping[str, int]) -> float:
    return 1 - cost({**whole, **counts}) / cost(whole)


def counts_for(found: Survey, share: float, multiple: int) -> Mapping[str, int]:
    """How many channels each group keeps. Raises ModelError for a share that cannot be reached."""
    counts = allocate(found.curves, found.cost, share, multiple, time=found.time)
    whole = found.whole
    least = {name: sizes(curve, multiple)[-1] for name, curve in found.curves.items()}
    most = 1 - found.cost(least) / found.cost(whole) if whole else 0.0
    if most <= 0:
        raise ModelError("no channels can be removed from this model", hint=f"leave --prune out{_why(found)}")
    if most < share:
        raise ModelError(
            f"no more than {most:.0%} of this model can be removed, {share:.0%} is asked for",
            hint=f"ask for less{_why(found)}",
        )
    return counts


def _why(found: Survey) -> str:
    """What holds the first of the layers that keep their channels."""
    if found.grouping.frozen:
        tensor, reason = found.grouping.frozen[0]
        return f"; `{tensor}` keeps its channels: {reason}"
    unknown = [group.name for group in found.grouping.groups if group.name not in found.curves]
    return (
        f"; `{unknown[0]}` keeps its channels: not all that read them is a product that can be mended"
        if unknown
        else ""
    )


def _choices(whole: Mapping[str, int], counts: Mapping[str, int]) -> tuple[Choice, ...]:
    return tuple(Choice(name, whole[name], kept) for name, kept in counts.items() if kept < whole[name])


def _warnings(repairs: tuple[Repair, ...], share: float, removed: float) -> tuple[str, ...]:
    found = []
    few = [one.node for one in repairs if one.rows < _FEW_ROWS * one.width]
    if few:
        layers = f"`{few[0]}`" if len(few) == 1 else f"{len(few)} layers (`{few[0]}`, …)"
        keep = "keeps much of its" if len(few) == 1 else "keep much of their"
        found.append(
            f"pruning: the calibration data say too little about {layers}, which {keep} old weights: "
            "give more samples"
        )
    if abs(removed - share) > NEAR:
        found.append(f"pruning: {removed:.1%} of the cost is gone, {share:.1%} was asked for: the nearest")
    return tuple(found)
