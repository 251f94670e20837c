"""How far the ranges of activations reach: as far as helps on samples that they were not learnt from.

The range with the least squared error at its own tensor weighs clipping and rounding alike, value by value,
and knows only what calibration has shown. But errors of rounding have no mean and hardly correlate, so that
the sums which read them average them out; what is clipped is always too small, and lies together, in a few
channels of a few samples. And of a hundred new samples some reach farther than sixty did: how many depends
on the data. So wider ranges are tried in turn, in cross-validation: those that a part of the samples asks
for are judged by the noise that they make at the outputs on the rest (Stone, "Cross-Validatory Choice and
Assessment of Statistical Predictions", 1974).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Reach:
    """`clip_weight`: how often the squared error of a clipped value counts. `room`: how much wider
    the range that results is made.
    """

    clip_weight: float = 1.0
    room: float = 1.0


NARROW = Reach()

WIDER = (Reach(10), Reach(100), Reach(100, 1.1), Reach(100, 1.25))
"""Tried in turn. A weight of 100 clips next to nothing of what was seen; a quarter of room costs 2 dB where
nothing reaches so far."""

GAIN = 0.8
"""What the best must leave of the noise at most: less may be chance."""

TOLERANCE = 1.05
"""Times the least noise so far, with which the next one is still tried."""


def choose_reach(noise: Callable[[Reach], float]) -> Reach:
    """The narrowest that brings half of what can be gained, in decibels; NARROW where that is not much.

    Half, since ranges will be learnt from all samples and miss less than those that are compared. `noise` is
    asked for NARROW and then for as many of WIDER as needed, once each: up to the first that makes clearly
    more than the best before it.
    """
    noises = {NARROW: noise(NARROW)}
    for reach in WIDER:
        least = min(noises.values())
        noises[reach] = noise(reach)
        if noises[reach] > TOLERANCE * least:
            break
    narrow, least = noises[NARROW], min(noises.values())
    wanted = math.sqrt(narrow * least) if least <= GAIN * narrow else narrow
    return next((reach for reach, found in noises.items() if found <= wanted), NARROW)  # none: not a number
