"""Writes a graph as a TensorFlow Lite file, with the schema module that comes with LiteRT.

Source: schema.fbs of LiteRT (schema version 3). Weights lie at multiples of 16 bytes, as it demands and as
kernels that map the file rely on.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgeinfer.errors import ModelError
from edgeinfer.frames import Array
from edgeinfer_converters.tflite.options import OPTIONS, SECOND_OPTIONS, VALUES
from edgeinfer_converters.tflite.tensors import Graph, Operator, OptionValue, Quant, Tensor
from edgeinfer_converters.tflite.versions import version_of

IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3
MAX_FILE_BYTES = (1 << 31) - (1 << 20)
"""Offsets in the file are 32 bits with a sign; some room for what is not weights."""

_ALIGNMENT = 16
_LARGEST_OLD_CODE = 127
"""The older field for operator codes has 8 bits; larger codes leave this in it."""

_SIGNATURE = "serving_default"


def write(graph: Graph) -> bytes:
    """The file. Raises ModelError where it would be too large for the format."""
    sizes = sum(tensor.data.nbytes for tensor in graph.tensors if tensor.data is not None)
    if sizes > MAX_FILE_BYTES:
        raise ModelError(
            f"the model has {sizes / 1e9:.1f} GB of weights; a TensorFlow Lite file holds 2 GB at most",
            hint="use --format onnx, or int8",
        )
    builder = _Builder(sizes + 1024 * (1 + len(graph.tensors) + len(graph.operators)))
    builder.Finish(_model(graph).Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


class _Builder(flatbuffers.Builder):  # type: ignore[misc]
    """Stores equal vectors and strings once: zero points of channels are all zero, and larger than biases."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._vectors: dict[tuple[str, bytes], Any] = {}
        self._strings: dict[str, Any] = {}

    def CreateString(self, s: str) -> Any:  # noqa: N802  # the library's name
        if s not in self._strings:
            self._strings[s] = super().CreateString(s)
        return self._strings[s]

    def CreateNumpyVector(self, x: Array) -> Any:  # noqa: N802  # the library's name
        key = (x.dtype.str, x.tobytes())
        if key not in self._vectors:
            self._vectors[key] = super().CreateNumpyVector(x)
        return self._vectors[key]


class _Shared:
    """A table that several others point at."""

    def __init__(self, table: Any) -> None:
        self._table, self._offset = table, None

    def Pack(self, builder: Any) -> Any:  # noqa: N802  # the schema's name
        if self._offset is None:
            self._offset = self._table.Pack(builder)
        return self._offset


class _Tables:
    """The tables that are the same for several tensors or operators."""

    def __init__(self) -> None:
        self._made: dict[Hashable, _Shared] = {}

    def quantization(self, quant: Quant) -> _Shared:
        """The scales of tensors: results of pools and reshapes have those of what they read."""
        return self._shared(quant, lambda: _quantization(quant))

    def options(self, table: str, options: Mapping[str, OptionValue]) -> _Shared:
        """An options table: most convolutions of a network have the same."""
        key = tuple(
            (name, tuple(one) if isinstance(one, Sequence) else one) for name, one in sorted(options.items())
        )
        return self._shared((table, key), lambda: _options(table, options))

    def _shared(self, key: Hashable, make: Callable[[], Any]) -> _Shared:
        if key not in self._made:
            self._made[key] = _Shared(make())
        return self._made[key]


class _Buffer(schema.BufferT):  # type: ignore[misc]
    """A buffer at a multiple of 16 bytes: the generated code does not know of the schema's alignment."""

    def Pack(self, builder: Any) -> Any:  # noqa: N802  # the schema's name
        offset = None
        if self.data is not None:
            offset = _aligned(builder, self.data)
        schema.BufferStart(builder)
        if offset is not None:
            schema.BufferAddData(builder, offset)
        return schema.BufferEnd(builder)


def _aligned(builder: Any, data: bytes) -> Any:
    builder.StartVector(1, len(data), _ALIGNMENT)
    head = builder.Head() - len(data)
    builder.head = head
    builder.Bytes[head : head + len(data)] = data
    return builder.EndVector()


def _model(graph: Graph) -> Any:
    buffers: list[Any] = [_Buffer()]
    """The first is empty by convention: that of tensors without data."""
    codes, tables = _Codes(graph), _Tables()
    main = schema.SubGraphT(
        tensors=[_tensor(tensor, buffers, tables) for tensor in graph.tensors],
        inputs=np.array(graph.inputs, np.int32),
        outputs=np.array(graph.outputs, np.int32),
        operators=[_operator(operator, codes, tables) for operator in graph.operators],
        name="main",
    )
    return schema.ModelT(
        version=SCHEMA_VERSION,
        operatorCodes=codes.written,
        subgraphs=[main],
        description="edgeinfer",
        buffers=buffers,
        signatureDefs=[_signature(graph)],
    )


def _tensor(tensor: Tensor, buffers: list[Any], tables: _Tables) -> Any:
    number = 0
    if tensor.data is not None:
        number = len(buffers)
        buffers.append(_Buffer(data=_stored(tensor.data)))
    return schema.TensorT(
        shape=np.array(tensor.shape, np.int32),
        type=getattr(schema.TensorType, tensor.dtype.upper()),
        buffer=number,
        name=tensor.name,
        quantization=None if tensor.quant is None else tables.quantization(tensor.quant),
        hasRank=True,
    )


def _stored(values: Array) -> bytes:
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


def _quantization(quant: Quant) -> Any:
    return schema.QuantizationParametersT(
        scale=np.array(quant.scales, np.float32),
        zeroPoint=np.array(quant.zero_points, np.int64),
        quantizedDimension=quant.axis,
    )


class _Codes:
    """The table of operator codes: one entry for each kind and version."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._numbers: dict[tuple[str, int], int] = {}
        self.written: list[Any] = []

    def number(self, operator: Operator) -> int:
        """The entry of an operator, made where it is new."""
        key = (operator.code, version_of(operator, self._graph))
        if key not in self._numbers:
            code = getattr(schema.BuiltinOperator, operator.code)
            self.written.append(
                schema.OperatorCodeT(
                    deprecatedBuiltinCode=min(code, _LARGEST_OLD_CODE), version=key[1], builtinCode=code
                )
            )
            self._numbers[key] = len(self.written) - 1
        return self._numbers[key]


def _operator(operator: Operator, codes: _Codes, tables: _Tables) -> Any:
    written = schema.OperatorT(
        opcodeIndex=codes.number(operator),
        inputs=np.array(operator.inputs, np.int32),
        outputs=np.array(operator.outputs, np.int32),
    )
    if operator.code in OPTIONS:
        table = OPTIONS[operator.code]
        written.builtinOptionsType = getattr(schema.BuiltinOptions, table)
        written.builtinOptions = tables.options(table, operator.options)
    elif operator.code in SECOND_OPTIONS:
        table = SECOND_OPTIONS[operator.code]
        written.builtinOptions2Type = getattr(schema.BuiltinOptions2, table)
        written.builtinOptions2 = tables.options(table, operator.options)
    return written


def _options(table: str, options: Mapping[str, OptionValue]) -> Any:
    """An options table; words such as SAME or RELU become the schema's numbers."""
    return getattr(schema, f"{table}T")(
        **{
            name: getattr(getattr(schema, VALUES[name]), value) if isinstance(value, str) else value
            for name, value in options.items()
        }
    )


def _signature(graph: Graph) -> Any:
    def entries(numbers: list[int]) -> list[Any]:
        return [schema.TensorMapT(name=graph.tensors[number].name, tensorIndex=number) for number in numbers]

    return schema.SignatureDefT(
        inputs=entries(graph.inputs), outputs=entries(graph.outputs), signatureKey=_SIGNATURE
    )
