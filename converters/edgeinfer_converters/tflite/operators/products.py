"""Gemm and MatMul: FULLY_CONNECTED where the second factor is a matrix, BATCH_MATMUL elsewhere."""

from __future__ import annotations

from math import prod

import numpy as np

from edgeinfer.frames import Array
from edgeinfer_converters.tflite.broadcast import expand
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.finer import finer_way, write_dynamic, write_finer
from edgeinfer_converters.tflite.fusing import NONE, fuse_activation
from edgeinfer_converters.tflite.layouts import plain
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.tensors import ABSENT, Quant
from edgeinfer_converters.tflite.weights import Product, integer_product


def gemm(node: Node, at: Lowering) -> None:
    """alpha A B + beta C, with A or B transposed. Biases of one number a column are part of the product."""
    _refuse_integers(node, at)
    if integer_product(node, at, node.outputs[0]) and not node.integer("transA", 0) and _is_unscaled(node):
        _fully_connected(node, at, transposed=bool(node.integer("transB", 0)), bias=node.input(2))
        return
    bias = node.input(2)
    in_product = bool(bias) and _is_by_column(node, at) and _is_unscaled(node)
    if _is_unscaled(node) and not node.integer("transA", 0) and (in_product or not bias):
        _fully_connected(node, at, transposed=bool(node.integer("transB", 0)), bias=bias)
        return
    _in_parts(node, at)


def mat_mul(node: Node, at: Lowering) -> None:
    """A matrix product as numpy has it: batches broadcast, vectors are rows and columns."""
    _refuse_integers(node, at)
    left, right = node.inputs[:2]
    is_matrix = at.rank(right) == 2 and at.rank(left) > 1 and at.facts.is_constant(right)
    if is_matrix or _has_weights(node, at):
        _fully_connected(node, at, transposed=False, bias="")
        return
    _batch_mat_mul(node, at)


def _refuse_integers(node: Node, at: Lowering) -> None:
    if any(at.dtype(name).kind != "f" for name in node.inputs if name):
        raise UnsupportedError("matrix products of integers have no equal")


def _has_weights(node: Node, at: Lowering) -> bool:
    constant = at.quantized_constant(node.inputs[1])
    return constant is not None and constant.integers.ndim == 2


def _is_unscaled(node: Node) -> bool:
    return node.real("alpha", 1.0) == 1.0 and node.real("beta", 1.0) == 1.0


def _is_by_column(node: Node, at: Lowering) -> bool:
    """Whether the bias has a number for each column of the result."""
    columns, bias = at.shape(node.outputs[0])[-1], at.shape(node.input(2))
    return bool(bias) and prod(bias) == columns == bias[-1]


def _fully_connected(node: Node, at: Lowering, *, transposed: bool, bias: str) -> None:
    """TFLite wants weights as (outputs, inputs), and one bias an output."""
    activation, result = fuse_activation(node, at)
    product = integer_product(node, at, result)
    axes = (0, 1) if transposed else (1, 0)
    if product is None:
        written = _in_floats(node, at, result, activation, axes, bias)
    else:
        written = _in_integers(node, at, result, activation, axes, product)
    at.write(result, written)


def _in_floats(
    node: Node, at: Lowering, result: str, activation: str, axes: tuple[int, int], bias: str
) -> int:
    order = _order(node, at)
    source = at.real(order.tensor) if order else at.read(node.inputs[0])
    weights = _reordered(at, at.read(node.inputs[1], axes), order.positions if order else None)
    vector = at.reshape(at.read(bias), (at.shape(result)[-1],)) if bias else ABSENT
    return _written(at, result, activation, [source, weights, vector])


def _in_integers(
    node: Node, at: Lowering, result: str, activation: str, axes: tuple[int, int], product: Product
) -> int:
    order = _order(node, at)
    source = order.tensor if order else at.stored(node.inputs[0])
    integers = product.weights.integers.transpose(axes)
    if order:
        integers = integers[:, list(order.positions)]
    way = finer_way(node, at, result)
    if way == "dynamic":
        return _dynamic(at, product, at.real(source), integers, result, activation)
    weights, vector = product.write(at, integers, 0)
    if way is None:
        return _written(at, result, activation, [source, weights, vector], product.result)

    def compute(shift: float, quant: Quant) -> int:
        shifted = product.write_bias(at, len(integers), shift)
        return _written(at, result, NONE, [source, weights, shifted], quant)

    return write_finer(at, product, result, activation, compute)


def _written(
    at: Lowering, result: str, activation: str, inputs: list[int], quant: Quant | None = None
) -> int:
    return at.add(
        "FULLY_CONNECTED",
        inputs,
        at.shape(result),
        "float32" if quant is None else "int8",
        quant,
        fusedActivationFunction=activation,
        keepNumDims=at.rank(result) > 2,
    )


def _dynamic(
    at: Lowering, product: Product, source: int, integers: Array, result: str, activation: str
) -> int:
    """As a convolution: older runtimes know one scale alone for all weights of a FULLY_CONNECTED here.

    Each row is a batch of its own, and so has its own range.
    """
    width, depth = integers.shape
    rows = prod(at.shape(result)[:-1])
    pixels = at.reshape(source, (rows, 1, 1, depth))
    filters, _ = product.write(at, np.ascontiguousarray(integers).reshape(width, 1, 1, depth), 0)

    def compute(bias: int) -> int:
        return at.add(
            "CONV_2D",
            [pixels, filters, bias],
            (rows, 1, 1, width),
            "float32",
            padding="VALID",
            strideH=1,
            strideW=1,
            dilationHFactor=1,
            dilationWFactor=1,
            fusedActivationFunction=activation,
        )

    return at.reshape(write_dynamic(at, product, result, compute), at.shape(result))


class _Order:
    """A flattened image that is not in ONNX's order, and where its values are."""

    def __init__(self, tensor: int, positions: tuple[int, ...]) -> None:
        self.tensor, self.positions = tensor, positions


def _order(node: Node, at: Lowering) -> _Order | None:
    value = at.values.get(node.inputs[0])
    if value is None or value.order is None:
        return None
    constant = at.constant(node.inputs[1]) is not None
    return _Order(value.tensor, value.order) if constant else None


def _reordered(at: Lowering, weights: int, positions: tuple[int, ...] | None) -> int:
    found = at.graph.tensors[weights]
    if positions is None or found.data is None:
        return weights
    return at.graph.constant(found.data[:, list(positions)], found.name)


def _batch_mat_mul(node: Node, at: Lowering) -> None:
    left, right = node.inputs[:2]
    result, shape = node.outputs[0], at.shape(node.outputs[0])
    stored = at.is_integer(node) and all(name in at.values for name in node.inputs)
    read = at.stored if stored else at.read
    ranks = at.rank(left), at.rank(right)
    one = read(left)
    other = _second_copy(at, one) if left == right else read(right)
    if ranks[0] == 1:
        one = at.reshape(one, (1, *at.shape(left)))
    if ranks[1] == 1:
        other = at.reshape(other, (*at.shape(right), 1))
    written = _multiply(at, one, other, at.target(result) if stored else None)
    at.write(result, at.reshape(written, shape))


def _second_copy(at: Lowering, tensor: int) -> int:
    """The same, transposed once more where it was: XNNPACK multiplies one TRANSPOSE by itself wrongly."""
    maker = next((one for one in at.graph.operators if tensor in one.outputs), None)
    if maker is None or maker.code != "TRANSPOSE":
        return tensor
    found = at.graph.tensors[tensor]
    return at.add("TRANSPOSE", maker.inputs, found.shape, found.dtype, found.quant)


def _multiply(at: Lowering, one: int, other: int, quant: Quant | None) -> int:
    """BATCH_MATMUL of two tensors of two axes or more, of at most five in all."""
    left, right = at.graph.tensors[one].shape, at.graph.tensors[other].shape
    batch = np.broadcast_shapes(left[:-2], right[:-2])
    shape = (*batch, left[-2], right[-1])
    if len(batch) > 2:
        flat = (prod(batch),)
        one = at.reshape(expand(at, one, (*batch, *left[-2:])), (*flat, *left[-2:]))
        other = at.reshape(expand(at, other, (*batch, *right[-2:])), (*flat, *right[-2:]))
        return at.reshape(_multiply(at, one, other, quant), shape)
    dtype = at.graph.tensors[one].dtype
    return at.add("BATCH_MATMUL", [one, other], shape, dtype, quant, adjX=False, adjY=False)


def _in_parts(node: Node, at: Lowering) -> None:
    """A Gemm whose factors or bias are not as FULLY_CONNECTED wants them."""
    axes = {0: plain(2), 1: (1, 0)}
    one = at.read(node.inputs[0], axes[node.integer("transA", 0)])
    other = at.read(node.inputs[1], axes[node.integer("transB", 0)])
    shape = at.shape(node.outputs[0])
    result = _multiply(at, one, other, None)
    result = _scaled(at, result, node.real("alpha", 1.0))
    if node.input(2):
        bias = _scaled(at, at.read(node.input(2)), node.real("beta", 1.0))
        result = at.add("ADD", [result, bias], shape, "float32", fusedActivationFunction="NONE")
    at.write(node.outputs[0], result)


def _scaled(at: Lowering, tensor: int, factor: float) -> int:
    if factor == 1.0:
        return tensor
    found = at.graph.tensors[tensor]
    inputs = [tensor, at.const(factor, "float32")]
    return at.add("MUL", inputs, found.shape, "float32", fusedActivationFunction="NONE")


OPERATORS: Table = {"Gemm": gemm, "MatMul": mat_mul}
