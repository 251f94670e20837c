"""Reading the flatbuffer of a TFLite file."""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgeinfer.bundle.manifest import MAX_RANK
from edgeinfer.bundle.model_file import MAX_NAME_LENGTH, MAX_OPERATORS, checked_name
from edgeinfer.errors import ModelError
from edgeinfer.frames import Array
from edgeinfer_converters.importers.tflite_graph.parts import OPEN, FlatModel, Operator, Options, Tensor

MAX_TENSORS = 1_000_000
MAX_ENDS = 4096
"""The inputs or outputs of one operator or of the model."""
MAX_OPTION_LENGTH = 4096

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
"""Python's flatbuffers library has no verifier: offsets that lead nowhere end in any of these."""

DTYPES: dict[str, str] = {
    "FLOAT16": "<f2",
    "FLOAT32": "<f4",
    "FLOAT64": "<f8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "BOOL": "?",
}
"""The element types that are kept as numbers."""


def read_flatbuffer(data: bytes, *, constants: bool = True) -> FlatModel:
    """The main graph of a TFLite file; its constants are views of `data`, and left out if not wanted.

    Raises ModelError: damaged, too large, or tensors, buffers and operators that do not fit each other.
    """
    try:
        return _read(data, constants=constants)
    except _DAMAGE as error:
        raise ModelError(f"a damaged TFLite model: {str(error)[:200]!a}") from error


def _read(data: bytes, *, constants: bool) -> FlatModel:
    model = schema.Model.GetRootAs(data, 0)
    _bound("subgraphs", model.SubgraphsLength(), MAX_ENDS, least=1)
    graph = model.Subgraphs(0)
    count = _bound("tensors", graph.TensorsLength(), MAX_TENSORS)
    kinds = _names(schema.TensorType)
    operators = _operators(model, graph, count)
    inputs = _numbers(graph.InputsAsNumpy(), "inputs of the model", count)
    outputs = _numbers(graph.OutputsAsNumpy(), "outputs of the model", count)
    tensors = [_tensor(graph.Tensors(index), index, kinds) for index in range(count)]
    for index in {*inputs, *outputs}:
        checked_name((graph.Tensors(index).Name() or b"").decode("utf-8"), "an input or output")
    if constants:
        computed = {*inputs, *(index for operator in operators for index in operator.outputs)}
        for index in {*range(count)} - computed:
            content = _content(data, model, graph.Tensors(index).Buffer(), tensors[index].name)
            tensors[index] = replace(tensors[index], data=_constant(content, tensors[index]))
    return FlatModel(tuple(tensors), operators, inputs, outputs)


def _tensor(tensor: Any, index: int, kinds: dict[int, str]) -> Tensor:
    name = _shown((tensor.Name() or b"").decode("utf-8", "replace")) or f"tensor_{index}"
    static = _sizes(tensor.ShapeAsNumpy(), name)
    signature = _sizes(tensor.ShapeSignatureAsNumpy(), name)
    found = tensor.Quantization()
    return Tensor(
        index=index,
        name=name,
        kind="sparse" if tensor.Sparsity() is not None else kinds.get(tensor.Type(), "unknown"),
        shape=signature if len(signature) == len(static) else static,
        static=static,
        scaled=found is not None and found.ScaleLength() > 0,
        variable=bool(tensor.IsVariable()),
    )


def _shown(name: str) -> str:
    """The name, or as much of it as may be shown: the converter joins those of operators that it fuses."""
    return "".join(one if one.isprintable() else "?" for one in name[:MAX_NAME_LENGTH])


def _sizes(found: Any, name: str) -> tuple[int, ...]:
    if isinstance(found, int):  # the library's way to say that there is none
        return ()
    sizes = tuple(int(side) for side in found[: MAX_RANK + 1])
    if len(sizes) > MAX_RANK or any(side < OPEN for side in sizes):
        raise ModelError(f"tensor `{name}` has the shape {list(sizes)}, which cannot be")
    return sizes


def _content(data: bytes, model: Any, number: int, name: str) -> memoryview | None:
    """The bytes of a constant, None for a tensor that is computed."""
    if not 0 <= number < max(model.BuffersLength(), 1):
        raise ModelError(f"tensor `{name}` names buffer {number}, which is not there")
    if number == 0:
        return None
    buffer = model.Buffers(number)
    if buffer.Offset() > 1:  # files over 2 GB have their constants behind the flatbuffer
        if buffer.Offset() + buffer.Size() > len(data):
            raise ModelError(f"the constant `{name}` reaches beyond the end of the file")
        return memoryview(data)[buffer.Offset() : buffer.Offset() + buffer.Size()]
    found = buffer.DataAsNumpy()
    return None if isinstance(found, int) or not len(found) else memoryview(found)


def _constant(content: memoryview | None, tensor: Tensor) -> Array | None:
    """The numbers. A constant without any has no bytes by which to know it."""
    dtype, shape = DTYPES.get(tensor.kind), tensor.static
    if dtype is None:
        return None
    if content is None:
        return np.zeros(shape, dtype) if 0 in shape and OPEN not in shape else None
    if OPEN in shape or math.prod(shape) * np.dtype(dtype).itemsize != content.nbytes:
        raise ModelError(f"the constant `{tensor.name}` of shape {list(shape)} has {content.nbytes} bytes")
    return np.frombuffer(content, dtype).reshape(shape)


def _operators(model: Any, graph: Any, tensors: int) -> tuple[Operator, ...]:
    kinds = _names(schema.BuiltinOperator)
    codes = model.OperatorCodesLength()
    found = []
    for number in range(_bound("operators", graph.OperatorsLength(), MAX_OPERATORS)):
        operator = graph.Operators(number)
        if not 0 <= operator.OpcodeIndex() < codes:
            raise ModelError(f"operator {number} has no code")
        kind = _kind(model.OperatorCodes(operator.OpcodeIndex()), kinds)
        where = f"operator {number} ({kind})"
        found.append(
            Operator(
                number=number,
                kind=kind,
                inputs=_numbers(operator.InputsAsNumpy(), f"inputs of {where}", tensors, least=OPEN),
                outputs=_numbers(operator.OutputsAsNumpy(), f"outputs of {where}", tensors),
                options=_options(operator, where),
            )
        )
    return tuple(found)


def _kind(code: Any, kinds: dict[int, str]) -> str:
    # Files from before 2020 have the number only in the older field, of 8 bits.
    number = max(code.DeprecatedBuiltinCode(), code.BuiltinCode())
    if kinds.get(number) == "CUSTOM":
        return "custom " + checked_name((code.CustomCode() or b"").decode("utf-8"), "an operator")
    return kinds.get(number, f"unknown {number}")


def _options(operator: Any, where: str) -> Options:
    table = operator.BuiltinOptions()
    if table is None or not operator.BuiltinOptionsType():
        return Options()
    made = schema.BuiltinOptionsCreator(operator.BuiltinOptionsType(), table)
    values = dict(vars(made)) if made is not None else {}
    for value in values.values():
        if isinstance(value, list | np.ndarray) and len(value) > MAX_OPTION_LENGTH:
            raise ModelError(f"{where} has an option of {len(value)} numbers")
    return Options(values)


def _numbers(found: Any, what: str, tensors: int, *, least: int = 0) -> tuple[int, ...]:
    if isinstance(found, int):
        return ()
    _bound(what, len(found), MAX_ENDS)
    numbers = tuple(int(one) for one in found)
    wrong = [one for one in numbers if not least <= one < tensors]
    if wrong:
        raise ModelError(f"the {what} name tensor {wrong[0]}, which is not there")
    return numbers


def _names(enumeration: Any) -> dict[int, str]:
    return {number: name for name, number in vars(enumeration).items() if isinstance(number, int)}


def _bound(what: str, count: int, most: int, *, least: int = 0) -> int:
    if not least <= count <= most:
        raise ModelError(f"the model has {count} {what}; {least} to {most} are possible")
    return count
