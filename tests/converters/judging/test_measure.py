"""Timing, with a clock of our own."""

from __future__ import annotations

import itertools

import pytest

from edgeinfer_converters.judging.measure import MAX_ROUNDS, MIN_ROUNDS, Timing, measure


class Work:
    """Two jobs that take the clock's time; the machine hiccups now and then."""

    def __init__(self, reference_s: float, converted_s: float, *, hiccup_every: int = 0) -> None:
        self.now_s = 0.0
        self.order: list[str] = []
        self._seconds = {"reference": reference_s, "converted": converted_s}
        self._hiccup_every = hiccup_every

    def clock(self) -> float:
        return self.now_s

    def run(self, name: str) -> None:
        self.order.append(name)
        self.now_s += self._seconds[name]
        if self._hiccup_every and len(self.order) % self._hiccup_every == 0:
            self.now_s += 1.0

    def measured(self) -> Timing:
        return measure(
            lambda: self.run("reference"), lambda: self.run("converted"), threads=2, clock=self.clock
        )


def test_medians_of_alternating_runs() -> None:
    work = Work(0.010, 0.004, hiccup_every=7)
    timing = work.measured()
    assert (timing.reference_ms, timing.converted_ms) == (10.0, 4.0)
    assert work.order[0::2] == ["reference"] * (len(work.order) // 2)
    assert not timing.slower


@pytest.mark.parametrize(
    ("reference_s", "rounds"), [(0.001, MAX_ROUNDS), (0.1, 30), (5.0, MIN_ROUNDS), (0.0, MAX_ROUNDS)]
)
def test_rounds_fit_the_time(reference_s: float, rounds: int) -> None:
    assert Work(reference_s, reference_s).measured().rounds == pytest.approx(rounds, abs=1)


@pytest.mark.parametrize(("converted_s", "slower"), [(0.0104, False), (0.0106, True), (0.02, True)])
def test_slower_only_beyond_the_margin(converted_s: float, *, slower: bool) -> None:
    assert Work(0.01, converted_s).measured().slower is slower


def test_slower_only_if_most_rounds_say_so() -> None:
    seconds = itertools.cycle([0.009, 0.0125, 0.0125])
    now_s = [0.0]

    def advance(step_s: float) -> None:
        now_s[0] += step_s

    timing = measure(lambda: advance(0.01), lambda: advance(next(seconds)), threads=1, clock=lambda: now_s[0])
    assert timing.converted_ms == pytest.approx(12.5)
    assert not timing.slower  # one round in three was faster
