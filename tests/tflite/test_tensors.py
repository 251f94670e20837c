"""Each tensor by itself."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema

from edgeinfer.errors import ModelError
from edgeinfer.tflite.model import Tensor, parse_model
from edgeinfer.tflite.tensors import TYPES, check_tensor, tensor_bytes
from tests.fixtures.tflite import filled, graph_of, model_of, tensor_of


def read(made: Any, data: bytes = b"") -> Tensor:
    return parse_model(model_of([graph_of([made], [])], [], buffers=(data,))).subgraphs[0].tensors[0]


def check(made: Any, data: bytes = b"") -> None:
    check_tensor("tensor 0", read(made, data), 1)


def quantized(scale: list[float], zero_point: list[int], axis: int = 0, **fields: Any) -> Any:
    numbers = {"scale": scale, "zeroPoint": zero_point, "quantizedDimension": axis}
    return filled(schema.QuantizationParametersT(), numbers | fields)


def strings(*texts: bytes) -> bytes:
    start = 4 * (len(texts) + 2)
    ends = [start + sum(map(len, texts[:count])) for count in range(len(texts) + 1)]
    return struct.pack(f"<{len(ends) + 1}i", len(texts), *ends) + b"".join(texts)


def test_types_are_those_of_the_schema() -> None:
    numbers = {
        number: name.lower() for name, number in vars(schema.TensorType).items() if isinstance(number, int)
    }
    assert {number: one.name for number, one in TYPES.items()}.items() <= numbers.items()


@pytest.mark.parametrize(
    ("shape", "kind", "size"),
    [
        ([2, 3], "FLOAT32", 24),
        ([], "INT64", 8),
        ([0, 4], "FLOAT32", 0),
        ([3], "INT4", 2),
        ([4], "INT4", 2),
        ([5], "BOOL", 5),
        ([2], "COMPLEX128", 32),
    ],
)
def test_a_constant_is_exactly_as_large_as_its_shape_says(shape: list[int], kind: str, size: int) -> None:
    assert tensor_bytes(read(tensor_of(shape, kind))) == size
    if size:
        check(tensor_of(shape, kind, buffer=1), bytes(size))
    for wrong in {size - 1, size + 1} - {0, -1}:
        with pytest.raises(ModelError, match=f"tensor 0 needs {size} bytes, and its buffer has {wrong}"):
            check(tensor_of(shape, kind, buffer=1), bytes(wrong))


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (filled(tensor_of([1]), {"type": 99}), "not known: 99"),
        (tensor_of([1], "UINT4"), "not known"),
        (tensor_of([1] * 17), "17 dimensions"),
        (tensor_of([2, -1]), "below zero"),
        (tensor_of([2**16, 2**16]), "larger than"),
        (tensor_of([0, 2**16, 2**16]), "larger than"),
        (tensor_of([2**31 - 1], "STRING"), None),
        (tensor_of([2**30, 2**30], "STRING"), "larger than"),
        (tensor_of([1, 2], shapeSignature=[-1]), "and the signature"),
        (tensor_of([1, 2], shapeSignature=[-2, 2]), "below -1"),
        (tensor_of([1, 2], shapeSignature=[-1, 2]), None),
    ],
)
def test_types_and_shapes(made: Any, text: str | None) -> None:
    if text is None:
        check(made)
        return
    with pytest.raises(ModelError, match=text):
        check(made)


def test_constants_that_cannot_be() -> None:
    with pytest.raises(ModelError, match="a variable and a constant at once"):
        check(tensor_of([1], buffer=1, isVariable=True), bytes(4))
    with pytest.raises(ModelError, match="a constant of the type resource"):
        check(tensor_of([1], "RESOURCE", buffer=1), bytes(4))
    check(tensor_of([1], isVariable=True))


def test_strings_lie_within_their_buffer() -> None:
    good = strings(b"one", b"", b"three")
    check(tensor_of([3], "STRING", buffer=1), good)
    for number in (2, 4, -1, 2**31 - 1):
        with pytest.raises(ModelError, match="the 3 strings that its shape says"):
            check(tensor_of([3], "STRING", buffer=1), struct.pack("<i", number) + good[4:])
    for place in range(4):
        for wrong in (-1, 2**31 - 1):
            data = bytearray(good)
            struct.pack_into("<i", data, 4 + 4 * place, wrong)
            with pytest.raises(ModelError, match="outside its buffer"):
                check(tensor_of([3], "STRING", buffer=1), bytes(data))
    with pytest.raises(ModelError, match="strings"):
        check(tensor_of([3], "STRING", buffer=1), good[:3])


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (quantized([], [3], 9), None),
        (quantized([0.5], [0]), None),
        (quantized([0.5, 0.25, 1.0], [0]), "3 scales for dimension 0"),
        (quantized([0.5, 0.25, 1.0], [0, 0, 0], 1), None),
        (quantized([0.5, 0.25, 1.0], [0], 1), None),
        (quantized([0.5, 0.25, 1.0], [0, 0], 1), "3 scales and 2 zero points"),
        (quantized([0.5], []), "1 scales and 0 zero points"),
        (quantized([0.5], [0], 2), "dimension 2, of 2"),
        (quantized([0.5], [0], -1), "dimension -1, of 2"),
        (quantized([0.0], [0]), "the scale 0"),
        (quantized([-0.5], [0]), "the scale -0.5"),
        (quantized([math.inf], [0]), "the scale inf"),
        (quantized([math.nan], [0]), "the scale nan"),
        (quantized([0.5], [128]), "-128 to 127"),
        (quantized([0.5], [-129]), "-128 to 127"),
    ],
)
def test_quantization(found: Any, text: str | None) -> None:
    made = tensor_of([2, 3], "INT8", quantization=found)
    if text is None:
        check(made)
        return
    with pytest.raises(ModelError, match=text):
        check(made)


def test_a_float_tensor_is_not_quantized_whatever_it_says() -> None:
    check(tensor_of([2], quantization=quantized([0.0], [0])))


def details(kind: str, **fields: Any) -> Any:
    return {
        "details": filled(getattr(schema, f"{kind}T")(), fields),
        "detailsType": getattr(schema.QuantizationDetails, kind),
    }


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (details("CustomQuantization"), "not supported"),
        (details("MultiAxisQuantization"), "not supported"),
        (details("BlockwiseQuantization", scales=0, zeroPoints=-1, blockSize=32), None),
        (details("BlockwiseQuantization", scales=0, zeroPoints=-1, blockSize=0), "by blocks"),
        (details("BlockwiseQuantization", scales=1, zeroPoints=-1, blockSize=32), "by blocks"),
        (details("BlockwiseQuantization", scales=-1, zeroPoints=-1, blockSize=32), "by blocks"),
        (details("BlockwiseQuantization", scales=0, zeroPoints=5, blockSize=32), "by blocks"),
    ],
)
def test_other_kinds_of_quantization(fields: dict[str, Any], text: str | None) -> None:
    made = tensor_of([2, 3], "INT8", quantization=quantized([], [], **fields))
    if text is None:
        check(made)
        return
    with pytest.raises(ModelError, match=text):
        check(made)
