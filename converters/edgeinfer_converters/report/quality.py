"""How good both models are on labelled data, in more than the one number that decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Protocol, cast

import numpy as np

from edgeinfer.processing.results import Anomaly, Classification, Outcome, Regression
from edgeinfer.processing.spec import AnomalyOutput, PipelineSpec, Task
from edgeinfer_converters.judging.metrics import AreaUnderCurve, MeanAbsoluteError, MeanAveragePrecision
from edgeinfer_converters.report.facts import (
    ClassFacts,
    ClassPrecision,
    Confusion,
    Measure,
    Quality,
    Rates,
)
from edgeinfer_converters.samples.sample import Truth

MOST_CONFUSED = 10
Pairs = Counter[tuple[int, int]]
NO_CLASS = -1


class Collector(Protocol):
    """Collects the outcomes of both models on labelled samples, classes being numbers as text."""

    def add(self, truth: Truth, converted: Outcome, reference: Outcome | None) -> None:
        """Take one labelled sample; the reference is None for a model that was not converted."""

    def quality(self, samples: int) -> Quality:
        """All that was found. Raises DataError where the data do not define the task's metric."""


class ClassQuality:
    """Precision, recall and F1 of each class, and which are mistaken for which."""

    def __init__(self, spec: PipelineSpec, labels: tuple[str, ...]) -> None:
        self._labels = labels
        self._converted: Pairs = Counter()
        self._reference: Pairs = Counter()

    def add(self, truth: Truth, converted: Outcome, reference: Outcome | None) -> None:
        """Count the pair of the true class and the answer."""
        self._converted[cast(int, truth), _best(converted)] += 1
        if reference is not None:
            self._reference[cast(int, truth), _best(reference)] += 1

    def quality(self, samples: int) -> Quality:
        """Macro averages count each class alike that has a sample."""
        numbers = sorted({truth for truth, _ in self._converted})
        known = bool(self._reference)
        classes = tuple(
            ClassFacts(
                label=self._name(number),
                samples=sum(count for (truth, _), count in self._converted.items() if truth == number),
                converted=rates(self._converted, number),
                reference=rates(self._reference, number) if known else None,
            )
            for number in numbers
        )
        return Quality(
            samples=samples,
            measures=tuple(self._measures(classes)),
            classes=classes,
            confusions=self._confusions(),
        )

    def _measures(self, classes: tuple[ClassFacts, ...]) -> list[Measure]:
        known = bool(self._reference)
        found = [
            Measure(
                name="top-1 accuracy",
                converted=_right(self._converted),
                reference=_right(self._reference) if known else None,
            )
        ]
        for name in ("precision", "recall", "f1"):
            shown = f"{'F1' if name == 'f1' else name}, mean of the classes"
            converted = _mean([getattr(one.converted, name) for one in classes])
            reference = [getattr(one.reference, name) for one in classes if one.reference]
            found.append(
                Measure(name=shown, converted=converted, reference=_mean(reference) if known else None)
            )
        return found

    def _confusions(self) -> tuple[Confusion, ...]:
        wrong = [pair for pair in self._converted | self._reference if pair[0] != pair[1]]
        # Of equally frequent ones those first that conversion changed.
        wrong.sort(
            key=lambda pair: (
                -max(self._converted[pair], self._reference[pair]),
                -abs(self._converted[pair] - self._reference[pair]),
                pair,
            )
        )
        return tuple(
            Confusion(
                truth=self._name(truth),
                answer=self._name(answer),
                converted=self._converted[truth, answer],
                reference=self._reference[truth, answer] if self._reference else None,
            )
            for truth, answer in wrong[:MOST_CONFUSED]
        )

    def _name(self, number: int) -> str:
        if number == NO_CLASS:
            return "no class"
        return self._labels[number] if number < len(self._labels) else str(number)


class ObjectQuality:
    """Average precision, over all classes and of each."""

    def __init__(self, spec: PipelineSpec, labels: tuple[str, ...]) -> None:
        self._labels = labels
        self._converted, self._reference = MeanAveragePrecision(), MeanAveragePrecision()
        self._known = False

    def add(self, truth: Truth, converted: Outcome, reference: Outcome | None) -> None:
        """Take the boxes of one image."""
        self._converted.add(converted, truth)
        if reference is not None:
            self._known = True
            self._reference.add(reference, truth)

    def quality(self, samples: int) -> Quality:
        """As COCO defines it."""
        converted = self._converted.details()
        reference = self._reference.details() if self._known else None
        return Quality(
            samples=samples,
            measures=(
                Measure(
                    name="mAP50-95",
                    converted=_rounded(converted.mean),
                    reference=_rounded(reference.mean) if reference else None,
                ),
                Measure(
                    name="mAP50",
                    converted=_rounded(converted.mean_at_half),
                    reference=_rounded(reference.mean_at_half) if reference else None,
                ),
            ),
            objects=tuple(
                ClassPrecision(
                    label=self._labels[number] if number < len(self._labels) else str(number),
                    converted=_rounded(value),
                    reference=_rounded(reference.by_class[number]) if reference else None,
                )
                for number, value in sorted(converted.by_class.items())
            ),
        )


class AnomalyQuality:
    """AUC, and what the threshold of the pipeline makes of it."""

    def __init__(self, spec: PipelineSpec, labels: tuple[str, ...]) -> None:
        output = cast(AnomalyOutput, spec.output)
        self._threshold = None if output.threshold == "auto" else float(output.threshold)
        self._curves = AreaUnderCurve(), AreaUnderCurve()
        self._pairs: tuple[Pairs, Pairs] = Counter(), Counter()
        self._known = False

    def add(self, truth: Truth, converted: Outcome, reference: Outcome | None) -> None:
        """Take one sample's score."""
        self._known = self._known or reference is not None
        for curve, pairs, outcome in zip(self._curves, self._pairs, (converted, reference), strict=True):
            if outcome is not None:
                curve.add(outcome, truth)
                if self._threshold is not None:
                    pairs[int(bool(truth)), int(cast(Anomaly, outcome).score > self._threshold)] += 1

    def quality(self, samples: int) -> Quality:
        """The AUC, and the rates of the anomalous class at the threshold."""
        converted, reference = self._curves
        measures = [
            Measure(
                name="AUC",
                converted=_rounded(converted.value()),
                reference=_rounded(reference.value()) if self._known else None,
            )
        ]
        if self._threshold is not None:
            found = [rates(pairs, 1) for pairs in self._pairs]
            for name in ("precision", "recall", "f1"):
                shown = "F1" if name == "f1" else name
                measures.append(
                    Measure(
                        name=f"{shown} at the threshold {self._threshold:.4g}",
                        converted=getattr(found[0], name),
                        reference=getattr(found[1], name) if self._known else None,
                    )
                )
        return Quality(samples=samples, measures=tuple(measures))


class NumberQuality:
    """The mean absolute error of each number, in its own unit."""

    def __init__(self, spec: PipelineSpec, labels: tuple[str, ...]) -> None:
        self._totals = MeanAbsoluteError(), MeanAbsoluteError()
        self._errors: tuple[dict[str, list[float]], dict[str, list[float]]] = {}, {}

    def add(self, truth: Truth, converted: Outcome, reference: Outcome | None) -> None:
        """Take one sample's numbers."""
        wanted = cast(tuple[float, ...], truth)
        for total, errors, outcome in zip(self._totals, self._errors, (converted, reference), strict=True):
            if outcome is not None:
                total.add(outcome, truth)
                for (name, value), true in zip(cast(Regression, outcome).values.items(), wanted, strict=True):
                    errors.setdefault(name, []).append(abs(value - true))

    def quality(self, samples: int) -> Quality:
        """MAE over the range of the true values, then by target."""
        converted, reference = self._errors
        measures = [
            Measure(
                name="MAE / range",
                converted=_rounded(self._totals[0].value()),
                reference=_rounded(self._totals[1].value()) if reference else None,
                higher_is_better=False,
            )
        ]
        for name, errors in converted.items():
            known = reference.get(name)
            measures.append(
                Measure(
                    name=f"mean absolute error of {name}",
                    converted=_significant(errors),
                    reference=_significant(known) if known else None,
                    higher_is_better=False,
                )
            )
        return Quality(samples=samples, measures=tuple(measures))


COLLECTORS: dict[Task, Callable[[PipelineSpec, tuple[str, ...]], Collector]] = {
    "anomaly": AnomalyQuality,
    "classification": ClassQuality,
    "detection": ObjectQuality,
    "regression": NumberQuality,
}
"""What is collected for each task; raw outputs have no truth."""


def rates(pairs: Pairs, number: int) -> Rates:
    """Precision, recall and F1 of one class, from counts of (truth, answer)."""
    right = pairs[number, number]
    answered = sum(count for (_, answer), count in pairs.items() if answer == number)
    true = sum(count for (truth, _), count in pairs.items() if truth == number)
    return Rates(
        precision=_rounded(right / answered if answered else 0.0),
        recall=_rounded(right / true if true else 0.0),
        f1=_rounded(2 * right / (answered + true) if answered + true else 0.0),
    )


def _best(outcome: Outcome) -> int:
    classes = cast(Classification, outcome).classes
    return int(classes[0].label) if classes else NO_CLASS


def _right(pairs: Pairs) -> float:
    return _rounded(sum(count for (truth, answer), count in pairs.items() if truth == answer) / pairs.total())


def _mean(values: list[float]) -> float:
    return _rounded(float(np.mean(values))) if values else 0.0


def _significant(errors: list[float]) -> float:
    return float(f"{np.mean(errors):.6g}")


def _rounded(value: float) -> float:
    return round(value, 6)
