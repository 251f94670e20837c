"""How long a model takes on a device that is not at hand, from the costs that its profile states.

The time of an operator is its multiply-accumulates at one rate, plus the bytes that it moves at another, plus
an overhead; the rates are those of its arithmetic. They were fitted on published times of whole networks
(scripts/estimates): what is estimated so is right within a factor, which the profile states too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import onnx

from edgeinfer.profile import Cost, Profile, RuntimeName
from edgeinfer.strict import Struct
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.weights import outlined
from edgeinfer_converters.judging.measure import MARGIN
from edgeinfer_converters.quantize.work import CONVERSIONS, Arithmetic, Work, work_of

Size = Literal["smaller", "usual", "larger"]


class Forecast(Struct, frozen=True):
    """Estimated times of one inference on the profile's device, batch 1.

    They hold for `runtime` with so many `threads`. `worst_ratio`: see `edgeinfer.profile.Cost`.
    `slower`: the converted model is slower by more than the margin that measured times have.
    `size`: the float model's, compared with the networks whose times are published.
    """

    reference_ms: float
    converted_ms: float
    slower: bool
    runtime: str
    threads: int
    worst_ratio: float
    size: Size = "usual"


@dataclass(frozen=True)
class Estimator:
    """The costs of one runtime on one device, for each arithmetic."""

    costs: Mapping[Arithmetic, Cost]

    def latency_ms(self, model: onnx.ModelProto) -> float:
        """Milliseconds of a float or a QDQ graph. Open dimensions count as 1. Raises ModelError."""
        return self._sum_ms(_work(model))

    def forecast(self, reference: onnx.ModelProto, converted: onnx.ModelProto) -> Forecast:
        """Both models side by side. Raises ModelError."""
        work, costs = _work(reference), self.costs.values()
        reference_ms, converted_ms = self._sum_ms(work), self.latency_ms(converted)
        (runtime,), (threads,) = {one.runtime for one in costs}, {one.threads for one in costs}
        return Forecast(
            reference_ms=_rounded(reference_ms),
            converted_ms=_rounded(converted_ms),
            slower=converted_ms > reference_ms * (1 + MARGIN),
            runtime=runtime,
            threads=threads,
            worst_ratio=max(one.worst_ratio for one in costs),
            size=self._size(sum(one.macs for one in work) / 1e6),
        )

    def _sum_ms(self, work: Iterable[Work]) -> float:
        return sum(operator_ms(one, self.costs[one.arithmetic]) for one in work)

    def _size(self, megamacs: float) -> Size:
        if megamacs < min(one.smallest_megamacs for one in self.costs.values()):
            return "smaller"
        return "larger" if megamacs > max(one.largest_megamacs for one in self.costs.values()) else "usual"


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


def _work(model: onnx.ModelProto) -> tuple[Work, ...]:
    return work_of(infer_shapes(outlined(model)))


def _rounded(ms: float) -> float:
    """Three digits: more would feign to be known."""
    return float(f"{ms:.3g}")
