"""The anomaly threshold, learnt from calibration data.

Rule: 1.1 times the 99.5 % quantile of the scores that the emitted model gives to normal calibration
samples (all of them, where the data have no label column), to six significant digits. The quantile
bounds false alarms at about one in two hundred on data like these; the tenth is for data that differ.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from edgeinfer.backends import Backend
from edgeinfer.errors import DataError
from edgeinfer.processing.results import Anomaly
from edgeinfer.processing.spec import AnomalyOutput, PipelineSpec
from edgeinfer.strict import replace
from edgeinfer_converters.judging.evaluate import Judge
from edgeinfer_converters.judging.verify import run_checked
from edgeinfer_converters.samples.sample import Sample

QUANTILE = 0.995
MARGIN = 1.1


def needs_threshold(spec: PipelineSpec) -> bool:
    """Whether the pipeline leaves the threshold to be learnt."""
    return isinstance(spec.output, AnomalyOutput) and spec.output.threshold == "auto"


def learn_threshold(backend: Backend, samples: Iterable[Sample], spec: PipelineSpec) -> PipelineSpec:
    """The pipeline with its threshold learnt. Raises DataError if no sample is normal."""
    judge = Judge(spec, (), backend.outputs, backend.inputs)
    scores = []
    for sample in samples:
        if not sample.truth:
            outcome = judge.outcome(run_checked(backend, sample), sample)
            if isinstance(outcome, Anomaly):
                scores.append(outcome.score)
    if not scores:
        raise DataError("no calibration sample is normal: there is nothing to learn the threshold from")
    return replace(spec, output=replace(spec.output, threshold=threshold_of(scores)))


def threshold_of(scores: list[float]) -> float:
    """The threshold for these scores of normal samples."""
    return float(f"{MARGIN * float(np.quantile(scores, QUANTILE)):.6g}")
