"""How far ranges reach."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer_converters.quantize.reach import GAIN, NARROW, TOLERANCE, WIDER, Reach, choose_reach

ALL = (NARROW, *WIDER)


def noises(*values: float) -> tuple[Callable[[Reach], float], list[Reach]]:
    """Noise by reach, in the order in which they are tried, and those that were asked for."""
    asked: list[Reach] = []

    def noise(reach: Reach) -> float:
        asked.append(reach)
        return values[ALL.index(reach)]

    return noise, asked


def test_each_reaches_farther_than_the_one_before() -> None:
    widths = [(reach.clip_weight, reach.room) for reach in ALL]
    assert widths == sorted(set(widths))


@pytest.mark.parametrize(
    ("values", "chosen", "tried"),
    [
        ((1.0, 1.2, 0.1, 0.1, 0.1), 0, 2),  # the next one is clearly worse: no more are tried
        ((1.0, 0.9, 0.85, 0.95, 0.1), 0, 4),  # a gain that may be chance
        ((1.0, 0.7, 0.64, 0.9, 0.1), 1, 4),  # the best makes 0.64, and 0.8 is half of that in decibels
        ((1.0, 0.9, 0.64, 0.9, 0.1), 2, 4),
        ((1.0, 1.04, 0.9, 0.92, 0.4), 4, 5),  # hardly worse does not end it
        ((1.0, 0.5, 0.4, 0.3, 0.01), 4, 5),
        ((0.0, 0.0, 0.0, 0.0, 0.0), 0, 5),  # nothing is rounded
        ((math.nan,) * 5, 0, 5),
    ],
)
def test_the_narrowest_that_brings_half_of_the_gain(
    values: tuple[float, ...], chosen: int, tried: int
) -> None:
    noise, asked = noises(*values)
    assert choose_reach(noise) == ALL[chosen]
    assert asked == list(ALL[:tried])


@given(st.lists(st.floats(0.01, 10), min_size=len(ALL), max_size=len(ALL)))
def test_never_worse_than_the_narrow_one(values: list[float]) -> None:
    noise, asked = noises(*values)
    found, seen = values[ALL.index(choose_reach(noise))], values[: len(asked)]
    assert found <= values[0]
    assert (found < values[0]) == (min(seen) <= GAIN * values[0])
    # All that came before the last one were worth going on from.
    ahead = [min(seen[:index]) for index in range(1, len(seen) - 1)]
    assert all(value <= TOLERANCE * least for value, least in zip(seen[1:-1], ahead, strict=True))
