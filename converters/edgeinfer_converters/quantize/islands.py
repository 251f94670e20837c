"""Float islands: the few operators that stay float in a mixed model, where rounding hurts most.

A quantized tensor makes no noise any more once all integer operators around it are float. So each tensor
has a gain, the noise that it alone makes at the outputs, and a cost, the multiply-accumulates of the
products around it. A pointwise product that makes it costs none: it can be integer and give a float result
(`rows`). Nor does one that reads it, if it takes it in two parts (`two_part`): it stays integer, and is
computed twice, hence only for the noisiest tensors. Taken are the best gains for the cost until the share
that may be float is used up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import onnx

from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.rows import is_pointwise
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.affine import Affine
from edgeinfer_converters.quantize.noise import NoiseMeter
from edgeinfer_converters.quantize.operators import CLAMPS
from edgeinfer_converters.quantize.placement import Placement, place
from edgeinfer_converters.quantize.residual import GOOD_DB

LEAST_GAIN = 0.00001
"""Of the whole noise: less is not worth a change of types. Of many small ones the sum is not small: once the
noisiest tensors are free, those below a hundredth make most of what is left."""

LEAST_HALVED = 0.003
"""Of the whole noise: less is not worth a product more."""

MAX_EXTRA = 0.06
"""Of the model's multiply-accumulates, those that inputs in two parts may add."""

NOISY = 10 ** (-GOOD_DB / 10)
"""A noise above which inputs are taken in two parts."""


@dataclass(frozen=True)
class Islands:
    """`nodes`: the operators that become float. `float_results`: products that stay integer, but for
    their result. `two_part`: integer products that take their input in two parts. `gains`: the tensors that
    this frees, with the share of the noise that each makes alone."""

    nodes: frozenset[str]
    float_results: frozenset[str]
    gains: Mapping[str, float]
    two_part: frozenset[str] = frozenset()


def choose_islands(
    model: onnx.ModelProto,
    floats: frozenset[str],
    scales: Mapping[str, Affine],
    meter: NoiseMeter,
    max_share: float,
    progress: Callable[[int], None],
    *,
    max_extra: float = 0.0,
    integer_results: bool = False,
) -> Islands:
    """The operators that should be float besides `floats`, with `max_share` of the multiply-accumulates
    in float at most, and inputs in two parts for `max_extra` of them on top. What can be nothing but float
    does not count. `progress` is called with 1 after each of `count_tensors`. `integer_results`: see `place`.
    """
    view = GraphView(model)
    macs = count_macs(model)
    placement = place(view, floats, integer_results=integer_results)
    whole = meter.of(scales)
    groups = placement.groups()
    alone = meter.of_each([{name: scales[name] for name in members} for members in groups.values()])
    gains = {}
    for leader, noise in zip(groups, alone, strict=True):
        gains[leader] = noise / whole if whole else 0.0
        progress(1)
    total = sum(macs.values())
    budget = max_share * total - sum(macs.get(name, 0) for name in floats)
    # What is good already gains nothing by it, and may lose.
    takers = _takers(view, placement, gains, macs, max_extra * total) if whole > NOISY else {}
    return _greedy(view, placement, takers, gains, macs, budget)


def count_tensors(model: onnx.ModelProto, floats: frozenset[str], *, integer_results: bool = False) -> int:
    """How many tensors `choose_islands` measures."""
    return len(place(GraphView(model), floats, integer_results=integer_results).groups())


def _takers(
    view: GraphView,
    placement: Placement,
    gains: Mapping[str, float],
    macs: Mapping[str, int],
    budget: float,
) -> Mapping[str, frozenset[str]]:
    """For the noisiest groups the products that take them in two parts, the best gains for the cost first."""
    groups = placement.groups()
    readers = {
        leader: _pointwise_readers(view, placement, groups[leader])
        for leader, gain in gains.items()
        if gain >= LEAST_HALVED
    }
    costs = {leader: sum(macs[name] for name in names) for leader, names in readers.items()}
    takers: dict[str, frozenset[str]] = {}
    for leader in sorted(readers, key=lambda one: (costs[one] / gains[one], one)):
        if costs[leader] <= budget:
            budget -= costs[leader]
            takers[leader] = readers[leader]
    return takers


def _greedy(
    view: GraphView,
    placement: Placement,
    takers: Mapping[str, frozenset[str]],
    gains: Mapping[str, float],
    macs: Mapping[str, int],
    budget: float,
) -> Islands:
    groups = placement.groups()
    makers = {leader: _pointwise_makers(view, placement, members) for leader, members in groups.items()}
    floats = {
        leader: _around(view, placement, members) - makers[leader] - takers.get(leader, frozenset())
        for leader, members in groups.items()
    }
    worthy = [leader for leader in groups if gains[leader] >= LEAST_GAIN]
    nodes: frozenset[str] = frozenset()
    freed: dict[str, float] = {}

    def cost(leader: str) -> int:
        return sum(macs.get(name, 0) for name in floats[leader] - nodes)

    while worthy:
        best = min(worthy, key=lambda leader: (cost(leader) / gains[leader], leader))
        worthy.remove(best)
        if cost(best) <= budget:
            budget -= cost(best)
            nodes |= floats[best]
            freed[best] = gains[best]
    results = frozenset(name for leader in freed for name in makers[leader]) - nodes
    parts = frozenset(name for leader in freed for name in takers.get(leader, ())) - nodes
    return Islands(nodes, results, freed, parts)


def _around(view: GraphView, placement: Placement, members: list[str]) -> frozenset[str]:
    """The integer operators that make or read a group of tensors."""
    names = _with_absorbed(placement, members)
    found = [view.producers[name] for name in names if name in view.producers]
    found += [reader for name in names for reader in view.readers.get(name, ())]
    return frozenset(node.name for node in found if node.name in placement.nodes)


def _pointwise_makers(view: GraphView, placement: Placement, members: list[str]) -> frozenset[str]:
    # Not those in front of a clamp: ONNX Runtime computes a Gemm with a clamp of floats behind it in float.
    open_ended = [
        name
        for name in _with_absorbed(placement, members)
        if not any(reader.op_type in CLAMPS for reader in view.readers.get(name, ()))
    ]
    made = [view.producers[name] for name in open_ended if name in view.producers]
    return frozenset(node.name for node in made if node.name in placement.nodes and is_pointwise(node, view))


def _pointwise_readers(view: GraphView, placement: Placement, members: list[str]) -> frozenset[str]:
    found = [reader for name in members for reader in view.readers.get(name, ())]
    return frozenset(node.name for node in found if node.name in placement.nodes and is_pointwise(node, view))


def _with_absorbed(placement: Placement, members: list[str]) -> list[str]:
    """The tensors, and those before a clamp that their integers stand for too."""
    behind = {target: source for source, target in placement.absorbed.items()}
    return [*members, *(behind[name] for name in members if name in behind)]
