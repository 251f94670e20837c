"""A TFLite file as plain data, with every index that it holds in range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgeinfer.errors import ModelError
from edgeinfer.tflite.flatbuffer import Record, read_root
from edgeinfer.tflite.operators import CUSTOM, builtin_name
from edgeinfer.tflite.schema import model_table

IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3
MAX_SUBGRAPHS = 256
MAX_BUFFERS = 1_000_000
MAX_OPERATOR_CODES = 1024
MAX_OPERATORS = 200_000
MAX_ENDS = 256
"""Inputs, and outputs, of a subgraph."""

OPTIONAL = -1
"""The index of an input that is left out."""


@dataclass(frozen=True)
class OperatorCode:
    """`name` is the schema's, or that of a custom operator as it stands in the file."""

    number: int
    name: str
    version: int

    @property
    def custom(self) -> bool:
        """Whether the runtime finds it by its name."""
        return self.number == CUSTOM


@dataclass(frozen=True)
class Tensor:
    """`data` is what the file holds for it, None for what is computed; `type` is the schema's number."""

    name: bytes
    type: int
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    data: memoryview | None
    variable: bool
    quantization: Record | None
    sparsity: Record | None


@dataclass(frozen=True)
class Operator:
    """Indices are those of the subgraph's tensors, -1 for what is left out."""

    code: OperatorCode
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    intermediates: tuple[int, ...]
    options: Record | None
    custom_options: bytes


@dataclass(frozen=True)
class Subgraph:
    """Operators in the order in which they run."""

    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[Operator, ...]


@dataclass(frozen=True)
class Model:
    """The first subgraph is the model; others are called by its operators."""

    codes: tuple[OperatorCode, ...]
    subgraphs: tuple[Subgraph, ...]


def parse_model(data: bytes) -> Model:
    """Read a file. Raises ModelError where an offset or an index leads nowhere."""
    if data[4:8] != IDENTIFIER:
        raise ModelError("not a TensorFlow Lite model: the identifier TFL3 is missing")
    root = read_root(data, model_table())
    if root["version"] != SCHEMA_VERSION:
        raise ModelError(f"TensorFlow Lite schema version {root['version']}, not {SCHEMA_VERSION}")
    if root["external_buffers"] or root["external_buffer_groups"]:
        raise ModelError(
            "the model keeps its weights outside the file",
            hint="a bundle holds one model file: store the weights inside it",
        )
    buffers = _buffers(data, root)
    codes = tuple(
        _code(one) for one in _bounded("operator codes", root["operator_codes"], MAX_OPERATOR_CODES)
    )
    graphs = _bounded("subgraphs", root["subgraphs"], MAX_SUBGRAPHS, least=1)
    subgraphs = tuple(_subgraph(number, one, codes, buffers) for number, one in enumerate(graphs))
    _check_signatures(root, subgraphs, len(buffers))
    return Model(codes=codes, subgraphs=subgraphs)


def _buffers(data: bytes, root: Record) -> list[memoryview | None]:
    return [
        _buffer(data, number, one)
        for number, one in enumerate(_bounded("buffers", root["buffers"], MAX_BUFFERS))
    ]


def _buffer(data: bytes, number: int, buffer: Record) -> memoryview | None:
    """What a buffer holds, itself or elsewhere in the file (files beyond 2 GB); None for nothing."""
    inside, offset, size = buffer["data"], buffer["offset"], buffer["size"]
    if offset > 1:
        if offset + size > len(data):
            raise ModelError(f"buffer {number} reaches beyond the end of the file")
        return memoryview(data)[offset : offset + size] if size else None
    return inside if inside is not None and len(inside) else None


def _code(code: Record) -> OperatorCode:
    # Files from before 2020 have the number only in the older field, of 8 bits.
    number = max(code["deprecated_builtin_code"], code["builtin_code"])
    if number < 0:
        raise ModelError(f"an operator code has the number {number}")
    name = _text(code["custom_code"], "a custom operator") if number == CUSTOM else builtin_name(number)
    return OperatorCode(number=number, name=name, version=code["version"])


def _subgraph(
    number: int, graph: Record, codes: tuple[OperatorCode, ...], buffers: list[memoryview | None]
) -> Subgraph:
    where = f"subgraph {number}"
    tensors = tuple(
        _tensor(f"tensor {index} of {where}", one, buffers)
        for index, one in enumerate(graph["tensors"] or ())
    )
    operators = _bounded(f"operators in {where}", graph["operators"], MAX_OPERATORS)
    return Subgraph(
        tensors=tensors,
        inputs=_indices(where, "an input", _ends(where, graph, "inputs"), len(tensors)),
        outputs=_indices(where, "an output", _ends(where, graph, "outputs"), len(tensors)),
        operators=tuple(
            _operator(f"operator {index} of {where}", one, codes, len(tensors))
            for index, one in enumerate(operators)
        ),
    )


def _tensor(where: str, tensor: Record, buffers: list[memoryview | None]) -> Tensor:
    if tensor["external_buffer"]:
        raise ModelError(f"{where} keeps its data outside the file")
    index = tensor["buffer"]
    # A file without any buffers is one whose tensors are all computed.
    if index >= max(1, len(buffers)):
        raise ModelError(f"{where} has the buffer {index}, of {len(buffers)}")
    return Tensor(
        name=tensor["name"] or b"",
        type=tensor["type"],
        shape=tensor["shape"] or (),
        signature=tensor["shape_signature"] or (),
        data=buffers[index] if buffers else None,
        variable=tensor["is_variable"],
        quantization=tensor["quantization"],
        sparsity=tensor["sparsity"],
    )


def _operator(where: str, operator: Record, codes: tuple[OperatorCode, ...], tensors: int) -> Operator:
    index = operator["opcode_index"]
    if index >= len(codes):
        raise ModelError(f"{where} has no code: it names number {index}, of {len(codes)}")
    if operator["large_custom_options_offset"] > 1:
        raise ModelError(f"{where} keeps its options outside the flatbuffer, which is not supported")
    first, second = operator["builtin_options"], operator["builtin_options_2"]
    if first is not None and second is not None:
        raise ModelError(f"{where} has two kinds of options")
    return Operator(
        code=codes[index],
        inputs=_indices(where, "an input", operator["inputs"], tensors, least=OPTIONAL),
        outputs=_indices(where, "an output", operator["outputs"], tensors),
        intermediates=_indices(where, "an intermediate", operator["intermediates"], tensors, least=OPTIONAL),
        options=second if first is None else first,
        custom_options=bytes(operator["custom_options"] or b""),
    )


def _check_signatures(root: Record, subgraphs: tuple[Subgraph, ...], buffers: int) -> None:
    for one in root["metadata"] or ():
        if one["buffer"] >= max(1, buffers):
            raise ModelError(f"metadata have the buffer {one['buffer']}, of {buffers}")
    for number, signature in enumerate(root["signature_defs"] or ()):
        where, graph = f"signature {number}", signature["subgraph_index"]
        if graph >= len(subgraphs):
            raise ModelError(f"{where} is about subgraph {graph}, of {len(subgraphs)}")
        for role in ("inputs", "outputs"):
            named = tuple(one["tensor_index"] for one in signature[role] or ())
            _indices(where, f"one of its {role}", named, len(subgraphs[graph].tensors))


def _ends(where: str, graph: Record, role: str) -> tuple[int, ...]:
    return tuple(_bounded(f"{role} in {where}", graph[role], MAX_ENDS))


def _indices(
    where: str, what: str, indices: tuple[int, ...] | None, count: int, *, least: int = 0
) -> tuple[int, ...]:
    found = indices or ()
    wrong = next((index for index in found if not least <= index < count), None)
    if wrong is not None:
        raise ModelError(f"{where}: {what} names tensor {wrong}, of {count}")
    return found


def _text(text: bytes | None, what: str) -> str:
    try:
        return (text or b"").decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(f"{what} has a name that is not UTF-8") from error


def _bounded(what: str, found: Any, most: int, *, least: int = 0) -> Any:
    count = len(found or ())
    if not least <= count <= most:
        raise ModelError(f"the model has {count} {what}; {least} to {most} are possible")
    return found or ()
