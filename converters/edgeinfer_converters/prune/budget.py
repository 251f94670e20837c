"""How many channels each group keeps, so that a share of the cost goes for the least damage.

Every group has a curve: the damage of removing so many of its channels. The cheapest step, by damage for
cost or time saved, is taken again and again: the continuous knapsack, for curves that grow ever steeper;
where one does not, a step counts as part of the best stretch that begins with it.
Source: Dantzig, "Discrete-Variable Extremum Problems" (Operations Research 1957).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from edgeinfer_converters.prune.moments import Floats

Kept = Mapping[str, int]
Cost = Callable[[Kept], float]
"""What the network costs when each group keeps so many channels; falls with every channel that goes."""


@dataclass(frozen=True)
class Curve:
    """`damages[k]`: that of removing k channels; not falling, and 0 for none. `least` channels must stay."""

    damages: Floats
    least: int

    @property
    def channels(self) -> int:
        """How many there are."""
        return len(self.damages) - 1


def allocate(
    curves: Mapping[str, Curve], cost: Cost, share: float, multiple: int, *, time: Cost | None = None
) -> dict[str, int]:
    """How many channels each group keeps for `share` of the cost to go, or as much as can go.

    With `time` the damage is weighed against that, and the cost only says when it is enough. What is kept
    is all, or a multiple of `multiple`; of less in groups that are small. The order of the groups decides
    between equals.
    """
    kept = {name: curve.channels for name, curve in curves.items()}
    most = (1 - share) * cost(kept)
    while cost(kept) > most:
        slopes = {name: _slope(curve, kept, name, time or cost, multiple) for name, curve in curves.items()}
        steps = {name: slope for name, slope in slopes.items() if slope is not None}
        if not steps:
            break
        name = min(steps, key=lambda one: steps[one])
        kept[name] = _next(curves[name], kept[name], multiple)
    return _given_back(curves, kept, cost, most, multiple)


def _given_back(
    curves: Mapping[str, Curve], kept: dict[str, int], cost: Cost, most: float, multiple: int
) -> dict[str, int]:
    """The last step may have removed too much: what did most damage comes back while the cost allows."""
    while True:
        found = []
        for name, curve in curves.items():
            larger = [n for n in sizes(curve, multiple) if n > kept[name]]
            if larger and cost({**kept, name: larger[-1]}) <= most:
                lost, less = curve.channels - kept[name], curve.channels - larger[-1]
                found.append((curve.damages[lost] - curve.damages[less], name, larger[-1]))
        if not found:
            return kept
        _, name, size = max(found, key=lambda one: one[0])
        kept[name] = size


def sizes(curve: Curve, multiple: int) -> list[int]:
    """The numbers of channels that may stay, most first."""
    step = step_of(curve.channels, multiple)
    largest = (curve.channels - 1) // step * step
    least = max(curve.least, 1)
    return [curve.channels, *(n for n in range(largest, 0, -step) if n >= least)]


def step_of(channels: int, multiple: int) -> int:
    """The multiple, or the largest half of a half of it of which a group has two."""
    step = multiple
    while step > 1 and channels < 2 * step:
        step //= 2
    return step


def _next(curve: Curve, kept: int, multiple: int) -> int:
    return next(n for n in sizes(curve, multiple) if n < kept)


def _slope(curve: Curve, kept: dict[str, int], name: str, cost: Cost, multiple: int) -> float | None:
    """The least damage for cost saved of all that the group may still lose; None if it may lose nothing."""
    now = kept[name]
    fewer = [n for n in sizes(curve, multiple) if n < now]
    if not fewer:
        return None
    saved = cost(kept) - cost({**kept, name: fewer[-1]})
    if saved <= 0:
        return None
    counts = now - np.array(fewer)
    damages = curve.damages[curve.channels - np.array(fewer)] - curve.damages[curve.channels - now]
    return float((damages / (counts / counts[-1] * saved)).min())
