"""The data of a build: what is calibrated on, what is verified on, what is scored on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edgeinfer.frames import TensorInfo
from edgeinfer.processing.spec import PipelineSpec
from edgeinfer_converters.emitting.golden import MAX_CANDIDATES, made_up_samples
from edgeinfer_converters.samples import Request, Sample, Samples, open_samples

CALIBRATION_LIMIT = {"default": 512, "high": 4096}
"""Samples that are calibrated on at most, by --effort: ranges hardly move after some hundred."""


@dataclass(frozen=True)
class Data:
    """`calibration`: to learn ranges from. `verification`: to hold the emitted model against the float
    model on; `described` says for people where that comes from. `all_calibration`: to learn a threshold
    from."""

    calibration: Samples | None
    all_calibration: Samples | None
    evaluation: Samples | None
    verification: Iterable[Sample]
    verification_count: int
    described: str


def open_data(
    calibration: Path | None,
    evaluation: Path | None,
    spec: PipelineSpec,
    labels: tuple[str, ...],
    tensors: tuple[TensorInfo, ...],
    *,
    effort: str,
    seed: int,
) -> Data:
    """Open what there is. Raises DataError.

    Verified is on the evaluation data; without them on a part of the calibration data that is held out
    from calibrating; without either on made-up inputs.
    """
    whole = None
    if calibration is not None:
        request = Request(spec, tensors, labels, "calibration")
        whole = open_samples(calibration, request).limit(CALIBRATION_LIMIT[effort], seed)
    if evaluation is not None:
        scored = open_samples(evaluation, Request(spec, tensors, labels, "evaluation"))
        return Data(whole, whole, scored, scored, len(scored), "of the evaluation data")
    if whole is None:
        made_up = list(made_up_samples(spec, tensors, MAX_CANDIDATES))
        return Data(None, None, None, made_up, len(made_up), "made up at random")
    learnt, held_out = whole.split(seed)
    described = "held out of calibration" if held_out is not learnt else "of the calibration data"
    return Data(learnt, whole, None, held_out, len(held_out), described)
