"""The samples on which the float and the converted model differ most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgeinfer.frames import Array
from edgeinfer.processing.results import (
    Anomaly,
    Classification,
    DetectedObject,
    Detection,
    Outcome,
    Regression,
)
from edgeinfer_converters.report.facts import Disagreement
from edgeinfer_converters.report.words import brief
from edgeinfer_converters.samples.sample import Sample, Truth

MOST = 8
MATCHING_IOU = 0.5
_SHOWN = 4
_TINY = 1e-12


@dataclass(frozen=True)
class Case:
    """A sample with both answers. `differs`: another answer; `amount`: by how much, at least 0."""

    sample: Sample
    reference: Outcome
    converted: Outcome
    differs: bool
    amount: float

    def fact(self, labels: tuple[str, ...]) -> Disagreement:
        """The case in words; classes are given as they stand in the outcomes."""
        return Disagreement(
            sample=self.sample.name,
            truth=truth_text(self.sample.truth, self.reference, labels),
            reference=answer_text(self.reference),
            converted=answer_text(self.converted),
            differs=self.differs,
        )


class Disagreements:
    """Keeps the worst cases of any number; the earlier of equals."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._worst: list[Case] = []
        self.compared = 0
        self.differing = 0

    def add(
        self,
        sample: Sample,
        answers: tuple[Outcome, Outcome],
        outputs: tuple[Mapping[str, Array], Mapping[str, Array]],
    ) -> None:
        """Take a sample with the answers and the outputs of the float and the converted model."""
        differs, amount = difference(*answers)
        if amount is None:
            amount = relative_error(*outputs)
        self.compared += 1
        self.differing += differs
        if differs or amount > 0:
            self._worst.append(Case(sample, *answers, differs, amount))
            self._worst.sort(key=lambda case: (not case.differs, -case.amount))  # stable
            del self._worst[self._most :]

    @property
    def worst(self) -> tuple[Case, ...]:
        """The worst first."""
        return tuple(self._worst)


def difference(reference: Outcome, converted: Outcome) -> tuple[bool, float | None]:
    """Whether the answers differ, and by how much; None where only the outputs can tell."""
    if isinstance(reference, Classification) and isinstance(converted, Classification):
        return _of_classes(reference, converted)
    if isinstance(reference, Detection) and isinstance(converted, Detection):
        return _of_objects(reference.objects, converted.objects)
    if isinstance(reference, Anomaly) and isinstance(converted, Anomaly):
        gap = abs(reference.score - converted.score)
        return reference.anomalous != converted.anomalous, gap / max(abs(reference.score), _TINY)
    if isinstance(reference, Regression) and isinstance(converted, Regression):
        gaps = [abs(value - converted.values.get(name, 0.0)) for name, value in reference.values.items()]
        return False, max(gaps, default=0.0)
    return False, None


def relative_error(reference: Mapping[str, Array], converted: Mapping[str, Array]) -> float:
    """The largest error of an output, relative to its power."""
    errors = []
    for name, array in reference.items():
        wanted = array.astype(np.float64)
        noise = float(np.square(wanted - converted[name]).sum())
        errors.append(noise / max(float(np.square(wanted).sum()), _TINY))
    return max(errors, default=0.0)


def answer_text(outcome: Outcome) -> str:
    """An answer in a few words."""
    if isinstance(outcome, Classification):
        return ", ".join(f"{brief(one.label)} {one.score:.1%}" for one in outcome.classes[:2]) or "no class"
    if isinstance(outcome, Detection):
        return _objects_text(outcome.objects)
    if isinstance(outcome, Anomaly):
        verdict = "anomalous" if outcome.anomalous else "normal"
        return f"{verdict}: score {outcome.score:.4g}, threshold {outcome.threshold:.4g}"
    if isinstance(outcome, Regression):
        return ", ".join(f"{name} {value:.5g}" for name, value in outcome.values.items())
    return "tensors that differ"


def truth_text(truth: Truth | None, outcome: Outcome, labels: tuple[str, ...]) -> str:
    """What is known to be true of a sample; empty where nothing is."""
    if truth is None:
        return ""
    if isinstance(truth, int):
        if isinstance(outcome, Anomaly):
            return "anomalous" if truth else "normal"
        return brief(labels[truth]) if truth < len(labels) else str(truth)
    if isinstance(outcome, Detection):
        return f"{len(truth)} objects" if len(truth) != 1 else "1 object"
    return ", ".join(f"{value:.5g}" for value in truth if isinstance(value, int | float))


def _of_classes(reference: Classification, converted: Classification) -> tuple[bool, float]:
    if not reference.classes or not converted.classes:
        return bool(reference.classes) != bool(converted.classes), 0.0
    best = reference.classes[0]
    scores = {one.label: one.score for one in converted.classes}
    return converted.classes[0].label != best.label, abs(best.score - scores.get(best.label, 0.0))


def _of_objects(
    reference: tuple[DetectedObject, ...], converted: tuple[DetectedObject, ...]
) -> tuple[bool, float]:
    """Objects without a partner of the same label and an IoU of a half count with their score."""
    left, amount, alone = list(converted), 0.0, 0
    for one in reference:
        partner = max(
            (other for other in left if other.label == one.label),
            key=lambda other: iou(one.box, other.box),
            default=None,
        )
        if partner is None or iou(one.box, partner.box) < MATCHING_IOU:
            amount, alone = amount + one.score, alone + 1
        else:
            left.remove(partner)
            amount += abs(one.score - partner.score)
    return bool(alone or left), amount + sum(one.score for one in left)


def iou(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    """Intersection over union of two boxes x, y, width, height."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    union = one[2] * one[3] + other[2] * other[3] - shared
    return min(shared / union, 1.0) if union > 0 else 0.0


def _objects_text(objects: tuple[DetectedObject, ...]) -> str:
    if not objects:
        return "nothing"
    named = ", ".join(f"{brief(one.label)} {one.score:.0%}" for one in objects[:_SHOWN])
    return f"{named}, and {len(objects) - _SHOWN} more" if len(objects) > _SHOWN else named
