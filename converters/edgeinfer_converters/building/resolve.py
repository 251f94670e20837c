"""The pipeline file, and its resolution against a model: every "auto" that the model answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeinfer.errors import ModelError, SettingsError
from edgeinfer.frames import TensorInfo
from edgeinfer.processing.postprocess import build_postprocessor
from edgeinfer.processing.preprocess import build_preprocessor
from edgeinfer.processing.spec import (
    AnomalyOutput,
    ImageInput,
    InputSpec,
    OutputSpec,
    PipelineSpec,
    TensorInput,
    WindowInput,
    parse_pipeline_toml,
)
from edgeinfer.strict import replace

MAX_PIPELINE_BYTES = 1024 * 1024
MAX_LABELS_BYTES = 4 * 1024 * 1024
NO_LABEL = "???"
"""What label files write where a number has no class; a blank line is taken for it."""


@dataclass(frozen=True)
class PipelineFile:
    """What the user wrote: the specification and the labels that it names."""

    path: Path
    spec: PipelineSpec
    labels: tuple[str, ...]


def read_pipeline(path: Path) -> PipelineFile:
    """Read a pipeline file and the labels file beside it. Raises SettingsError."""
    spec = parse_pipeline_toml(_read(path, MAX_PIPELINE_BYTES, "pipeline file"), str(path))
    if spec.model.labels is None:
        return PipelineFile(path, spec, ())
    return PipelineFile(path, spec, _labels(path.parent / spec.model.labels, path))


def resolve_pipeline(
    file: PipelineFile, inputs: tuple[TensorInfo, ...], outputs: tuple[TensorInfo, ...]
) -> PipelineSpec:
    """The specification with names, layouts and types filled in from the model.

    Only an anomaly threshold may still be `auto`. Raises SettingsError where file and model do not fit.
    """
    spec, where = file.spec, str(file.path)
    if len(spec.input) != len(inputs):
        names = ", ".join(f"`{tensor.name}`" for tensor in inputs)
        raise SettingsError(
            f"{where}: has {len(spec.input)} [[input]] for a model with {len(inputs)} inputs ({names})",
            hint="one [[input]] for each input, in the model's order",
        )
    try:
        resolved = tuple(_resolve_input(one, tensor) for one, tensor in zip(spec.input, inputs, strict=True))
        result = replace(spec, input=resolved, output=_resolve_output(spec.output, outputs))
        build_postprocessor(_with_some_threshold(result), file.labels, outputs, inputs)
    except (ModelError, SettingsError) as error:
        raise SettingsError(f"{where}: {error.message}", hint=error.hint) from error
    return result


def _resolve_input(spec: InputSpec, tensor: TensorInfo) -> InputSpec:
    if spec.name not in ("", tensor.name):
        raise SettingsError(f"input.name is `{spec.name}`, the model's input at this place `{tensor.name}`")
    if spec.dtype in ("int8", "uint8") and tensor.dtype == "float32":
        spec = replace(spec, dtype="auto")  # a wish for the converted model, see `furnish`
    if spec.dtype not in ("auto", tensor.dtype):
        raise SettingsError(
            f"input.dtype is {spec.dtype}, the model's input `{tensor.name}` takes {tensor.dtype}",
            hint='leave it out, or write "auto": a model keeps the input type that it comes with',
        )
    if isinstance(spec, TensorInput):
        _check_batch(tensor)
        return replace(spec, name=tensor.name, dtype=_dtype(tensor))
    build_preprocessor(spec, tensor)  # raises what does not fit
    if isinstance(spec, WindowInput):
        return replace(spec, name=tensor.name, dtype=_dtype(tensor))
    return replace(spec, name=tensor.name, dtype=_dtype(tensor), layout=_layout(spec, tensor))


def _resolve_output(spec: OutputSpec, tensors: tuple[TensorInfo, ...]) -> OutputSpec:
    if spec.dtype in ("int8", "uint8") and any(one.dtype == "float32" for one in tensors):
        return replace(spec, dtype="auto")  # a wish for the converted model, see `furnish`
    return spec


def _check_batch(tensor: TensorInfo) -> None:
    if tensor.shape[:1] not in ((), (1,), (-1,)):
        raise ModelError(
            f"the model's input `{tensor.name}` has the shape {list(tensor.shape)}: not a batch of one",
            hint="export the model with a first axis of 1",
        )


def _layout(spec: ImageInput, tensor: TensorInfo) -> str:
    # Loads OpenCV, so only where there are images.
    from edgeinfer.processing.image import find_layout

    return find_layout(spec, tensor)


def _dtype(tensor: TensorInfo) -> str:
    # A pipeline names the types that images and windows come in; other tensors say it themselves.
    return tensor.dtype if tensor.dtype in ("float32", "uint8", "int8") else "auto"


def _with_some_threshold(spec: PipelineSpec) -> PipelineSpec:
    if isinstance(spec.output, AnomalyOutput) and spec.output.threshold == "auto":
        return replace(spec, output=replace(spec.output, threshold=0.0))
    return spec


def _labels(path: Path, pipeline: Path) -> tuple[str, ...]:
    data = _read(path, MAX_LABELS_BYTES, f"labels file (named in {pipeline})")
    try:
        lines = data.decode("utf-8-sig").rstrip().split("\n")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 text ({error})") from error
    labels = tuple(line.strip() for line in lines)
    if not any(labels):
        raise SettingsError(f"{path}: there are no labels in it", hint="one line for each class")
    for number, label in enumerate(labels, start=1):
        if not label.isprintable():
            raise SettingsError(f"{path}, line {number}: {label[:40]!a} is not printable text")
    return tuple(label or NO_LABEL for label in labels)


def _read(path: Path, limit_bytes: int, what: str) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(limit_bytes + 1)
    except OSError as error:
        raise SettingsError(f"{path}: {what}: {error.strerror}") from error
    if len(data) > limit_bytes:
        raise SettingsError(f"{path}: {what}: larger than {limit_bytes} bytes")
    return data
