"""Reads what a TensorFlow Lite file says about itself."""

from __future__ import annotations

from collections.abc import Iterator

from edgeinfer.bundle.model_file import ModelDescription, checked_name, count_operators
from edgeinfer.errors import ModelError
from edgeinfer.frames import DTYPES, Quantization, TensorInfo
from edgeinfer.tflite.inspect import read_sound
from edgeinfer.tflite.model import Model, OperatorCode, Tensor
from edgeinfer.tflite.tensors import TYPES


def describe(data: bytes) -> ModelDescription:
    """Read the description of a TFLite file. Raises ModelError.

    Operators that the runtime lacks are named with the others: `edgeinfer.tflite.inspect` refuses them.
    """
    model = read_sound(data)
    main = model.subgraphs[0]
    return ModelDescription(
        inputs=tuple(_tensor(main.tensors[index]) for index in main.inputs),
        outputs=tuple(_tensor(main.tensors[index]) for index in main.outputs),
        operators=count_operators(_operators(model)),
        opset=0,
        ir_version=0,
    )


def _operators(model: Model) -> Iterator[str]:
    # Named once for each code: all operators of a hostile file may share a name of many megabytes.
    names = {code: _operator_name(code) for code in model.codes}
    for graph in model.subgraphs:
        yield from (names[operator.code] for operator in graph.operators)


def _operator_name(code: OperatorCode) -> str:
    return checked_name(f"custom.{code.name}", "an operator") if code.custom else code.name


def _tensor(tensor: Tensor) -> TensorInfo:
    try:
        name = checked_name(tensor.name.decode("utf-8"), "a tensor")
    except UnicodeDecodeError as error:
        raise ModelError(f"a tensor has a name that is not UTF-8: {tensor.name[:60]!a}") from error
    dtype = TYPES[tensor.type].name
    if dtype not in DTYPES:
        raise ModelError(f"tensor `{name}` has the element type {dtype}, which is not supported")
    # The signature has -1 for open dimensions; it is absent where there are none.
    shape = tensor.signature or tensor.shape
    return TensorInfo(name=name, dtype=dtype, shape=shape, quantization=_quantization(tensor))


def _quantization(tensor: Tensor) -> Quantization | None:
    """Scale and zero point of a tensor that is quantized as a whole."""
    found = tensor.quantization
    if found is None or len(found["scale"] or ()) != 1:
        return None
    return Quantization(scale=float(found["scale"][0]), zero_point=int(found["zero_point"][0]))
