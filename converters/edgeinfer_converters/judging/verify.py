"""The emitted model against the float model, both run by the device's own backend."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from edgeinfer.backends import Backend
from edgeinfer.errors import ModelError
from edgeinfer.frames import Array
from edgeinfer.processing.spec import PipelineSpec
from edgeinfer.strict import Struct
from edgeinfer_converters.judging.evaluate import Accuracy, Judge, Scoring, top_class
from edgeinfer_converters.samples.sample import Sample

MAX_SQNR_DB = 200.0
"""What is written for outputs that are equal to the last bit: JSON has no infinity."""


GOOD_SQNR_DB = 10.0
"""Below this the noise of an output has more than a tenth of its power."""


_COUNTS = ("bool", "int32", "int64", "uint32", "uint64")
"""Types of outputs that are no numbers on a scale; 8-bit ones are, of their own."""


class Comparison(Struct, frozen=True):
    """`sqnr_db`: by output, over all samples. `agreement`: the share with the same top class. `counts`: the
    outputs that hold integers, such as places or classes: how far two of them are apart says little."""

    samples: int
    sqnr_db: dict[str, float]
    agreement: float | None = None
    accuracy: Accuracy | None = None
    counts: tuple[str, ...] = ()

    @property
    def worst_sqnr_db(self) -> float | None:
        """The lowest of all outputs; None where there was nothing to compare with."""
        return min(self.sqnr_db.values(), default=None)

    @property
    def noisy_output(self) -> str | None:
        """The output with the lowest, counts aside, where it is below GOOD_SQNR_DB."""
        judged = {name: value for name, value in self.sqnr_db.items() if name not in self.counts}
        worst = min(judged, key=lambda name: judged[name], default=None)
        return worst if worst is not None and judged[worst] < GOOD_SQNR_DB else None


class SqnrMeter:
    """Signal-to-quantization-noise ratio of one output: 10 log10(sum of r^2 / sum of (r - x)^2)."""

    def __init__(self) -> None:
        self._signal = 0.0
        self._noise = 0.0

    def add(self, reference: Array, other: Array) -> None:
        """Take the output of one sample. What a mask made infinite in both is neither signal nor noise."""
        known = np.isfinite(reference)
        wanted, found = reference[known].astype(np.float64), other[known].astype(np.float64)
        self._signal += float(np.square(wanted).sum())
        self._noise += float(np.square(wanted - found).sum())
        if not np.array_equal(reference[~known], other[~known]):
            self._noise = math.inf

    def value_db(self) -> float:
        """-200 to 200, in tenths."""
        if self._noise == 0.0:
            return MAX_SQNR_DB
        if self._signal == 0.0 or math.isinf(self._noise):
            return -MAX_SQNR_DB
        ratio = 10 * math.log10(self._signal / self._noise)
        return round(max(-MAX_SQNR_DB, min(MAX_SQNR_DB, ratio)), 1)


def compare(
    reference: Backend | None,
    converted: Backend,
    samples: Iterable[Sample],
    spec: PipelineSpec,
    labels: tuple[str, ...],
) -> Comparison:
    """Run both models on the samples. Without a reference only the converted one is run and scored.

    Raises ModelError if the converted model cannot run, gives other shapes, or NaN and infinity.
    """
    judge = Judge(spec, labels, converted.outputs, converted.inputs)
    scoring, meters = Scoring(spec), {tensor.name: SqnrMeter() for tensor in converted.outputs}
    count, decided, same = 0, 0, 0
    for sample in samples:
        count += 1
        outputs = run_checked(converted, sample)
        outcome = judge.outcome(outputs, sample)
        if reference is None:
            scoring.add(sample, outcome, None)
            continue
        wanted = reference.run(sample.inputs)
        _add_all(meters, wanted, outputs)
        expected = judge.outcome(wanted, sample)
        scoring.add(sample, outcome, expected)
        if top_class(expected) is not None:
            decided += 1
            same += top_class(expected) == top_class(outcome)
    return Comparison(
        samples=count,
        sqnr_db={name: meter.value_db() for name, meter in meters.items()} if reference else {},
        agreement=round(same / decided, 6) if decided else None,
        accuracy=scoring.accuracy(),
        counts=tuple(tensor.name for tensor in converted.outputs if tensor.dtype in _COUNTS),
    )


def run_checked(backend: Backend, sample: Sample) -> dict[str, Array]:
    """The outputs of one sample. Raises ModelError if one holds NaN or infinity."""
    outputs = backend.run(sample.inputs)
    for name, array in outputs.items():
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            raise ModelError(
                f"the model's output `{name}` holds NaN or infinity for {sample.name}",
                hint="are mean and std of the pipeline those of the training? If so, --precision float32",
            )
    return outputs


def _add_all(
    meters: Mapping[str, SqnrMeter], wanted: Mapping[str, Array], found: Mapping[str, Array]
) -> None:
    for name, meter in meters.items():
        if name not in wanted or wanted[name].shape != found[name].shape:
            raise ModelError(f"the converted model's output `{name}` is not what the float model gives")
        meter.add(wanted[name], found[name])
