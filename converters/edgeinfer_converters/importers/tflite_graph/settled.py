"""Sizes that a TFLite model with an open batch computes while it runs, as they are for a batch of one."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from edgeinfer.backends.child import in_child
from edgeinfer.errors import ModelError
from edgeinfer.frames import Array
from edgeinfer.tflite.inspect import check_loadable
from edgeinfer_converters.importers.tflite_graph.flatbuffer import DTYPES, read_flatbuffer
from edgeinfer_converters.importers.tflite_graph.parts import OPEN, FlatModel, Operator, Tensor
from edgeinfer_converters.importers.tflite_graph.table import CONVERTERS

MAX_VALUES = 2**22
"""Numbers that are computed of sizes and become constants, all together."""

_SIZED_BY: Mapping[str, tuple[int, ...]] = {
    **dict.fromkeys(("FILL", "SPLIT", "TRANSPOSE_CONV"), (0,)),
    **dict.fromkeys(("ARG_MAX", "ARG_MIN"), (1,)),
    **dict.fromkeys(("BROADCAST_TO", "EXPAND_DIMS", "MEAN", "MIRROR_PAD", "ONE_HOT", "PAD", "PADV2"), (1,)),
    **dict.fromkeys(("REDUCE_ALL", "REDUCE_ANY", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUM"), (1,)),
    **dict.fromkeys(("RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "RFFT2D"), (1,)),
    **dict.fromkeys(("TILE", "TOPK_V2", "TRANSPOSE"), (1,)),
    **dict.fromkeys(("BATCH_TO_SPACE_ND", "SLICE", "SPACE_TO_BATCH_ND", "SPLIT_V"), (1, 2)),
    "RANGE": (0, 1, 2),
    "STRIDED_SLICE": (1, 2, 3),
}
"""The inputs whose values, and not only their shapes, decide what size an operator's result has."""


def settle(model: FlatModel, data: bytes) -> FlatModel:
    """The model with the sizes that it has for a batch of one; what follows from sizes alone is constant.

    LiteRT runs the model once, in a child process, and is asked. What a size depends on the data for, or on
    an operator that is not known here, stays open. Raises ModelError where LiteRT cannot run the model.
    """
    found = in_child(f"{__name__}:sizes_and_values", data)
    shapes = {int(index): tuple(shape) for index, shape in found["shapes"].items()}
    values = {int(index): value for index, value in found["values"].items()}
    tensors = tuple(_settled(one, shapes, values) for one in model.tensors)
    gone = set(values)
    return replace(
        model,
        tensors=tensors,
        operators=tuple(one for one in model.operators if not gone.issuperset(one.outputs)),
    )


def sizes_and_values(data: bytes) -> dict[str, dict[int, list[Any]]]:
    """What the child finds: `shapes` of what is computed, and `values` of what follows from sizes alone.

    Raises ModelError.
    """
    # The interpreter takes 30 MB, which only models of this kind need.
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    check_loadable(data)
    model = read_flatbuffer(data)
    of_data, of_sizes = _origins(model)
    resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        interpreter = Interpreter(
            model_content=data,
            experimental_op_resolver_type=resolver,
            experimental_preserve_all_tensors=True,
        )
        for index in model.inputs:
            if model.tensors[index].shape[:1] == (OPEN,):
                interpreter.resize_tensor_input(index, [1, *model.tensors[index].static[1:]])
        interpreter.allocate_tensors()
        for one in interpreter.get_input_details():
            interpreter.set_tensor(one["index"], np.zeros(one["shape"], one["dtype"]))
        interpreter.invoke()
        details = {one["index"]: one for one in interpreter.get_tensor_details()}
        values = {index: _value(interpreter, details[index]) for index in sorted(of_sizes)}
    except (RuntimeError, ValueError, TypeError) as error:
        raise ModelError(f"LiteRT could not run the model: {error}") from error
    if sum(value.size for value in values.values()) > MAX_VALUES:
        raise ModelError(f"more than {MAX_VALUES} numbers follow from the model's sizes")
    computed = {*model.inputs, *itertools.chain.from_iterable(one.outputs for one in model.operators)}
    return {
        "shapes": {index: details[index]["shape"].tolist() for index in sorted(computed - of_data)},
        "values": {index: value.reshape(-1).tolist() for index, value in values.items()},
    }


def _value(interpreter: Any, detail: Mapping[str, Any]) -> Array:
    # The interpreter has no memory to show for a tensor without numbers.
    if 0 in detail["shape"]:
        return np.zeros(detail["shape"], detail["dtype"])
    value: Array = interpreter.get_tensor(detail["index"])
    return value


def _settled(tensor: Tensor, shapes: Mapping[int, tuple[int, ...]], values: Mapping[int, Any]) -> Tensor:
    shape = shapes.get(tensor.index)
    if shape is None:
        return tensor
    return replace(tensor, shape=shape, static=shape, data=_constant(tensor, shape, values))


def _constant(tensor: Tensor, shape: tuple[int, ...], values: Mapping[int, Any]) -> Array | None:
    if tensor.index not in values:
        return None
    return np.array(values[tensor.index], DTYPES[tensor.kind]).reshape(shape)


def _origins(model: FlatModel) -> tuple[set[int], set[int]]:
    """Tensors whose sizes depend on the data, and those whose values follow from fixed sizes alone."""
    of_data: set[int] = set()
    of_sizes: set[int] = set()
    known = {tensor.index for tensor in model.tensors if tensor.data is not None}
    for operator in model.operators:
        inputs = {index for index in operator.inputs if index != OPEN}
        # What is not known may be anything: random, or as large as its data say.
        if operator.kind not in CONVERTERS or of_data & inputs or not _sized_by(operator) <= known | of_sizes:
            of_data.update(operator.outputs)
        elif inputs and inputs <= known:
            known.update(operator.outputs)
        elif operator.kind in ("SHAPE", "RANK") or (of_sizes & inputs and inputs <= known | of_sizes):
            of_sizes.update(index for index in operator.outputs if model.tensors[index].kind in DTYPES)
    return of_data, of_sizes


def _sized_by(operator: Operator) -> set[int]:
    """The inputs whose values decide what size the results have."""
    places = _SIZED_BY.get(operator.kind, ())
    return {operator.inputs[place] for place in places if place < len(operator.inputs)} - {OPEN}
