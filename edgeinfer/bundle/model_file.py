"""What a model file says about itself, and whether that is what the manifest says.

The file is read as a description only, without loading it into a runtime, and without the onnx and
tensorflow packages. A file that a runtime would complete from elsewhere (external data) is refused: only
the bundle's own bytes are hashed and signed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from edgeinfer.backends import ModelFormat
from edgeinfer.bundle.manifest import MAX_RANK, MAX_TENSORS, Manifest
from edgeinfer.errors import FormatError, ModelError
from edgeinfer.frames import TensorInfo

MAX_OPERATORS = 200_000
MAX_NAME_LENGTH = 1024
MAX_ELEMENTS = 2**40

READERS: dict[ModelFormat, str] = {
    "onnx": "edgeinfer.bundle.onnx_file",
    "tflite": "edgeinfer.bundle.tflite_file",
}
"""The module that reads each format: `describe(data) -> ModelDescription`."""


@dataclass(frozen=True)
class ModelDescription:
    """`operators`: how often each occurs, subgraphs included; `DOMAIN.NAME` outside the default domain.

    `opset` and `ir_version` are 0 for TFLite; `opset` is that of the default domain.
    """

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    operators: dict[str, int]
    opset: int
    ir_version: int


class _Reader(Protocol):
    def describe(self, data: bytes) -> ModelDescription: ...


def describe_model(data: bytes, model_format: ModelFormat) -> ModelDescription:
    """Read a model file's description. Raises ModelError, MissingRuntimeError."""
    if not data:
        raise ModelError("the model file is empty")
    reader = cast(_Reader, import_module(READERS[model_format]))
    description = reader.describe(data)
    for role, tensors in (("input", description.inputs), ("output", description.outputs)):
        _check_tensors(role, tensors)
    return description


def check_model(manifest: Manifest, data: bytes) -> None:
    """Compare a model file with its manifest. Raises FormatError that names each difference."""
    try:
        found = describe_model(data, manifest.model.format)
    except ModelError as error:
        raise FormatError(f"`{manifest.model.file}`: {error.message}", hint=error.hint) from error
    differences = [*_differences(manifest, found)]
    if differences:
        raise FormatError(f"`{manifest.model.file}` is not as the manifest says: " + "; ".join(differences))


def checked_name(name: str, what: str) -> str:
    """A name that may be shown on a terminal. Raises ModelError for any other."""
    if len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise ModelError(f"{what} has a name that is not printable or too long: {name[:60]!a}")
    return name


def count_operators(names: Iterable[str]) -> dict[str, int]:
    """How often each name occurs, sorted by name. Raises ModelError beyond the limit."""
    counts: dict[str, int] = {}
    for total, name in enumerate(names, start=1):
        if total > MAX_OPERATORS:
            raise ModelError(f"the model has more than {MAX_OPERATORS} operators")
        counts[name] = counts.get(name, 0) + 1
    return {checked_name(name, "an operator"): counts[name] for name in sorted(counts)}


def _check_tensors(role: str, tensors: tuple[TensorInfo, ...]) -> None:
    if not 1 <= len(tensors) <= MAX_TENSORS:
        raise ModelError(f"the model has {len(tensors)} {role}s; 1 to {MAX_TENSORS} are possible")
    for tensor in tensors:
        place = f"{role} `{checked_name(tensor.name, f'an {role}')}`"
        if len(tensor.shape) > MAX_RANK:
            raise ModelError(f"{place} has {len(tensor.shape)} dimensions; {MAX_RANK} are possible")
        if any(not -1 <= size < 2**31 for size in tensor.shape):
            raise ModelError(f"{place} has a dimension that is out of range")
        if math.prod(max(1, size) for size in tensor.shape) > MAX_ELEMENTS:
            raise ModelError(f"{place} has more than {MAX_ELEMENTS} elements")


def _differences(manifest: Manifest, found: ModelDescription) -> Iterator[str]:
    yield from _tensor_differences("input", manifest.model.inputs, found.inputs)
    yield from _tensor_differences("output", manifest.model.outputs, found.outputs)
    yield from _operator_differences(manifest.model.operators, found.operators)
    for what, said, is_found in (
        ("opset", manifest.runtime.opset, found.opset),
        ("IR version", manifest.runtime.ir_version, found.ir_version),
    ):
        if said != is_found:
            yield f"{what} {is_found}, not {said}"


def _tensor_differences(
    role: str, said: tuple[TensorInfo, ...], found: tuple[TensorInfo, ...]
) -> Iterator[str]:
    if len(said) != len(found):
        yield f"{len(found)} {role}s, not {len(said)}"
        return
    for number, (one, other) in enumerate(zip(said, found, strict=True)):
        if one != other:
            yield f"{role} {number} is {_show(other)}, not {_show(one)}"


def _show(tensor: TensorInfo) -> str:
    scale = tensor.quantization
    suffix = f" scale {scale.scale:g} zero point {scale.zero_point}" if scale else ""
    return f"{tensor.name} {tensor.dtype}{list(tensor.shape)}{suffix}"


def _operator_differences(said: Mapping[str, int], found: Mapping[str, int]) -> Iterator[str]:
    for name in sorted(said.keys() | found.keys()):
        if said.get(name, 0) != found.get(name, 0):
            yield f"{found.get(name, 0)} {name}, not {said.get(name, 0)}"
