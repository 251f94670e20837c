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
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.budget import Curve
from edgeinfer_converters.prune.compensate import ROUGH, compensate
from edgeinfer_converters.prune.curves import PARTS
from edgeinfer_converters.prune.elimination import Elimination
from edgeinfer_converters.prune.groups import Grouping
from edgeinfer_converters.prune.probe import Probe
from edgeinfer_converters.prune.selection import left_outputs
from edgeinfer_converters.prune.surgery import keep_channels
from edgeinfer_converters.quantize.pair import Samples

PROBED = 32
"""Samples that damage is measured on."""

TRIED = 8
"""Groups that it is tried out with: each has all behind it mended."""

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
    judge = Probe(model, probed, PROBED)
    view = GraphView(model)
    places, factors = [], []
    for place in _spread(len(names)):
        name = names[place]
        progress(f"measuring what mending behind `{name}` makes up for")
        gone = max(1, round(PARTS[0] * curves[name].channels))
        kept = {name: rankings[name].kept(curves[name].channels - gone)}
        smaller = keep_channels(model, grouping, {name: one.tolist() for name, one in kept.items()})
        mended, _ = compensate(
            model, smaller, left_outputs(view, grouping, kept), samples, count, pains=ROUGH
        )
        damage = float(curves[name].damages[gone])
        if damage > 0:
            places.append(place)
            factors.append(np.clip(judge.difference(mended) / damage, LEAST, MOST))
    if not places:
        return curves
    found = np.exp(np.interp(np.arange(len(names)), places, np.log(factors)))
    return {
        name: replace(curve, damages=curve.damages * factor)
        for (name, curve), factor in zip(curves.items(), found, strict=True)
    }


def _spread(count: int) -> Sequence[int]:
    """At most TRIED places, the first and the last among them."""
    places: list[int] = sorted(set(np.linspace(0, count - 1, min(count, TRIED)).round().astype(int).tolist()))
    return places
