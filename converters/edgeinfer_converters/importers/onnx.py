"""Reading ONNX files that someone else made."""

from __future__ import annotations

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.functions import check_expansion
from edgeinfer_converters.graph.operators import unsupported_operators
from edgeinfer_converters.graph.walk import all_nodes, is_standard, standard_opset
from edgeinfer_converters.importers.bounded import MAX_MODEL_BYTES, read_bounded
from edgeinfer_converters.importers.external_data import embed_external_data
from edgeinfer_converters.importers.messages import has_broken_text

MIN_OPSET = 7
_UNKNOWN_DOMAIN = "edgeinfer.unknown"
_QUANTIZED_PREFIXES = ("QLinear", "QGemm", "QMoE", "QAttention", "QOrdered", "Quantize", "Dequantize")
_QUANTIZED = frozenset(
    {
        *("ConvInteger", "MatMulInteger", "MatMulIntegerToFloat", "MatMulInteger16"),
        *("DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM"),
        *("MatMulNBits", "MatMulBnb4", "GatherBlockQuantized"),
    }
)


def read_onnx(path: Path, *, runnable: bool = True) -> onnx.ModelProto:
    """An ONNX model, its external data read into it, checked by onnx's own checker.

    External data must lie in the model's folder or below it; it is checked before any library may
    open it (`external_data`). The model may hold quantized operators: see `is_quantized`. With `runnable`
    false, operators that ONNX Runtime lacks, or nobody knows, are let through, for a look at the model.
    Raises ModelError: not a readable file, not ONNX, not sound, operators that ONNX Runtime lacks.
    """
    model = _parse(read_bounded(path), path)
    if model.ByteSize() + embed_external_data(model, path) > MAX_MODEL_BYTES:
        raise ModelError(f"{path} and its external data have more than {MAX_MODEL_BYTES} bytes")
    _refuse_old(model, path)
    check_expansion(model)
    if runnable:
        _refuse_unknown_operators(model, path)
    _check(model if runnable else _with_unknown_set_apart(model), path)
    return model


def is_quantized(model: onnx.ModelProto) -> bool:
    """Whether any node, in subgraphs and functions too, computes with or makes quantized numbers."""
    return any(
        node.op_type in _QUANTIZED or node.op_type.startswith(_QUANTIZED_PREFIXES)
        for node in all_nodes(model)
    )


def _parse(data: bytes, path: Path) -> onnx.ModelProto:
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise _not_onnx(path, data, "it is truncated or another format") from error
    if has_broken_text(model):
        raise _not_onnx(path, data, "a name in it is not UTF-8 text")
    if not model.HasField("graph") or not model.opset_import:
        raise _not_onnx(path, data, "it has no graph or no opset")
    return model


def _not_onnx(path: Path, data: bytes, why: str) -> ModelError:
    hint = "export or download the model again"
    if data[4:8] == b"TFL3":
        hint = "it is a TFLite model: give its name the extension .tflite"
    elif data.startswith(b"version https://git-lfs"):
        hint = "it is a Git LFS pointer: fetch the file itself with `git lfs pull`"
    return ModelError(f"{path} is not an ONNX model: {why}", hint=hint)


def _refuse_old(model: onnx.ModelProto, path: Path) -> None:
    opset = next(
        (entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), MIN_OPSET
    )
    if opset < MIN_OPSET:
        raise ModelError(
            f"{path} has opset {opset}; {MIN_OPSET} is the oldest that can be read",
            hint=f"export it again with opset {MIN_OPSET} or higher (13 or higher is best)",
        )


def _refuse_unknown_operators(model: onnx.ModelProto, path: Path) -> None:
    unknown = unsupported_operators(model)
    if unknown:
        raise ModelError(
            f"{path} has operators that ONNX Runtime cannot run on a CPU: {', '.join(unknown)}",
            hint="export the model with standard ONNX operators only",
        )


def _with_unknown_set_apart(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy for the checker, which lets operators of unknown domains pass, and of these only."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    opset = min(standard_opset(copy), onnx.defs.onnx_opset_version())  # a larger one, the checker refuses
    for node in all_nodes(copy):
        if is_standard(node) and not onnx.defs.has(node.op_type, max_inclusive_version=opset):
            node.domain = _UNKNOWN_DOMAIN
    for holder in (copy, *copy.functions):
        holder.opset_import.add(domain=_UNKNOWN_DOMAIN, version=1)
    return copy


def _check(model: onnx.ModelProto, path: Path) -> None:
    # Foreign edge: the checker and the shape inference behind it report faults with these types.
    try:
        onnx.checker.check_model(model, full_check=True)
    except (
        onnx.checker.ValidationError,
        onnx.shape_inference.InferenceError,
        RuntimeError,
        ValueError,
    ) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"{path} is not a sound ONNX model: {reason}", hint="export it again") from error
