"""The pipeline specification: what happens before and after the model.

The user writes it as TOML (docs/pipeline.md); a bundle carries it resolved, as `pipeline.json`, with
every "auto" replaced by what was found out.
Law: `parse_pipeline_json(dump_pipeline(spec), where) == spec`.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal, TypeVar

from edgeinfer.errors import SettingsError
from edgeinfer.strict import Meta, Struct, convert, decode_json, decode_toml, encode_json, field, plain

Task = Literal["classification", "detection", "anomaly", "regression", "raw"]
Layout = Literal["auto", "nchw", "nhwc"]
TensorType = Literal["auto", "float32", "uint8", "int8"]
Positive = Annotated[int, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]

# A leading letter or digit and no "-" keep NAME-VERSION-PROFILE.eib and topics unambiguous.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]{0,63}\Z")
_SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?\Z")


class ModelSpec(Struct, frozen=True):
    """Name, version and task; `labels` is a file beside the pipeline file, a member of the bundle."""

    name: str
    version: str
    task: Task
    labels: str | None = None


class ImageInput(Struct, frozen=True, tag="image", tag_field="kind"):
    """An image: colour order, resize, normalization (x - mean) / std with x in 0..255, layout."""

    size: tuple[Positive, Positive]
    name: str = ""
    color: Literal["rgb", "bgr", "gray"] = "rgb"
    resize: Literal["stretch", "letterbox", "center-crop"] = "stretch"
    short_side: Positive | None = None
    interpolation: Literal["nearest", "bilinear", "bicubic", "area"] = "bilinear"
    pad: Annotated[int, Meta(ge=0, le=255)] = 114
    anchor: Literal["center", "top-left"] = "center"
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    layout: Layout = "auto"
    dtype: TensorType = "auto"

    @property
    def channels(self) -> int:
        """1 for gray, otherwise 3."""
        return 1 if self.color == "gray" else 3


class WindowInput(Struct, frozen=True, tag="window", tag_field="kind"):
    """A sliding window of `length` sensor rows that moves on by `stride` rows."""

    columns: tuple[str, ...]
    length: Positive
    stride: Positive
    name: str = ""
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    label: str | None = None
    dtype: TensorType = "auto"


class TensorInput(Struct, frozen=True, tag="tensor", tag_field="kind"):
    """An array that goes to the model as it is."""

    name: str = ""
    dtype: TensorType = "auto"


InputSpec = ImageInput | WindowInput | TensorInput


class ClassificationOutput(Struct, frozen=True):
    """The `top_k` classes with a score of at least `threshold`."""

    decode: Literal["none", "softmax", "sigmoid"] = "softmax"
    top_k: Positive = 1
    threshold: Share = 0.0
    dtype: TensorType = "auto"


class DetectionOutput(Struct, frozen=True):
    """Boxes after non-maximum suppression. `tensors` names outputs by their role, where needed."""

    decode: Literal["yolox", "ssd", "ultraface"]
    threshold: Share = 0.5
    iou: Share = 0.5
    max_detections: Positive = 100
    tensors: dict[str, str] = field(default_factory=dict)
    dtype: TensorType = "auto"


class AnomalyOutput(Struct, frozen=True):
    """Reconstruction error of the first input; `auto` learns the threshold from calibration data."""

    score: Literal["mse", "mae"] = "mse"
    threshold: float | Literal["auto"] = "auto"
    dtype: TensorType = "auto"


class RegressionOutput(Struct, frozen=True):
    """Numbers with names; `scale` and `offset` undo the normalization of the training."""

    names: tuple[str, ...]
    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    dtype: TensorType = "auto"


class RawOutput(Struct, frozen=True):
    """The output tensors as nested lists."""

    dtype: TensorType = "auto"


OutputSpec = ClassificationOutput | DetectionOutput | AnomalyOutput | RegressionOutput | RawOutput

OUTPUTS: dict[Task, type[Any]] = {
    "anomaly": AnomalyOutput,
    "classification": ClassificationOutput,
    "detection": DetectionOutput,
    "raw": RawOutput,
    "regression": RegressionOutput,
}


class PipelineSpec(Struct, frozen=True):
    """The whole pipeline: the model's name and task, its inputs in the model's order, its output."""

    model: ModelSpec
    input: tuple[InputSpec, ...]
    output: OutputSpec


class _Document(Struct, frozen=True):
    """The file as written: the type of `output` follows from the task."""

    model: ModelSpec
    input: tuple[InputSpec, ...]
    output: dict[str, Any] = field(default_factory=dict)


T = TypeVar("T")


def parse_pipeline_toml(data: bytes, where: str) -> PipelineSpec:
    """Parse and check what the user wrote. Raises SettingsError with every fault found."""
    return _resolve(decode_toml(data, _Document, where), where)


def parse_pipeline_json(data: bytes, where: str) -> PipelineSpec:
    """Parse and check the `pipeline.json` of a bundle."""
    return _resolve(decode_json(data, _Document, where), where)


def dump_pipeline(spec: PipelineSpec) -> bytes:
    """The canonical JSON of a pipeline."""
    return encode_json(plain(spec), indent=2) + b"\n"


def _resolve(document: _Document, where: str) -> PipelineSpec:
    try:
        output = convert(document.output, OUTPUTS[document.model.task], f"{where}, [output]")
    except SettingsError as error:
        raise SettingsError(error.message, hint=_foreign(document)) from error
    spec = PipelineSpec(model=document.model, input=document.input, output=output)
    faults = list(_faults(spec))
    if faults:
        raise SettingsError(f"{where}: " + "; ".join(faults))
    return spec


def _foreign(document: _Document) -> str:
    """What the task of the model knows in [output], where something there is of another task or of none."""
    task, known = document.model.task, OUTPUTS[document.model.task].__struct_fields__
    said = [f"task `{task}` knows {', '.join(known)} in [output]"]
    for name in sorted(document.output.keys() - set(known)):
        owners = [f"`{other}`" for other, kind in OUTPUTS.items() if name in kind.__struct_fields__]
        if owners:
            said.append(f"`{name}` is for {' or '.join(owners)}")
    return "; ".join(said) if document.output.keys() - set(known) else ""


def _faults(spec: PipelineSpec) -> list[str]:
    faults: list[str] = []
    if not _NAME.match(spec.model.name):
        faults.append(f"model.name `{spec.model.name}` may hold letters, digits, `_` and `.`, 64 at most")
    if not _SEMVER.match(spec.model.version):
        faults.append(f"model.version `{spec.model.version}` is not a semantic version such as 1.0.0")
    if not spec.input:
        faults.append("at least one [[input]] is needed")
    for number, one in enumerate(spec.input):
        faults += [f"input[{number}]: {fault}" for fault in _input_faults(one)]
    if isinstance(spec.output, DetectionOutput) and not (
        spec.input and isinstance(spec.input[0], ImageInput)
    ):
        faults.append("detection needs an image as its first input")
    return faults + [f"output: {fault}" for fault in _output_faults(spec.output)]


def _output_faults(spec: OutputSpec) -> list[str]:
    if isinstance(spec, AnomalyOutput) and spec.threshold != "auto" and not math.isfinite(spec.threshold):
        return ["threshold is NaN or infinity"]
    if isinstance(spec, RegressionOutput):
        lists = (("scale", spec.scale), ("offset", spec.offset))
        faults = _number_faults(lists, len(spec.names), "names")
        if not spec.names or len(set(spec.names)) != len(spec.names):
            faults.append("names must name each number once")
        return faults
    return []


def _input_faults(spec: InputSpec) -> list[str]:
    if isinstance(spec, ImageInput):
        return _normalization_faults(spec.mean, spec.std, spec.channels, "channels") + _resize_faults(spec)
    if isinstance(spec, WindowInput):
        faults = _normalization_faults(spec.mean, spec.std, len(spec.columns), "columns")
        if not spec.columns or len(set(spec.columns)) != len(spec.columns):
            faults.append("columns must name each column once")
        return faults
    return []


def _normalization_faults(
    mean: tuple[float, ...], std: tuple[float, ...], count: int, what: str
) -> list[str]:
    faults = _number_faults((("mean", mean), ("std", std)), count, what)
    return faults + (["std must be above zero"] if any(value <= 0 for value in std) else [])


def _number_faults(lists: tuple[tuple[str, tuple[float, ...]], ...], count: int, what: str) -> list[str]:
    faults = []
    for name, values in lists:
        if len(values) not in (1, count):
            faults.append(f"{name} has {len(values)} values for {count} {what}")
        if not all(map(math.isfinite, values)):
            faults.append(f"{name} holds NaN or infinity")
    return faults


def _resize_faults(spec: ImageInput) -> list[str]:
    if spec.resize == "center-crop":
        if spec.short_side is None:
            return ["center-crop needs short_side"]
        return ["short_side is smaller than size"] if spec.short_side < max(spec.size) else []
    return ["short_side goes with center-crop only"] if spec.short_side is not None else []
