"""What a model makes of samples, through the bundle's own postprocessing."""

from __future__ import annotations

from collections.abc import Mapping

from edgeinfer.frames import Array, TensorInfo
from edgeinfer.processing.postprocess import build_postprocessor
from edgeinfer.processing.results import Classification, Outcome
from edgeinfer.processing.spec import (
    AnomalyOutput,
    ClassificationOutput,
    DetectionOutput,
    OutputSpec,
    PipelineSpec,
)
from edgeinfer.strict import Struct, replace
from edgeinfer_converters.judging.metrics import METRICS, Metric, drop
from edgeinfer_converters.samples.sample import Sample

DETECTION_THRESHOLD = 0.01
"""A curve of precision over recall needs the weak detections too, whatever the pipeline shows."""


class Accuracy(Struct, frozen=True):
    """A metric on labelled data. `reference` and `drop` are null for a model that was not converted."""

    metric: str
    samples: int
    converted: float
    reference: float | None = None
    drop: float | None = None


class Judge:
    """Postprocesses outputs as the device does, but for thresholds, which would hide what is compared."""

    def __init__(
        self,
        spec: PipelineSpec,
        labels: tuple[str, ...],
        outputs: tuple[TensorInfo, ...],
        inputs: tuple[TensorInfo, ...],
    ) -> None:
        # Numbers for labels: names need not be unique (ImageNet has two "crane"), and truths are numbers.
        numbers = tuple(str(k) for k in range(len(labels)))
        self._postprocess = build_postprocessor(_open(spec), numbers, outputs, inputs)

    def outcome(self, outputs: Mapping[str, Array], sample: Sample) -> Outcome:
        """The result of one sample. Raises ModelError for outputs that cannot be decoded."""
        return self._postprocess(outputs, sample.inputs, sample.geometry)


class Scoring:
    """The task's metric for the converted model and, beside it, for the float model."""

    def __init__(self, spec: PipelineSpec) -> None:
        make = METRICS.get(spec.model.task)
        self._converted: Metric | None = make() if make else None
        self._reference: Metric | None = make() if make else None
        self._samples = 0
        self._with_reference = False

    def add(self, sample: Sample, converted: Outcome, reference: Outcome | None) -> None:
        """Take one sample; unlabelled ones are passed over."""
        if sample.truth is None or self._converted is None or self._reference is None:
            return
        self._samples += 1
        self._converted.add(converted, sample.truth)
        if reference is not None:
            self._with_reference = True
            self._reference.add(reference, sample.truth)

    def accuracy(self) -> Accuracy | None:
        """The metric of both models, or None without labelled samples. Raises DataError."""
        if not self._samples or self._converted is None or self._reference is None:
            return None
        metric = self._converted
        converted = round(metric.value(), 6)
        if not self._with_reference:
            return Accuracy(metric=metric.name, samples=self._samples, converted=converted)
        reference = round(self._reference.value(), 6)
        return Accuracy(
            metric=metric.name,
            samples=self._samples,
            converted=converted,
            reference=reference,
            drop=round(drop(metric, reference, converted), 6),
        )


def top_class(outcome: Outcome) -> str | None:
    """The best class of a classification, None for every other task."""
    if isinstance(outcome, Classification) and outcome.classes:
        return outcome.classes[0].label
    return None


def _open(spec: PipelineSpec) -> PipelineSpec:
    output: OutputSpec = spec.output
    if isinstance(output, ClassificationOutput):
        output = replace(output, threshold=0.0, top_k=1)
    elif isinstance(output, DetectionOutput):
        output = replace(
            output, threshold=DETECTION_THRESHOLD, max_detections=max(100, output.max_detections)
        )
    elif isinstance(output, AnomalyOutput) and output.threshold == "auto":
        output = replace(output, threshold=0.0)
    return replace(spec, output=output)
