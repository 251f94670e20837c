"""Matrix products."""

from __future__ import annotations

import numpy as np
from ai_edge_litert.schema_py_generated import FullyConnectedOptionsWeightsFormat

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.activations import finish
from edgeinfer_converters.importers.tflite_graph.parts import NoEqualError
from edgeinfer_converters.importers.tflite_graph.step import Step


def fully_connected(step: Step) -> None:
    """Weights (outputs, inputs); all axes of the data before the last are rows."""
    if step.options.whole("weightsFormat") != FullyConnectedOptionsWeightsFormat.DEFAULT:
        raise NoEqualError("its weights are shuffled")
    data, weights = step.tensor(0), step.tensor(1)
    if weights.rank != 2:
        raise ModelError(f"{step.where}: the weights `{weights.name}` have rank {weights.rank}, not 2")
    if step.options.flag("keepNumDims") and data.rank > 2:
        finish(step, _product_of_many(step))
        return
    rows = step.rows(0)
    if data.rank != 2 or data.shape[1] != weights.size(1):
        rows = step.emit("Reshape", rows, step.constant([-1, weights.size(1)]))
    bias = (step.rows(2),) if step.has(2) else ()
    finish(step, step.emit("Gemm", rows, step.rows(1), *bias, transB=1))


def batch_matmul(step: Step) -> None:
    """x y over the last two axes, either transposed where the options say so."""
    left = _factor(step, 0, transposed=step.options.flag("adjX"))
    right = _factor(step, 1, transposed=step.options.flag("adjY"))
    step.write(step.emit("MatMul", left, right))


def _product_of_many(step: Step) -> str:
    name = step.emit("MatMul", step.rows(0), _factor(step, 1, transposed=True))
    return step.emit("Add", name, step.rows(2)) if step.has(2) else name


def _factor(step: Step, place: int, *, transposed: bool) -> str:
    if not transposed:
        return step.rows(place)
    tensor, value = step.tensor(place), step.known(place)
    if tensor.rank < 2:
        raise ModelError(f"{step.where}: `{tensor.name}` has rank {tensor.rank}, and 2 are needed")
    if value is not None:
        return step.stored(np.swapaxes(value, -1, -2), place, "transposed")
    order = [*range(tensor.rank - 2), tensor.rank - 1, tensor.rank - 2]
    return step.emit("Transpose", step.rows(place), perm=order)
