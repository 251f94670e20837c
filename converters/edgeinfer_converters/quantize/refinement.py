"""Refining the ranges of activations: by the error at the model's outputs, no longer at each tensor alone.

A range with the least squared error at its own tensor weighs all values alike; what lies behind may depend
on the large ones most. Each tensor's range is made narrower or wider for as long as the noise that it alone
makes at the outputs falls. What was found must also hold on samples that it was not found on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.affine import Affine, clamps_like, stretched
from edgeinfer_converters.quantize.noise import NoiseMeter
from edgeinfer_converters.quantize.operators import clamp_bounds
from edgeinfer_converters.quantize.placement import Placement
from edgeinfer_converters.quantize.threads import each

STEP = 1.12
MOST_STEPS = 4
"""A range ends up between 0.64 and 1.57 times as wide."""

GAIN = 0.97
"""What a step must leave of a tensor's noise at most: less may be chance."""

LEAST_SHARE = 0.005
"""Of the noise of all tensors: those with less are left alone."""

RUNS = 4
"""Of each sample for each tensor, about."""


def refine_ranges(
    view: GraphView,
    placement: Placement,
    scales: Mapping[str, Affine],
    meter: NoiseMeter,
    judge: NoiseMeter,
    progress: Callable[[int], None] = lambda _: None,
) -> Mapping[str, float]:
    """Factors for the ranges of `scales`, by tensor; those whose range is best as it is are left out.

    `placement` and `scales` are of the float graph that both meters measure, `judge` on other samples.
    The last results of a network are left alone, and whatever saturation clamps as the graph does, it still
    does. `progress` is called with the number of tensors that are done.
    """
    factors = _Search(view, placement, scales, meter).factors(progress)
    refined = {name: stretched(affine, factors.get(name, 1.0)) for name, affine in scales.items()}
    return factors if factors and judge.of(refined) < judge.of(scales) else {}


@dataclass(frozen=True)
class _Search:
    view: GraphView
    placement: Placement
    scales: Mapping[str, Affine]
    meter: NoiseMeter

    def factors(self, progress: Callable[[int], None]) -> Mapping[str, float]:
        """The best factor of each tensor whose noise matters, by itself."""
        groups = [one for one in self.placement.groups().values() if self.placement.finals.isdisjoint(one)]
        alone = list(each(self._noise, groups))
        least = LEAST_SHARE * sum(alone)
        noisy = [(one, noise) for one, noise in zip(groups, alone, strict=True) if noise > least]
        progress(len(self.placement.tensors) - sum(len(group) for group, _ in noisy))
        found: dict[str, float] = {}
        for (group, _), factor in zip(noisy, each(lambda one: self._best(*one), noisy), strict=True):
            found |= dict.fromkeys(group, factor)
            progress(len(group))
        return {name: factor for name, factor in found.items() if factor != 1.0}

    def _noise(self, group: Sequence[str], factor: float = 1.0) -> float:
        return self.meter.of({name: stretched(self.scales[name], factor) for name in group})

    def _best(self, group: Sequence[str], noise: float) -> float:
        """Wider, as long as that helps; narrower, if wider did not help at all."""
        best = 1.0
        for step in (STEP, 1 / STEP):
            for power in range(1, MOST_STEPS + 1):
                factor = step**power
                found = self._noise(group, factor) if self._clamps_as_before(group, factor) else noise
                if found > GAIN * noise:
                    break
                best, noise = factor, found
            if best != 1.0:
                break
        return best

    def _clamps_as_before(self, group: Sequence[str], factor: float) -> bool:
        for name in group:
            bounds = self._bounds.get(name)
            if bounds is not None:
                before = self.scales[name]
                if clamps_like(before, *bounds) != clamps_like(stretched(before, factor), *bounds):
                    return False
        return True

    @cached_property
    def _bounds(self) -> Mapping[str, tuple[float | None, float | None]]:
        """Of the clamps that saturation may replace."""
        clamps = {name: self.view.producers[name] for name in self.placement.absorbed.values()}
        found = {name: clamp_bounds(node, self.view) for name, node in clamps.items()}
        return {name: bounds for name, bounds in found.items() if bounds is not None}
