"""The costs of one device, and how well they meet its published times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgeinfer.profile import Cost
from edgeinfer_converters.judging.estimate import operator_ms
from edgeinfer_converters.quantize.work import Arithmetic
from scripts.estimates.anchors import KERNELS, Anchor
from scripts.estimates.fit import FORMS, Form, Terms, chosen, fit, left_out, spread, total, worst

SMALLEST_MS = 1e-3
"""A gigabyte or gigamac that costs less was fitted away; rates must stay finite."""

SCRIPT = "scripts/bench estimate"


@dataclass(frozen=True)
class Fitted:
    """Costs by arithmetic; the times that they give, and that costs fitted on all other anchors give."""

    anchors: tuple[Anchor, ...]
    costs: dict[Arithmetic, Cost]
    estimated_ms: tuple[float, ...]
    left_out_ms: tuple[float, ...]

    def estimate_ms(self, anchor: Anchor) -> float:
        """The time of any network on this device."""
        return sum(operator_ms(work, self.costs[work.arithmetic]) for work in anchor.work)


def fit_device(anchors: Sequence[Anchor]) -> Fitted:
    """Fit the costs of one device. `anchors` have one number of threads."""
    rows, times = [total(one.work, chosen) for one in anchors], [one.published_ms for one in anchors]
    apart = left_out(rows, times)
    misses = [guess / time for guess, time in zip(apart, times, strict=True)]
    costs = _costs(anchors, fit(rows, times), math.ceil(worst(misses) * 100) / 100)
    fitted = Fitted(tuple(anchors), costs, (), tuple(apart))
    estimated = tuple(fitted.estimate_ms(one) for one in anchors)
    return Fitted(fitted.anchors, costs, estimated, fitted.left_out_ms)


def _costs(anchors: Sequence[Anchor], terms: Terms, worst_ratio: float) -> dict[Arithmetic, Cost]:
    (runtime,) = {KERNELS[one.runtime] for one in anchors}
    (threads,) = {one.threads for one in anchors}
    megamacs = [sum(work.macs for work in one.work) / 1e6 for one in anchors]
    arithmetics: tuple[Arithmetic, ...] = ("float32", "int8")
    return {
        arithmetic: Cost(
            runtime=runtime,
            precision=arithmetic,
            threads=threads,
            gigamacs_per_s=_rate(terms[f"gigamacs {arithmetic}"]),
            gigabytes_per_s=_rate(terms["gigabytes"]),
            operator_us=float(f"{round(terms['operators'] * 1e3, 3):.3g}"),
            smallest_megamacs=float(math.floor(min(megamacs))),
            largest_megamacs=float(math.ceil(max(megamacs))),
            worst_ratio=worst_ratio,
            source=_source(anchors),
        )
        for arithmetic in arithmetics
    }


def _rate(ms: float) -> float:
    return float(f"{1e3 / max(ms, SMALLEST_MS):.3g}")


def _source(anchors: Sequence[Anchor]) -> str:
    names = sorted({one.model.rpartition(" ")[0] for one in anchors})
    runtimes = ", ".join(sorted({one.runtime for one in anchors}))
    return f"{SCRIPT}, fitted on the {len(anchors)} published times of {', '.join(names)} ({runtimes})"


def compare_forms(anchors: Sequence[Anchor]) -> dict[str, tuple[int, float, float]]:
    """For each form: how many terms it has, spread and worst of its ratios for times that were left out."""
    return {name: _judge(anchors, form) for name, form in FORMS.items()}


def _judge(anchors: Sequence[Anchor], form: Form) -> tuple[int, float, float]:
    rows, times = [total(one.work, form) for one in anchors], [one.published_ms for one in anchors]
    guesses = zip(left_out(rows, times), times, strict=True)
    ratios = [guess / time for guess, time in guesses if not math.isnan(guess)]
    return len(fit(rows, times)), spread(ratios), worst(ratios)
