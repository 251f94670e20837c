"""How many channels each group keeps."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer_converters.prune.budget import Cost, Curve, allocate, sizes, step_of


def curve(*damages: float, least: int = 1) -> Curve:
    return Curve(np.array([0.0, *np.cumsum(damages)]), least)


def weighted(**prices: float) -> Cost:
    return lambda kept: sum(price * kept[name] for name, price in prices.items())


def test_the_cheapest_damage_goes_first() -> None:
    curves = {"dear": curve(5, 5, 5, 5), "cheap": curve(1, 1, 1, 1)}
    assert allocate(curves, weighted(dear=1, cheap=1), 0.25, 1) == {"dear": 4, "cheap": 2}


def test_what_costs_more_saves_more() -> None:
    curves = {"small": curve(1, 1, 1, 1), "large": curve(2, 2, 2, 2)}
    assert allocate(curves, weighted(small=1, large=10), 0.2, 1) == {"small": 4, "large": 3}


def test_a_cheap_step_behind_a_dear_one_is_found() -> None:
    """A twin of a twin: the second one that goes costs nothing more."""
    curves = {"steady": curve(3, 3, 3, 3, 3), "late": curve(4, 0, 0, 0, 9)}
    assert allocate(curves, weighted(steady=1, late=1), 0.4, 1) == {"steady": 5, "late": 1}


def test_products_of_two_groups_are_saved_once() -> None:
    """a makes b: what a has lost, b no longer saves."""
    curves = {"a": curve(1, 1, 1, 1), "b": curve(1.5, 1.5, 1.5, 1.5)}
    kept = allocate(curves, lambda one: one["a"] * one["b"], 0.5, 1)
    assert kept["a"] * kept["b"] <= 8
    assert kept["a"] >= 2


def test_damage_is_weighed_against_time_until_the_cost_is_low_enough() -> None:
    """Both save as much work, but one of them no time to speak of."""
    curves = {"idle": curve(1, 1, 1, 1), "slow": curve(2, 2, 2, 2)}
    cost, time = weighted(idle=1, slow=1), weighted(idle=0.1, slow=1)
    assert allocate(curves, cost, 0.25, 1) == {"idle": 2, "slow": 4}
    assert allocate(curves, cost, 0.25, 1, time=time) == {"idle": 4, "slow": 2}


@given(multiple=st.integers(1, 9), channels=st.integers(1, 40), least=st.integers(1, 5))
def test_sizes_are_all_or_multiples(multiple: int, channels: int, least: int) -> None:
    found = sizes(Curve(np.zeros(channels + 1), least), multiple)
    assert found[0] == channels
    assert found == sorted(set(found), reverse=True)
    step = step_of(channels, multiple)
    assert all(n % step == 0 and n >= least for n in found[1:])
    assert len(found) > 1 or channels < least + step


def test_small_groups_go_in_smaller_steps() -> None:
    assert [step_of(channels, 8) for channels in (64, 17, 16, 15, 8, 6, 3, 2, 1)] == [
        8,
        8,
        8,
        4,
        4,
        2,
        1,
        1,
        1,
    ]


@given(
    steps=st.lists(st.lists(st.floats(0, 10), min_size=3, max_size=5), min_size=1, max_size=3),
    share=st.floats(0.05, 0.6),
    multiple=st.integers(1, 2),
)
def test_enough_is_saved_and_nothing_could_come_back(
    steps: list[list[float]], share: float, multiple: int
) -> None:
    curves = {str(index): curve(*one) for index, one in enumerate(steps)}
    cost = weighted(**{str(index): index + 1.0 for index in range(len(steps))})
    kept = allocate(curves, cost, share, multiple)
    most = (1 - share) * cost({name: one.channels for name, one in curves.items()})
    if cost(kept) > most:
        assert all(n == sizes(curves[name], multiple)[-1] for name, n in kept.items())
        return
    for name, one in curves.items():
        larger = [n for n in sizes(one, multiple) if n > kept[name]]
        assert not larger or cost({**kept, name: larger[-1]}) > most


@pytest.mark.parametrize("seed", range(5))
def test_not_far_from_the_best_there_is(seed: int) -> None:
    rng = np.random.default_rng(seed)
    curves = {name: curve(*np.sort(rng.exponential(size=6))) for name in "abc"}
    cost = weighted(a=1, b=2, c=3)
    kept = allocate(curves, cost, 0.4, 1)

    def damage(one: Mapping[str, int]) -> float:
        return sum(curves[name].damages[6 - n] for name, n in one.items())

    choices = [dict(zip("abc", counts, strict=True)) for counts in itertools.product(range(1, 7), repeat=3)]
    best = min(damage(one) for one in choices if cost(one) <= 0.6 * 36)
    assert damage(kept) <= 1.3 * best


def test_what_cannot_be_reached_goes_as_far_as_it_can() -> None:
    curves = {"a": curve(1, 1, 1, 1, least=3)}
    assert allocate(curves, weighted(a=1), 0.9, 1) == {"a": 3}
    assert allocate({}, lambda _: 1.0, 0.5, 1) == {}
