"""How long a model takes on a device that is not at hand, from the costs that its profile states.

The time of an operator is its multiply-accumulates at one rate, plus the bytes that it moves at another, plus
an overhead; the rates are those of its arithmetic. They were fitted on published times of whole networks
(scripts/estimates): what is estimated so is right within a factor, which the profile states too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import onnx

from edgeinfer.profile import Cost, Profile, RuntimeName
from edgeinfer.strict import Struct
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.weights import outlined
from edgeinfer_converters.measure import MARGIN
from edgeinfer_converters.quantize.work import CONVERSIONS, Arithmetic, Work, work_of


class Forecast(Struct, frozen=True):
    """Estimated times of one inference on the profile's device, batch 1.

    They hold for `runtime` with so many `threads`. `worst_ratio`: see `edgeinfer.profile.Cost`.
    `slower`: the converted model is slower by more than the margin that measured times have.
    """

    reference_ms: float
    converted_ms: float
    slower: bool
    runtime: str
    threads: int
    worst_ratio: float


@dataclass(frozen=True)
class Estimator:
    """The costs of one runtime on one device, for each arithmetic."""

    costs: Mapping[Arithmetic, Cost]

    def latency_ms(self, model: onnx.ModelProto) -> float:
        """Milliseconds of a float or a QDQ graph. Open dimensions count as 1. Raises ModelError."""
        work = work_of(infer_shapes(outlined(model)))
        return sum(operator_ms(one, self.costs[one.arithmetic]) for one in work)

    def forecast(self, reference: onnx.ModelProto, converted: onnx.ModelProto) -> Forecast:
        """Both models side by side. Raises ModelError."""
        reference_ms, converted_ms = self.latency_ms(reference), self.latency_ms(converted)
        costs = self.costs.values()
        (runtime,), (threads,) = {one.runtime for one in costs}, {one.threads for one in costs}
        return Forecast(
            reference_ms=_rounded(reference_ms),
            converted_ms=_rounded(converted_ms),
            slower=converted_ms > reference_ms * (1 + MARGIN),
            runtime=runtime,
            threads=threads,
            worst_ratio=max(one.worst_ratio for one in costs),
        )


def find_estimator(profile: Profile, runtime: RuntimeName) -> Estimator | None:
    """The estimator for a runtime, or None where the profile does not state its costs in both arithmetics."""
    costs: dict[Arithmetic, Cost] = {one.precision: one for one in profile.costs_for(runtime)}
    return Estimator(costs) if len(costs) == len(("float32", "int8")) else None


def operator_ms(work: Work, cost: Cost) -> float:
    """Milliseconds of one operator.

    Published networks have two conversions each, at their ends: too few to tell what one costs beside its
    bytes, so they have no overhead.
    """
    ms = work.macs / cost.gigamacs_per_s / 1e6 + work.moved_bytes / cost.gigabytes_per_s / 1e6
    return ms if work.operator in CONVERSIONS else ms + cost.operator_us / 1e3


def _rounded(ms: float) -> float:
    """Three digits: more would feign to be known."""
    return float(f"{ms:.3g}")
