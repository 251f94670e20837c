"""The batch dimension: on the device it is 1."""

from __future__ import annotations

import onnx

from edgeinfer.errors import ModelError


def fix_batch(model: onnx.ModelProto) -> onnx.ModelProto:
    """Set the open batch dimension of all inputs to 1 (in place); shapes behind them are forgotten.

    The batch is the first dimension of an input that has two or more, and each dimension of the same
    name. Raises ModelError that names every other open dimension, and every input without a shape.
    """
    symbols = _batch_symbols(model)
    faults: list[str] = []
    for value in model.graph.input:
        if not value.type.tensor_type.HasField("shape"):
            faults.append(f"input `{value.name}` is not a tensor with a shape")
            continue
        dims = value.type.tensor_type.shape.dim
        for axis, dim in enumerate(dims):
            is_first = axis == 0 and len(dims) > 1
            if _is_open(dim) and (is_first or dim.dim_param in symbols):
                dim.dim_value = 1
            elif _is_open(dim):
                faults.append(f"input `{value.name}` leaves dimension {axis} ({dim.dim_param or '?'}) open")
    if faults:
        raise ModelError(
            "only the batch may have no fixed size: " + "; ".join(faults),
            hint="an [[input]] of kind `image` fixes height and width by its `size`, one of kind `window` by "
            "its `length` and `columns`; export the model with fixed shapes for others",
        )
    _forget_shapes(model)
    return model


def _batch_symbols(model: onnx.ModelProto) -> set[str]:
    symbols = set()
    for value in model.graph.input:
        dims = value.type.tensor_type.shape.dim
        if len(dims) > 1 and _is_open(dims[0]):
            symbols.add(dims[0].dim_param)
    return symbols - {""}


def _is_open(dim: onnx.TensorShapeProto.Dimension) -> bool:
    return not dim.HasField("dim_value") or dim.dim_value < 1


def _forget_shapes(model: onnx.ModelProto) -> None:
    del model.graph.value_info[:]
    for value in model.graph.output:
        for dim in value.type.tensor_type.shape.dim:
            if _is_open(dim):
                dim.Clear()
