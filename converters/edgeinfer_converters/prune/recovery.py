"""How much of a group's damage is made up for when all that lies behind it is mended.

The layers behind a group learn to do with what is left of it: the more of them there are, the more of its
damage goes. So the same damage at the outputs counts less near the inputs. It is tried out with some of the
groups, from the first to the last, and in between it changes evenly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import onnx

from edgeinfer.frames import Array
from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.heap import give_back
from edgeinfer_converters.prune.budget import Curve
from edgeinfer_converters.prune.compensate import ROUGH, compensate
from edgeinfer_converters.prune.elimination import Elimination
from edgeinfer_converters.prune.groups import Grouping
from edgeinfer_converters.prune.probe import Probe
from edgeinfer_converters.prune.selection import left_outputs
from edgeinfer_converters.prune.surgery import keep_channels
from edgeinfer_converters.quantize.pair import Samples

PROBED = 32
"""Samples that damage is measured on."""

TRIED, FEWEST, WORK_MACS = 8, 3, 1_000_000_000
"""Groups that it is tried out with, as each has all behind it mended: fewer in large networks, but three."""

AT = (0.1, 0.5)
"""Of a group's channels, that are gone when it is tried: the more, the more of it is made up for."""

MOST, LEAST = 4.0, 0.1
"""What a factor may be: a few samples tell no more."""


def recovered(
    model: onnx.ModelProto,
    grouping: Grouping,
    rankings: Mapping[str, Elimination],
    curves: Mapping[str, Curve],
    samples: Samples,
    count: int,
    probed: Iterable[Mapping[str, Array]],
    progress: Callable[[str], None] = lambda _: None,
) -> Mapping[str, Curve]:
    """The curves, with what mending leaves of the damage. Raises ModelError, DataError.

    `curves` in the order of the graph. Weights are fitted to `samples`; what is left is measured on `probed`.
    """
    names = list(curves)
    if not names:
        return curves
    judge = Probe(model, probed, PROBED)
    view = GraphView(model)
    places = _spread(len(names), sum(count_macs(model).values()))
    factors = []
    for place in places:
        name = names[place]
        progress(f"measuring what mending behind `{name}` makes up for")
        for gone in _counts(curves[name]):
            kept = {name: rankings[name].kept(curves[name].channels - gone)}
            smaller = keep_channels(model, grouping, {name: one.tolist() for name, one in kept.items()})
            left = left_outputs(view, grouping, kept)
            mended, _ = compensate(model, smaller, left, samples, count, pains=ROUGH)
            factors.append(_factor(judge.difference(mended), float(curves[name].damages[gone])))
            give_back()
    logs = np.log(factors).reshape(len(places), len(AT))
    between = [np.interp(np.arange(len(names)), places, column) for column in logs.T]
    return {
        name: _mended(curve, [float(column[place]) for column in between])
        for place, (name, curve) in enumerate(curves.items())
    }


def _counts(curve: Curve) -> list[int]:
    return [max(1, round(part * curve.channels)) for part in AT]


def _factor(left: float, damage: float) -> float:
    return float(np.clip(left / damage, LEAST, MOST)) if damage > 0 else 1.0


def _mended(curve: Curve, logs: Sequence[float]) -> Curve:
    """The damage times the factors that were found at some counts, and something between them elsewhere."""
    counts = np.arange(len(curve.damages))
    damages = curve.damages * np.exp(np.interp(counts, _counts(curve), logs))
    return replace(curve, damages=np.maximum.accumulate(damages))


def _spread(count: int, macs: int) -> Sequence[int]:
    """The places that are tried, the first and the last among them."""
    tried = min(count, int(np.clip(WORK_MACS // max(macs, 1), FEWEST, TRIED)))
    places: list[int] = sorted(set(np.linspace(0, count - 1, tried).round().astype(int).tolist()))
    return places
