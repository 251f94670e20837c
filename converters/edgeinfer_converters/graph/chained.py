"""Two matrix products in a row with nothing but other shapes between them, as one.

A Fourier transform and the filter bank behind it are such a pair: each number of the spectrum is computed for
the sake of a few sums.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from edgeinfer_converters.graph.naming import free_name, names_of
from edgeinfer_converters.graph.rewriting import with_nodes
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView, attribute
from edgeinfer_converters.graph.walk import is_standard

Matrix = npt.NDArray[np.float64]

_RESHAPES = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})


def join_products(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model, whose shapes must be known, with (x A) B as x (A B) wherever that is less to compute.

    A and B are constant matrices, and nothing else reads what lies between; B's product may add a bias. A
    chain of several becomes one from its end. Changes the model.
    """
    while True:
        joiner = _Joiner(model)
        if not joiner.found():
            return model
        model = joiner.written()


class _Joiner:
    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model
        self._view = GraphView(model)
        self._taken = names_of(model)
        self._nodes = list[onnx.NodeProto]()

    def found(self) -> bool:
        """Whether there is a pair; the last one of the graph is joined."""
        return any(self._join(node) for node in reversed(self._view.nodes))

    def written(self) -> onnx.ModelProto:
        """The model with the pair joined."""
        return infer_shapes(with_nodes(self._model, self._nodes))

    def _join(self, second: onnx.NodeProto) -> bool:
        before = self._before(second)
        if not before:
            return False
        first = before[-1]
        left, right = self._matrix(first), self._matrix(second)
        if left.shape[0] * right.shape[1] >= left.size + right.size:
            return False
        shape = (*self._view.shapes[second.input[0]][:-1], left.shape[0])
        joined = onnx.NodeProto()
        joined.CopyFrom(second)
        joined.input[1] = self._store(left @ right, f"{second.name}_joined", second)
        gone, new = {node.name for node in before}, [joined]
        if self._view.shapes[first.input[0]] == shape:
            joined.input[0] = first.input[0]
        else:
            target = self._add(np.array(shape, np.int64), f"{second.name}_shape")
            joined.input[0] = self._free(f"{second.name}_rows")
            inputs = [first.input[0], target]
            new.insert(0, helper.make_node("Reshape", inputs, [joined.input[0]], name=joined.input[0]))
        for node in self._view.nodes:
            if node.name == second.name:
                self._nodes.extend(new)
            elif node.name not in gone:
                self._nodes.append(node)
        return True

    def _before(self, second: onnx.NodeProto) -> list[onnx.NodeProto]:
        """From a product back to another, which is the last; empty if there is none."""
        if not self._is_product(second, bias=True):
            return []
        chain = list[onnx.NodeProto]()
        width = self._view.shapes[second.input[0]][-1:]
        name = second.input[0]
        while self._view.is_private(name) and self._view.shapes.get(name, (0,))[-1:] == width:
            node = self._view.producers.get(name)
            if node is None:
                return []
            chain.append(node)
            if self._is_product(node, bias=False):
                return chain
            if node.op_type not in _RESHAPES or not is_standard(node):
                return []
            name = node.input[0]
        return []

    def _is_product(self, node: onnx.NodeProto, *, bias: bool) -> bool:
        """Whether a node multiplies the rows of float data by a constant matrix."""
        if node.op_type not in ("Gemm", "MatMul") or not is_standard(node):
            return False
        data, weights = node.input[:2]
        shapes = self._view.shapes
        known = len(shapes.get(data, ())) >= 2 and min(shapes[data]) > 0 and len(shapes.get(weights, ())) == 2
        constant = data not in self._view.initializers and weights in self._view.initializers
        if not (known and constant and {data, weights} <= self._view.floats):
            return False
        if node.op_type == "MatMul":
            return True
        factors = {one.name: one.f for one in node.attribute if one.name in ("alpha", "beta")}
        is_plain = all(factor == 1.0 for factor in factors.values()) and not attribute(node, "transA", 0)
        if len(node.input) < 3 or not node.input[2]:
            return is_plain
        # A bias for each row would keep an integer product in front of it from being one.
        return is_plain and bias and all(side == 1 for side in shapes.get(node.input[2], (0, 0))[:-1])

    def _matrix(self, product: onnx.NodeProto) -> Matrix:
        """(inputs, outputs)."""
        matrix: Matrix = self._view.constant(product.input[1]).astype(np.float64)
        return matrix.T if self._is_transposed(product) else matrix

    def _is_transposed(self, product: onnx.NodeProto) -> bool:
        return product.op_type == "Gemm" and bool(attribute(product, "transB", 0))

    def _store(self, matrix: Matrix, wish: str, product: onnx.NodeProto) -> str:
        return self._add((matrix.T if self._is_transposed(product) else matrix).astype(np.float32), wish)

    def _add(self, values: npt.NDArray[np.generic], wish: str) -> str:
        name = self._free(wish)
        self._model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _free(self, wish: str) -> str:
        name = free_name(wish, self._taken)
        self._taken.add(name)
        return name
