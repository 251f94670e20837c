"""Golden inputs and outputs of a bundle, and how near a device must come to them.

A device runs other kernels than this machine, and may differ from it in the last bits. What "near" is
follows from the precision (docs/convert.md, "Golden data"):

- float32: 40 dB, which wrong kernels miss by far and reordered sums do not;
- float16 and int8: the SQNR of the emitted model against the float model, less 6 dB: two implementations
  that round differently are each as far from the float model as ours (together 3 dB), and 3 dB to spare;
- models that are packed as they came: 20 dB, there being no float model to compare with;
- detectors with their own suppression: 0 dB, for boxes of nearly equal scores change places in the list.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from edgeinfer.backends import Backend
from edgeinfer.bundle.golden import pack_golden
from edgeinfer.frames import DTYPES, Array, TensorInfo
from edgeinfer.processing.preprocess import build_preprocessor
from edgeinfer.processing.spec import (
    ClassificationOutput,
    DetectionOutput,
    ImageInput,
    InputSpec,
    PipelineSpec,
    WindowInput,
)
from edgeinfer_converters.emitting.choose import Emitted
from edgeinfer_converters.judging.verify import run_checked
from edgeinfer_converters.samples.sample import Sample

FLOAT32_DB = 40.0
AS_IS_DB = 20.0
SUPPRESSED_DB = 0.0
LOWEST_DB = 0.0
MARGIN_DB = 6.0

MAX_SAMPLES = 4
MAX_CANDIDATES = 16
BUDGET_BYTES = 64 * 1024
BUDGET_SHARE = 0.25
"""Golden data take a quarter of the model's size at most, or 64 KiB; one sample is always kept."""

_SEED = 20240229  # any: made-up inputs have to be the same in every build


def golden_members(
    backend: Backend, samples: Iterable[Sample], spec: PipelineSpec, *, min_sqnr_db: float, model_bytes: int
) -> tuple[dict[str, bytes], int]:
    """The members by path, and how many samples they hold.

    Of the first sixteen samples the clearest are taken, up to four: those whose best class is furthest
    ahead, since a near tie may fall either way on a device; for other tasks simply the first.
    """
    classification = isinstance(spec.output, ClassificationOutput)
    runs = [
        (sample.inputs, run_checked(backend, sample))
        for sample in itertools.islice(samples, MAX_CANDIDATES if classification else MAX_SAMPLES)
    ]
    if classification:
        first = backend.outputs[0].name
        runs.sort(key=lambda run: -_lead(run[1][first]))  # stable: ties stay in the data's order
    runs = runs[: _fitting(runs[0], max(BUDGET_BYTES, int(model_bytes * BUDGET_SHARE)))]
    inputs, outputs = ([run[part] for run in runs] for part in (0, 1))
    members = pack_golden(
        _stacked(inputs, backend.inputs),
        _stacked(outputs, backend.outputs),
        min_sqnr_db=min_sqnr_db,
        same_top_class=classification,
    )
    return members, len(runs)


def tolerance_db(precision: Emitted, spec: PipelineSpec, measured_db: float | None) -> float:
    """The lowest SQNR at which a device computes what this machine does.

    `measured_db`: the emitted model against the float model.
    """
    if isinstance(spec.output, DetectionOutput) and spec.output.decode == "ssd":
        return SUPPRESSED_DB
    if precision == "float32":
        return FLOAT32_DB
    if measured_db is None:
        return AS_IS_DB
    return round(min(FLOAT32_DB, max(LOWEST_DB, measured_db - MARGIN_DB)), 1)


def made_up_samples(spec: PipelineSpec, tensors: Sequence[TensorInfo], count: int) -> Iterator[Sample]:
    """Random inputs, always the same, for a build without data: noise through the pipeline's own steps."""
    rng = np.random.default_rng(_SEED)
    steps = [build_preprocessor(one, tensor) for one, tensor in zip(spec.input, tensors, strict=True)]
    for number in range(count):
        inputs, geometry = {}, None
        for one, tensor, step in zip(spec.input, tensors, steps, strict=True):
            prepared = step(_noise(one, tensor, rng))
            inputs[tensor.name] = prepared.tensor
            geometry = geometry or prepared.geometry
        yield Sample(f"made-up input {number}", inputs, geometry)


def _noise(spec: InputSpec, tensor: TensorInfo, rng: np.random.Generator) -> Array:
    if isinstance(spec, ImageInput):
        width, height = spec.size
        return rng.integers(0, 256, (height, width, 3), np.uint8)
    if isinstance(spec, WindowInput):
        normal = rng.standard_normal((spec.length, len(spec.columns)))
        return (normal * spec.std + spec.mean).astype(np.float32)
    shape = tuple(1 if side == -1 else side for side in tensor.shape)
    dtype = DTYPES[tensor.dtype]
    if np.issubdtype(dtype, np.floating):
        return rng.standard_normal(shape).astype(dtype)
    # Small numbers: they may be indices, and what they index is not known.
    return rng.integers(0, 2, shape).astype(dtype)


def _lead(scores: Array) -> float:
    """How far the best class is ahead of the second, relative to the spread of all."""
    ordered = np.sort(scores.astype(np.float64).ravel())
    spread = float(ordered[-1] - ordered[0])
    return float(ordered[-1] - ordered[-2]) / spread if ordered.size > 1 and spread > 0 else 0.0


def _fitting(run: tuple[Mapping[str, Array], Mapping[str, Array]], budget_bytes: int) -> int:
    sample_bytes = sum(array.nbytes for part in run for array in part.values())
    return max(1, min(MAX_SAMPLES, budget_bytes // max(1, sample_bytes)))


def _stacked(runs: Sequence[Mapping[str, Array]], tensors: Sequence[TensorInfo]) -> dict[str, Array]:
    return {tensor.name: np.stack([run[tensor.name] for run in runs]) for tensor in tensors}
