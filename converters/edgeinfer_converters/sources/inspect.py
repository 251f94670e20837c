"""What a model is, and what the runtimes of a device profile cannot do with it."""

from __future__ import annotations

from collections.abc import Iterator

import onnx

from edgeinfer.backends import ModelFormat
from edgeinfer.bundle.model_file import ModelDescription, describe_model
from edgeinfer.errors import ModelError
from edgeinfer.frames import TensorInfo
from edgeinfer.profile import Profile, Runtime
from edgeinfer.strict import Struct
from edgeinfer.tflite.inspect import read_sound
from edgeinfer.tflite.support import unsupported
from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.memory import parameter_count, peak_activation_bytes
from edgeinfer_converters.graph.operators import unsupported_operators
from edgeinfer_converters.graph.prepare import prepare
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.importers.onnx import is_quantized
from edgeinfer_converters.importers.tflite_graph.graph import import_graph
from edgeinfer_converters.importers.tflite_graph.graph import is_quantized as is_quantized_tflite

RUNTIMES: dict[ModelFormat, str] = {"onnx": "onnxruntime", "tflite": "tflite"}
"""The runtime of each format, by its name in profiles."""

_NO_LIMIT = 2**31 - 1


class Obstacle(Struct, frozen=True):
    """Why a runtime of the profile cannot run the model, or not as it is."""

    runtime: str
    reason: str


class Inspection(Struct, frozen=True):
    """A model file in numbers. None for TFLite models that are quantized or have no equal in ONNX.

    `macs` are multiply-accumulates of convolutions and matrix products for one sample;
    `peak_activation_bytes` is the most that the tensors between operators need at a time, in the types
    of the file, if each is freed after its last reader.
    """

    format: ModelFormat
    quantized: bool
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    operators: dict[str, int]
    parameters: int | None
    macs: int | None
    peak_activation_bytes: int | None
    opset: int
    ir_version: int
    profile: str | None
    obstacles: tuple[Obstacle, ...]


def inspect_model(model: onnx.ModelProto | bytes, profile: Profile | None) -> Inspection:
    """Look at a model that an importer has read: an ONNX graph, or the bytes of a TFLite file.

    Raises ModelError for a file that its format's description does not fit.
    """
    if isinstance(model, bytes):
        return _inspect_tflite(model, profile)
    data = model.SerializeToString(deterministic=True)
    description = describe_model(data, "onnx")
    foreign = unsupported_operators(model)
    shaped, obstacles = _shaped(model, foreign)
    lacks = tuple(f"has no operator {operator}" for operator in foreign)
    return Inspection(
        format="onnx",
        quantized=is_quantized(model),
        inputs=description.inputs,
        outputs=description.outputs,
        operators=description.operators,
        parameters=parameter_count(model),
        macs=sum(count_macs(shaped).values()),
        peak_activation_bytes=peak_activation_bytes(shaped),
        opset=description.opset,
        ir_version=description.ir_version,
        profile=profile.name if profile else None,
        obstacles=(*obstacles, *_obstacles(description, "onnx", lacks, profile)),
    )


def _shaped(model: onnx.ModelProto, foreign: tuple[str, ...]) -> tuple[onnx.ModelProto, tuple[Obstacle, ...]]:
    """The model with as many shapes as can be had: a float one is made ready first, as `build` does."""
    if foreign or is_quantized(model):
        return infer_shapes(model), ()
    try:
        return prepare(model, max_opset=_NO_LIMIT, max_ir_version=_NO_LIMIT), ()
    except ModelError as error:
        said = f"says: {error.message}" + (f"; {error.hint}" if error.hint else "")
        return infer_shapes(model), (Obstacle(runtime="edgeinfer-convert", reason=said),)


def _inspect_tflite(data: bytes, profile: Profile | None) -> Inspection:
    description = describe_model(data, "tflite")
    quantized = is_quantized_tflite(data)
    graph = None if quantized else _imported(data)
    shaped = None if graph is None else _shaped(graph, ())[0]
    return Inspection(
        format="tflite",
        quantized=quantized,
        inputs=description.inputs,
        outputs=description.outputs,
        operators=description.operators,
        parameters=None if graph is None else parameter_count(graph),
        macs=None if shaped is None else sum(count_macs(shaped).values()),
        peak_activation_bytes=None if shaped is None else peak_activation_bytes(shaped),
        opset=0,
        ir_version=0,
        profile=profile.name if profile else None,
        obstacles=_obstacles(description, "tflite", tuple(unsupported(read_sound(data))), profile),
    )


def _imported(data: bytes) -> onnx.ModelProto | None:
    """The graph of a float TFLite model, None if it has none in ONNX: its own runtime may run it still."""
    try:
        return import_graph(data)
    except ModelError:
        return None


def _obstacles(
    description: ModelDescription,
    model_format: ModelFormat,
    lacks: tuple[str, ...],
    profile: Profile | None,
) -> tuple[Obstacle, ...]:
    name = RUNTIMES[model_format]
    runtime = next((one for one in profile.runtime if one.name == name), None) if profile else None
    reasons = [*lacks]
    if profile and runtime is None:
        reasons.append(f"is not what {profile.name} runs: {', '.join(one.name for one in profile.runtime)}")
    if runtime and model_format == "onnx":
        reasons += _version_reasons(description, runtime)
    return tuple(Obstacle(runtime=name, reason=reason) for reason in reasons)


def _version_reasons(description: ModelDescription, runtime: Runtime) -> Iterator[str]:
    if description.opset > runtime.max_opset:
        yield f"reads opset {runtime.max_opset} at most; the model has {description.opset}"
    if description.ir_version > runtime.max_ir_version:
        yield f"reads IR version {runtime.max_ir_version} at most; the file has {description.ir_version}"
