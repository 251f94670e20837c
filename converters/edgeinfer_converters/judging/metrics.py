"""How good a model is on labelled data: one metric for each task."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np

from edgeinfer.errors import DataError
from edgeinfer.frames import Array
from edgeinfer.processing.results import Anomaly, Classification, Detection, Outcome, Regression
from edgeinfer.processing.spec import Task
from edgeinfer_converters.samples.sample import Truth, TruthBox


class Metric(Protocol):
    """Collects outcomes and truths. Labels in outcomes are class numbers as text."""

    name: str
    higher_is_better: bool

    def add(self, outcome: Outcome, truth: Truth) -> None:
        """Take one sample's outcome."""

    def value(self) -> float:
        """The metric over all samples. Raises DataError where the data do not define it."""


class Top1:
    """The share of samples whose best class is the true one."""

    name = "top-1"
    higher_is_better = True

    def __init__(self) -> None:
        self._right: list[bool] = []

    def add(self, outcome: Outcome, truth: Truth) -> None:
        """Compare the best class with the true one."""
        classes = cast(Classification, outcome).classes
        self._right.append(bool(classes) and classes[0].label == str(truth))

    def value(self) -> float:
        """0..1"""
        return float(np.mean(self._right))


@dataclass(frozen=True)
class Precisions:
    """COCO's mean over IoU 0.50:0.05:0.95, the one at 0.50, and the first for each class that has a box."""

    mean: float
    mean_at_half: float
    by_class: dict[int, float]


class MeanAveragePrecision:
    """COCO mAP50-95: mean over classes and IoU thresholds 0.50:0.05:0.95, 100 detections an image.

    Source: pycocotools, the evaluator of the COCO authors.
    """

    name = "mAP50-95"
    higher_is_better = True

    def __init__(self) -> None:
        self._images = 0
        self._truths: list[dict[str, Any]] = []
        self._found: list[dict[str, Any]] = []

    def add(self, outcome: Outcome, truth: Truth) -> None:
        """Take the boxes of one image."""
        self._images += 1
        for box in cast(tuple[TruthBox, ...], truth):
            self._truths.append(
                {
                    "id": len(self._truths) + 1,
                    "image_id": self._images,
                    "category_id": box.label,
                    "bbox": list(box.box),
                    "area": box.area,
                    "iscrowd": int(box.crowd),
                }
            )
        self._found += [
            {
                "image_id": self._images,
                "category_id": int(one.label),
                "bbox": list(one.box),
                "score": one.score,
            }
            for one in cast(Detection, outcome).objects
        ]

    def value(self) -> float:
        """0..1"""
        return self.details().mean

    def details(self) -> Precisions:
        """Each 0..1. Raises DataError without a single true box."""
        if not self._truths:
            raise DataError("the evaluation data hold no box of a class that the model knows")
        categories = sorted({one["category_id"] for one in self._truths})
        if not self._found:
            return Precisions(0.0, 0.0, dict.fromkeys(categories, 0.0))
        judge = self._judged(categories)
        # Axes: IoU, recall, class, area (0 is all), most detections (the last is 100); -1 is nothing to find.
        curves = judge.eval["precision"][:, :, :, 0, -1]
        by_class = {
            number: float(curve[curve > -1].mean()) if (curve > -1).any() else 0.0
            for number, curve in zip(categories, np.moveaxis(curves, 2, 0), strict=True)
        }
        return Precisions(float(judge.stats[0]), float(judge.stats[1]), by_class)

    def _judged(self, categories: list[int]) -> Any:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

        # pycocotools prints as it works; stdout is kept for results.
        with contextlib.redirect_stdout(io.StringIO()):
            truth = COCO()
            truth.dataset = {
                "images": [{"id": k + 1} for k in range(self._images)],
                "annotations": self._truths,
                "categories": [{"id": one} for one in categories],
            }
            truth.createIndex()
            judge = COCOeval(truth, truth.loadRes(self._found), "bbox")
            judge.evaluate()
            judge.accumulate()
            judge.summarize()
        return judge


class AreaUnderCurve:
    """Area under the ROC curve: how often an anomalous sample scores above a normal one.

    Computed from ranks (Mann-Whitney), ties counting half.
    """

    name = "AUC"
    higher_is_better = True

    def __init__(self) -> None:
        self._scores: list[float] = []
        self._anomalous: list[bool] = []

    def add(self, outcome: Outcome, truth: Truth) -> None:
        """Take one sample's score."""
        self._scores.append(cast(Anomaly, outcome).score)
        self._anomalous.append(bool(truth))

    def value(self) -> float:
        """0..1"""
        anomalous = np.array(self._anomalous)
        positives, negatives = int(anomalous.sum()), int((~anomalous).sum())
        if not positives or not negatives:
            raise DataError("an AUC needs both normal and anomalous evaluation samples")
        ranks = _ranks(np.array(self._scores))
        return float((ranks[anomalous].sum() - positives * (positives + 1) / 2) / (positives * negatives))


class MeanAbsoluteError:
    """Mean absolute error, relative to the range of the true values; the mean over several targets."""

    name = "MAE / range"
    higher_is_better = False

    def __init__(self) -> None:
        self._values: list[tuple[float, ...]] = []
        self._truths: list[tuple[float, ...]] = []

    def add(self, outcome: Outcome, truth: Truth) -> None:
        """Take one sample's numbers."""
        values, wanted = tuple(cast(Regression, outcome).values.values()), cast(tuple[float, ...], truth)
        if len(values) != len(wanted):
            raise DataError(f"the model gives {len(values)} numbers, the evaluation data hold {len(wanted)}")
        self._values.append(values)
        self._truths.append(wanted)

    def value(self) -> float:
        """0 is perfect; 1 is as far off as the whole range."""
        truths = np.array(self._truths)
        spread = truths.max(axis=0) - truths.min(axis=0)
        if not spread.all():
            raise DataError("a target has the same value in all evaluation samples: it has no range")
        return float((np.abs(np.array(self._values) - truths).mean(axis=0) / spread).mean())


METRICS: dict[Task, Callable[[], Metric]] = {
    "anomaly": AreaUnderCurve,
    "classification": Top1,
    "detection": MeanAveragePrecision,
    "regression": MeanAbsoluteError,
}
"""The metric of each task; raw outputs have none."""


def drop(metric: Metric, reference: float, converted: float) -> float:
    """How much worse the converted model is, absolute: 0.01 is one point."""
    return reference - converted if metric.higher_is_better else converted - reference


def _ranks(scores: Array) -> Array:
    """Ranks from 1, the mean rank for ties."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    means = np.cumsum(counts) - (counts - 1) / 2
    return cast(Array, means[places])
