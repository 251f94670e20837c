"""Golden inputs and outputs: what a bundle must compute, on the device as on the workstation.

The arrays are members of the bundle as raw little-endian bytes in C order; `golden.json` gives their
dtypes, shapes and tolerances. Integer kernels differ across instruction sets in the last bit, so
outputs are compared by signal-to-quantization-noise ratio (SQNR) of what they stand for and, for
classification, by class.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np

from edgeinfer.backends import Backend
from edgeinfer.bundle.manifest import GOLDEN_NAME, MAX_RANK, MAX_SMALL_FILE_BYTES, MAX_TENSORS, Manifest
from edgeinfer.errors import DataError, FormatError, ModelError, SettingsError
from edgeinfer.frames import DTYPES, Array, TensorInfo
from edgeinfer.strict import Meta, Struct, decode_json, encode_json

if TYPE_CHECKING:
    from edgeinfer.bundle.reader import Bundle  # the reader parses golden.json with this module

MAX_SAMPLES = 1024

Dimension = Annotated[int, Meta(ge=0, lt=2**31)]


class GoldenTensor(Struct, frozen=True):
    """`file` holds `samples` arrays of `shape`, one after the other."""

    name: str
    file: str
    dtype: str
    shape: Annotated[tuple[Dimension, ...], Meta(max_length=MAX_RANK)]


class Golden(Struct, frozen=True):
    """`golden.json`. `min_sqnr_db` holds for each output over all samples."""

    samples: Annotated[int, Meta(ge=1, le=MAX_SAMPLES)]
    inputs: Annotated[tuple[GoldenTensor, ...], Meta(min_length=1, max_length=MAX_TENSORS)]
    outputs: Annotated[tuple[GoldenTensor, ...], Meta(min_length=1, max_length=MAX_TENSORS)]
    min_sqnr_db: float
    same_top_class: bool


@dataclass(frozen=True)
class GoldenReport:
    """How near a run came. `sqnr_db` by output: infinite for equal bits, minus infinite for nonsense."""

    sqnr_db: dict[str, float]
    same_top_class: bool
    passed: bool


def parse_golden(data: bytes) -> Golden:
    """Parse `golden.json`. Raises FormatError. Law: `parse_golden(dump_golden(x)) == x`."""
    try:
        return decode_json(data, Golden, GOLDEN_NAME)
    except SettingsError as error:
        raise FormatError(error.message) from error


def dump_golden(golden: Golden) -> bytes:
    """The bytes of `golden.json`."""
    return encode_json(golden, indent=2) + b"\n"


def pack_golden(
    inputs: Mapping[str, Array], outputs: Mapping[str, Array], *, min_sqnr_db: float, same_top_class: bool
) -> dict[str, bytes]:
    """The golden members of a bundle, by path.

    Every array has the sample as its first axis, and the others as the tensor has them (a batch axis
    of 1 may be left out). Raises DataError.
    """
    counts = {len(array) if array.ndim else 0 for array in [*inputs.values(), *outputs.values()]}
    if len(counts) != 1 or not 1 <= (samples := counts.pop()) <= MAX_SAMPLES:
        raise DataError(f"golden arrays need the same number of samples, 1 to {MAX_SAMPLES}")
    for name, array in [*inputs.items(), *outputs.items()]:
        if array.dtype.name not in DTYPES:
            raise DataError(f"golden array `{name}`: a bundle cannot hold the dtype {array.dtype}")
    described = {
        role: tuple(_describe(role, number, name, array) for number, (name, array) in enumerate(arrays))
        for role, arrays in (("input", inputs.items()), ("output", outputs.items()))
    }
    golden = Golden(
        samples=samples,
        inputs=described["input"],
        outputs=described["output"],
        min_sqnr_db=min_sqnr_db,
        same_top_class=same_top_class,
    )
    members = {one.file: _raw(inputs[one.name]) for one in golden.inputs}
    members.update({one.file: _raw(outputs[one.name]) for one in golden.outputs})
    return {GOLDEN_NAME: dump_golden(golden), **members}


def unpack(tensor: GoldenTensor, samples: int, data: bytes) -> Array:
    """The array (samples, *shape) of a golden member's bytes, whose length was checked before."""
    dtype = DTYPES[tensor.dtype].newbyteorder("<")
    array = np.frombuffer(data, dtype).reshape(samples, *tensor.shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def golden_faults(golden: Golden, manifest: Manifest) -> Iterator[str]:
    """What is wrong with a `golden.json` in a bundle with this manifest, a sentence each."""
    sizes = {entry.path: entry.size for entry in manifest.files}
    yield from _tensor_faults("inputs", golden.inputs, manifest.model.inputs, golden.samples, sizes)
    yield from _tensor_faults("outputs", golden.outputs, manifest.model.outputs, golden.samples, sizes)


def sqnr_db(reference: Array, other: Array) -> float:
    """10 log10(signal power / power of the difference), in decibel.

    Infinite where both are equal; minus infinite where they cannot be compared (another number of
    elements, a value that is not finite in one of them only, a silent reference).
    """
    first = np.asarray(reference, np.float64).ravel()
    second = np.asarray(other, np.float64).ravel()
    if first.shape != second.shape:
        return -math.inf
    if np.array_equal(first, second, equal_nan=True):
        return math.inf
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return -math.inf
    # Scaled first, so that squares of large numbers stay finite and those of small ones above zero.
    scale = max(float(np.abs(first).max()), float(np.abs(second).max()))
    signal = float(np.square(first / scale).sum())
    noise = float(np.square(first / scale - second / scale).sum())
    if signal == 0.0:
        return -math.inf
    return math.inf if noise == 0.0 else 10.0 * math.log10(signal / noise)


def check_golden(bundle: Bundle, backend: Backend) -> GoldenReport:
    """Run the golden inputs and compare. Raises FormatError without golden data, ModelError."""
    golden = bundle.golden
    if golden is None:
        raise FormatError(f"{bundle.path}: the bundle has no golden inputs and outputs")
    inputs, expected = bundle.golden_inputs(), bundle.golden_outputs()
    runs = [_run(backend, inputs, sample) for sample in range(golden.samples)]
    for name in expected:
        if name not in runs[0]:
            raise ModelError(f"the model has no output `{name}`, which the golden data has")
    found = {name: np.stack([run[name].reshape(-1) for run in runs]) for name in expected}
    zeros = {one.name: _zero_point(one) for one in bundle.manifest.model.outputs}
    report = {
        name: sqnr_db(_from_zero(expected[name], zeros[name]), _from_zero(found[name], zeros[name]))
        for name in expected
    }
    same = _same_class(expected[golden.outputs[0].name], found[golden.outputs[0].name])
    near = all(value >= golden.min_sqnr_db for value in report.values())
    return GoldenReport(report, same, near and (same or not golden.same_top_class))


def _run(backend: Backend, inputs: Mapping[str, Array], sample: int) -> dict[str, Array]:
    ranks = {tensor.name: len(tensor.shape) for tensor in backend.inputs}
    tensors = {name: array[sample] for name, array in inputs.items()}
    return backend.run(
        {
            name: tensor[np.newaxis] if tensor.ndim + 1 == ranks.get(name) else tensor
            for name, tensor in tensors.items()
        }
    )


def _zero_point(tensor: TensorInfo) -> int:
    return 0 if tensor.quantization is None else tensor.quantization.zero_point


def _from_zero(stored: Array, zero_point: int) -> Array:
    """Integers as steps from zero: those of a score near 0 may all be near -128, a signal without meaning."""
    return stored if not zero_point else stored.astype(np.float64) - zero_point


def _same_class(expected: Array, found: Array) -> bool:
    """Whether each sample's largest element is at the same place."""
    flat = expected.reshape(len(expected), -1)
    if flat.shape != found.shape or flat.shape[1] == 0:
        return False
    return bool((flat.argmax(axis=1) == found.argmax(axis=1)).all())


def _describe(role: str, number: int, name: str, array: Array) -> GoldenTensor:
    file = f"golden/{role}-{number}.bin"
    return GoldenTensor(name=name, file=file, dtype=array.dtype.name, shape=array.shape[1:])


def _raw(array: Array) -> bytes:
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()


def _tensor_faults(
    role: str,
    golden: Sequence[GoldenTensor],
    model: Sequence[TensorInfo],
    samples: int,
    sizes: Mapping[str, int],
) -> Iterator[str]:
    if sorted(one.name for one in golden) != sorted(one.name for one in model):
        yield f"{GOLDEN_NAME}: the {role} are not those of the model"
    dtypes = {one.name: one.dtype for one in model}
    for tensor in golden:
        place = f"{GOLDEN_NAME}: {role[:-1]} {tensor.name!a}"
        if tensor.dtype not in DTYPES or tensor.dtype != dtypes.get(tensor.name, tensor.dtype):
            yield f"{place}: {tensor.dtype!a} is not the model's dtype"
            continue
        sample_bytes = math.prod(tensor.shape) * DTYPES[tensor.dtype].itemsize
        # An array of nothing may still have sides that numpy cannot multiply.
        too_large = math.prod(max(1, side) for side in tensor.shape) > MAX_SMALL_FILE_BYTES
        if sizes.get(tensor.file) != samples * sample_bytes or too_large:
            yield f"{place}: {tensor.file!a} does not hold {samples} samples of {list(tensor.shape)}"
