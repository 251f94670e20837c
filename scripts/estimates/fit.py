"""Fitting the terms of a cost to published times, by least squares on the logarithms of the ratios."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from edgeinfer_converters.quantize.work import CONVERSIONS, Work

Numbers = npt.NDArray[np.float64]
Terms = Mapping[str, float]
Form = Callable[[Work], Terms]

STEPS = 400
LONGEST_STEP = 2.0
SMALLEST_DAMPING = 1e-9


def chosen(work: Work) -> Terms:
    """Four terms: a rate for each arithmetic; one bandwidth and one overhead for both."""
    return {
        f"gigamacs {work.arithmetic}": work.macs / 1e9,
        "gigabytes": work.moved_bytes / 1e9,
        "operators": float(work.operator not in CONVERSIONS),
    }


def without_overhead(work: Work) -> Terms:
    """Three terms: no overhead."""
    return {name: amount for name, amount in chosen(work).items() if name != "operators"}


def without_bytes(work: Work) -> Terms:
    """Three terms: no bandwidth."""
    return {name: amount for name, amount in chosen(work).items() if name != "gigabytes"}


def depthwise_apart(work: Work) -> Terms:
    """Five terms: depthwise convolutions have a rate of their own."""
    kind = "depthwise" if work.depthwise else work.arithmetic
    return {**without_macs(work), f"gigamacs {kind}": work.macs / 1e9}


def products_without_bytes(work: Work) -> Terms:
    """Five terms: depthwise apart, no overhead; only what is no product has to move its bytes."""
    kind = "depthwise " if work.depthwise else ""
    if work.macs:
        return {f"gigamacs {kind}{work.arithmetic}": work.macs / 1e9}
    return {"gigabytes": work.moved_bytes / 1e9}


def bandwidths_apart(work: Work) -> Terms:
    """Five terms: a bandwidth for each arithmetic."""
    terms = dict(chosen(work))
    terms[f"gigabytes {work.arithmetic}"] = terms.pop("gigabytes")
    return terms


def without_macs(work: Work) -> Terms:
    """The terms of an operator that multiplies nothing."""
    return {name: amount for name, amount in chosen(work).items() if not name.startswith("gigamacs")}


FORMS: dict[str, Form] = {
    "chosen": chosen,
    "no overhead": without_overhead,
    "no bytes": without_bytes,
    "depthwise apart": depthwise_apart,
    "products without bytes": products_without_bytes,
    "bandwidths apart": bandwidths_apart,
}
"""What was tried. Each more term has to be paid for by the times that were left out of the fit."""


def total(works: Sequence[Work], form: Form) -> Terms:
    """The terms of a whole network."""
    amounts: Counter[str] = Counter()
    for work in works:
        amounts.update(form(work))
    return dict(amounts)


def fit(rows: Sequence[Terms], published_ms: Sequence[float]) -> Terms:
    """Milliseconds for each unit of each term, none negative, that miss the published times least.

    Levenberg-Marquardt on the logarithms of the milliseconds, so that none can become negative. The same
    rows give the same result.
    """
    names = sorted({name for row in rows for name, amount in row.items() if amount})
    amounts = np.array([[row.get(name, 0.0) for name in names] for row in rows])
    times = np.array(published_ms, dtype=np.float64)
    logs = _start(amounts, times)
    damping, errors = 1e-2, _errors(amounts, times, logs)
    for _ in range(STEPS):
        step = _step(amounts, logs, errors, damping)
        tried = _errors(amounts, times, logs + step)
        if tried @ tried < errors @ errors:
            logs, errors, damping = logs + step, tried, max(damping / 3, SMALLEST_DAMPING)
        else:
            damping *= 4
    return dict(zip(names, np.exp(logs).tolist(), strict=True))


def predict(row: Terms, costs: Terms) -> float:
    """Milliseconds; NaN if the network has a term that nothing was known of when the costs were fitted."""
    return sum((amount * costs.get(name, float("nan")) for name, amount in row.items() if amount), 0.0)


def left_out(rows: Sequence[Terms], published_ms: Sequence[float]) -> list[float]:
    """Milliseconds of each network, from costs that were fitted on all others."""
    found = []
    for index, row in enumerate(rows):
        others = [one for place, one in enumerate(rows) if place != index]
        times = [one for place, one in enumerate(published_ms) if place != index]
        found.append(predict(row, fit(others, times)))
    return found


def spread(ratios: Sequence[float]) -> float:
    """The root mean square of the logarithms of ratios, as a factor."""
    return float(np.exp(np.sqrt(np.mean(np.log(ratios) ** 2))))


def worst(ratios: Sequence[float]) -> float:
    """The ratio that is farthest from 1, up or down, as a factor above 1."""
    return float(np.exp(np.max(np.abs(np.log(ratios)))))


def _start(amounts: Numbers, times: Numbers) -> Numbers:
    """Each term has the same share of the typical time."""
    shares = np.where(amounts > 0, amounts, np.nan)
    logs: Numbers = np.log(np.nanmedian(times[:, None] / shares, axis=0) / amounts.shape[1])
    return logs


def _errors(amounts: Numbers, times: Numbers, logs: Numbers) -> Numbers:
    errors: Numbers = np.log(amounts @ np.exp(logs) / times)
    return errors


def _step(amounts: Numbers, logs: Numbers, errors: Numbers, damping: float) -> Numbers:
    parts = amounts * np.exp(logs)
    slopes = parts / parts.sum(axis=1, keepdims=True)
    square = slopes.T @ slopes + damping * np.eye(len(logs))
    step: Numbers = np.linalg.solve(square, -slopes.T @ errors).clip(-LONGEST_STEP, LONGEST_STEP)
    return step
