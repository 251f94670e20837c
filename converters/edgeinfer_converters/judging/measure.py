"""Speed of two models, measured side by side.

The runs alternate, so that a busy machine slows both; medians, so that a hiccup counts for nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from edgeinfer.strict import Struct

WARM_UP_ROUNDS = 3
MAX_ROUNDS = 200
MIN_ROUNDS = 5
BUDGET_S = 6.0
MARGIN = 0.05
CERTAIN = 0.25
"""Slower counts only beyond this margin, and only if the quantile of the rounds' ratios says so too: on
a busy machine medians alone would make builds differ."""


class Timing(Struct, frozen=True):
    """Medians on this machine. They go into the report, never into the bundle.

    `slower`: the converted model is slower by more than the margin, in three rounds of four.
    """

    reference_ms: float
    converted_ms: float
    slower: bool
    rounds: int
    threads: int


def measure(
    reference: Callable[[], object],
    converted: Callable[[], object],
    *,
    threads: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Timing:
    """Interleaved medians of both, within a few seconds."""
    runs = (reference, converted)
    started = clock()
    for _ in range(WARM_UP_ROUNDS):
        _round(runs, clock)
    a_round_s = (clock() - started) / WARM_UP_ROUNDS
    rounds = int(max(MIN_ROUNDS, min(MAX_ROUNDS, BUDGET_S / max(a_round_s, 1e-9))))
    times_s = np.array([_round(runs, clock) for _ in range(rounds)])
    medians_ms = np.median(times_s, axis=0) * 1e3
    return Timing(
        reference_ms=round(float(medians_ms[0]), 3),
        converted_ms=round(float(medians_ms[1]), 3),
        slower=bool(np.quantile(times_s[:, 1] / np.maximum(times_s[:, 0], 1e-9), CERTAIN) > 1 + MARGIN),
        rounds=rounds,
        threads=threads,
    )


def _round(runs: Sequence[Callable[[], object]], clock: Callable[[], float]) -> list[float]:
    times_s = []
    for run in runs:
        started = clock()
        run()
        times_s.append(clock() - started)
    return times_s
