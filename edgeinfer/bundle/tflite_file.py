"""Reads what a TensorFlow Lite file says about itself."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from edgeinfer.bundle.manifest import MAX_OPERATOR_KINDS, MAX_RANK, MAX_TENSORS
from edgeinfer.bundle.model_file import MAX_OPERATORS, ModelDescription, checked_name, count_operators
from edgeinfer.errors import MissingRuntimeError, ModelError
from edgeinfer.frames import DTYPES, Quantization, TensorInfo

IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3
MAX_SUBGRAPHS = 256
MAX_BUFFERS = 1_000_000

# Python's flatbuffers library has no verifier: offsets that lead nowhere end in any of these.
_DAMAGE = (
    struct.error,
    ArithmeticError,
    AttributeError,
    IndexError,
    KeyError,
    RecursionError,
    TypeError,
    ValueError,
)


def describe(data: bytes) -> ModelDescription:
    """Read the description of a TFLite file. Raises ModelError, MissingRuntimeError."""
    schema = _schema()
    if data[4:8] != IDENTIFIER:
        raise ModelError("not a TensorFlow Lite model: the identifier TFL3 is missing")
    try:
        return _describe(schema, data)
    except _DAMAGE as error:
        raise ModelError(f"a damaged TensorFlow Lite model: {str(error)[:200]!a}") from error


def _schema() -> Any:
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError as error:
        raise MissingRuntimeError(
            "reading TensorFlow Lite files needs the package `ai-edge-litert`; `tflite-runtime` runs them, "
            "but lacks their schema",
            hint="pip install 'edgeinfer[tflite]'",
        ) from error
    return schema_py_generated


def _describe(schema: Any, data: bytes) -> ModelDescription:
    model = schema.Model.GetRootAs(data, 0)
    if model.Version() != SCHEMA_VERSION:
        raise ModelError(f"TensorFlow Lite schema version {model.Version()}, not {SCHEMA_VERSION}")
    _bound("subgraphs", model.SubgraphsLength(), MAX_SUBGRAPHS, least=1)
    _check_buffers(model, len(data))
    main = model.Subgraphs(0)
    _bound("inputs", main.InputsLength(), MAX_TENSORS)
    _bound("outputs", main.OutputsLength(), MAX_TENSORS)
    dtypes = _names(schema.TensorType)
    return ModelDescription(
        inputs=tuple(_tensor(main, main.Inputs(n), dtypes) for n in range(main.InputsLength())),
        outputs=tuple(_tensor(main, main.Outputs(n), dtypes) for n in range(main.OutputsLength())),
        operators=count_operators(_operators(model, _names(schema.BuiltinOperator))),
        opset=0,
        ir_version=0,
    )


def _check_buffers(model: Any, file_bytes: int) -> None:
    """Refuse weights that lie outside the file."""
    if model.ExternalBuffersLength() or model.ExternalBufferGroupsLength():
        raise ModelError(
            "the model keeps its weights outside the file",
            hint="a bundle holds one model file: store the weights inside it",
        )
    _bound("buffers", model.BuffersLength(), MAX_BUFFERS)
    for number in range(model.BuffersLength()):
        buffer = model.Buffers(number)
        if buffer.Offset() + buffer.Size() > file_bytes or buffer.DataLength() > file_bytes:
            raise ModelError(f"buffer {number} reaches beyond the end of the file")


def _operators(model: Any, builtin: dict[int, str]) -> Iterator[str]:
    codes = [
        _operator_name(model.OperatorCodes(number), builtin)
        for number in range(_bound("operator codes", model.OperatorCodesLength(), MAX_OPERATOR_KINDS))
    ]
    for number in range(model.SubgraphsLength()):
        graph = model.Subgraphs(number)
        for index in range(_bound("operators", graph.OperatorsLength(), MAX_OPERATORS)):
            code = graph.Operators(index).OpcodeIndex()
            if not 0 <= code < len(codes):
                raise ModelError(f"operator {index} of subgraph {number} has no code")
            yield codes[code]


def _operator_name(code: Any, builtin: dict[int, str]) -> str:
    # Files from before 2020 have the number only in the older field, of 8 bits.
    number = max(code.DeprecatedBuiltinCode(), code.BuiltinCode())
    if builtin.get(number) == "CUSTOM":
        # Checked at once: all codes of a hostile file may share one name of many megabytes.
        return checked_name(f"custom.{(code.CustomCode() or b'').decode('utf-8')}", "an operator")
    return builtin.get(number, f"unknown.{number}")


def _tensor(graph: Any, index: int, dtypes: dict[int, str]) -> TensorInfo:
    if not 0 <= index < graph.TensorsLength():
        raise ModelError(f"an input or output names tensor {index}, which is not there")
    tensor = graph.Tensors(index)
    name = checked_name((tensor.Name() or b"").decode("utf-8"), "a tensor")
    dtype = dtypes.get(tensor.Type(), "unknown").lower()
    if dtype not in DTYPES:
        raise ModelError(f"tensor `{name}` has the element type {dtype}, which is not supported")
    return TensorInfo(name=name, dtype=dtype, shape=_shape(tensor), quantization=_quantization(tensor))


def _shape(tensor: Any) -> tuple[int, ...]:
    """`shape_signature` has -1 for open dimensions; it is absent where there are none."""
    if not tensor.ShapeSignatureIsNone() and tensor.ShapeSignatureLength():
        rank = _bound("dimensions", tensor.ShapeSignatureLength(), MAX_RANK)
        return tuple(int(tensor.ShapeSignature(axis)) for axis in range(rank))
    return tuple(
        int(tensor.Shape(axis)) for axis in range(_bound("dimensions", tensor.ShapeLength(), MAX_RANK))
    )


def _quantization(tensor: Any) -> Quantization | None:
    """Scale and zero point of a tensor that is quantized as a whole."""
    found = tensor.Quantization()
    if found is None or found.ScaleLength() != 1:
        return None
    zero_point = found.ZeroPoint(0) if found.ZeroPointLength() else 0
    return Quantization(scale=float(found.Scale(0)), zero_point=int(zero_point))


def _names(enumeration: Any) -> dict[int, str]:
    return {number: name for name, number in vars(enumeration).items() if isinstance(number, int)}


def _bound(what: str, count: int, most: int, *, least: int = 0) -> int:
    if not least <= count <= most:
        raise ModelError(f"the model has {count} {what}; {least} to {most} are possible")
    return count
