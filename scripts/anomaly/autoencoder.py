"""A small dense autoencoder in NumPy: training with Adam, and its ONNX file.

Input -> hidden -> code -> hidden -> input. The code is clipped at 0 and 1 on purpose: a linear code
follows a signal to values that it has never seen, a clipped one cannot, and that is what makes an
unusual window stand out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, checker, helper, numpy_helper

Floats = npt.NDArray[np.float32]

OPSET = 17
IR_VERSION = 8
ACTIVATIONS = ("relu", "clip", "relu", "none")
FADE, SQUARE_FADE, TINY = 0.9, 0.999, 1e-8  # Adam (Kingma and Ba, 2015), their defaults


@dataclass(frozen=True)
class Autoencoder:
    """Four dense layers: `weights[k]` is (inner, outer), `biases[k]` is (outer,)."""

    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]

    def __call__(self, rows: Floats) -> Floats:
        """(n, inputs) to its reconstruction of the same shape."""
        return _forward(self, rows)[-1]


def train(rows: Floats, *, hidden: int, code: int, epochs: int, seed: int, rate: float = 2e-3) -> Autoencoder:
    """Learn to reconstruct normal rows, (n, inputs) with mean near 0 and standard deviation near 1."""
    rng = np.random.default_rng(seed)
    model = _random_model((rows.shape[1], hidden, code, hidden, rows.shape[1]), rng)
    parameters = [*model.weights, *model.biases]
    first = [np.zeros_like(one) for one in parameters]
    second = [np.zeros_like(one) for one in parameters]
    total = epochs * -(-len(rows) // 64)
    for step, batch in enumerate(_batches(rows, epochs, rng), start=1):
        gradients = _gradients(model, batch)
        now = rate * min(1.0, 2 * (1 - step / (total + 1)))  # constant, then falling to zero
        for k, gradient in enumerate(gradients):
            first[k] += (1 - FADE) * (gradient - first[k])
            second[k] += (1 - SQUARE_FADE) * (gradient**2 - second[k])
            steady = np.sqrt(second[k] / (1 - SQUARE_FADE**step)) + TINY
            parameters[k] -= now * first[k] / (1 - FADE**step) / steady
    return model


def _random_model(sizes: tuple[int, ...], rng: np.random.Generator) -> Autoencoder:
    """He's initialization; the code starts in the middle of its range, where its gradient is not zero."""
    weights, biases = [], []
    for inner, outer in pairwise(sizes):
        weights.append(rng.normal(0, np.sqrt(2 / inner), (inner, outer)).astype(np.float32))
        biases.append(np.zeros(outer, np.float32))
    weights[1] *= np.float32(0.2)
    biases[1] += np.float32(0.5)
    return Autoencoder(tuple(weights), tuple(biases))


def _batches(rows: Floats, epochs: int, rng: np.random.Generator) -> Iterator[Floats]:
    for _ in range(epochs):
        for chosen in np.array_split(rng.permutation(len(rows)), -(-len(rows) // 64)):
            yield rows[chosen]


def _forward(model: Autoencoder, rows: Floats) -> list[Floats]:
    """The rows and what each layer makes of them."""
    values = [rows]
    for weight, bias, activation in zip(model.weights, model.biases, ACTIVATIONS, strict=True):
        sums = values[-1] @ weight + bias
        values.append({"relu": np.maximum(sums, 0), "clip": np.clip(sums, 0, 1), "none": sums}[activation])
    return values


def _gradients(model: Autoencoder, rows: Floats) -> list[Floats]:
    """Of the mean squared error: first those of the weights, then those of the biases."""
    values = _forward(model, rows)
    error = (values[-1] - rows) * np.float32(2 / rows.size)
    weights: list[Floats] = []
    biases: list[Floats] = []
    for layer in reversed(range(len(model.weights))):
        weights.insert(0, values[layer].T @ error)
        biases.insert(0, error.sum(axis=0))
        if layer:
            error = (error @ model.weights[layer].T) * _slope(values[layer], ACTIVATIONS[layer - 1])
    return weights + biases


def _slope(value: Floats, activation: str) -> npt.NDArray[np.bool_]:
    inside: npt.NDArray[np.bool_] = value > 0
    return inside & (value < 1) if activation == "clip" else inside


def build_onnx(model: Autoencoder, length: int, columns: int, *, center: bool = False) -> bytes:
    """The ONNX file: `window` (1, length, columns) in, `rebuilt` of the same shape out.

    With `center` the graph takes each column's mean over the window off and puts it back at the end, so
    that only the shape of a signal is judged and not its level.
    """
    nodes: list[NodeProto] = []
    value = "window"
    if center:
        nodes.append(helper.make_node("ReduceMean", [value], ["level"], "level", axes=[1], keepdims=1))
        nodes.append(helper.make_node("Sub", [value, "level"], ["shape_only"], "center"))
        value = "shape_only"
    nodes.append(helper.make_node("Flatten", [value], ["flat"], "flatten"))
    constants = [numpy_helper.from_array(np.array([1, length, columns], np.int64), "shape")]
    constants += [numpy_helper.from_array(np.array(value, np.float32), f"code.{value}") for value in (0, 1)]
    value = "flat"
    for number, (weight, bias) in enumerate(zip(model.weights, model.biases, strict=True), start=1):
        constants.append(numpy_helper.from_array(weight, f"dense{number}.weight"))
        constants.append(numpy_helper.from_array(bias, f"dense{number}.bias"))
        value = _add_dense(nodes, value, f"dense{number}", ACTIVATIONS[number - 1])
    last = "window_shape" if center else "rebuilt"
    nodes.append(helper.make_node("Reshape", [value, "shape"], [last], "reshape"))
    if center:
        nodes.append(helper.make_node("Add", [last, "level"], ["rebuilt"], "uncenter"))
    infos = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, length, columns])
        for name in ("window", "rebuilt")
    ]
    graph = helper.make_graph(nodes, "autoencoder", infos[:1], infos[1:], constants)
    opset = helper.make_opsetid("", OPSET)
    proto = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="edgeinfer")
    checker.check_model(proto, full_check=True)
    return bytes(proto.SerializeToString())


def _add_dense(nodes: list[NodeProto], value: str, name: str, activation: str) -> str:
    inputs = [value, f"{name}.weight", f"{name}.bias"]
    nodes.append(helper.make_node("Gemm", inputs, [f"{name}.out"], name))
    if activation == "none":
        return f"{name}.out"
    limits = ["code.0", "code.1"] if activation == "clip" else []
    operator = "Clip" if activation == "clip" else "Relu"
    nodes.append(
        helper.make_node(operator, [f"{name}.out", *limits], [f"{name}.{activation}"], f"{name}.{activation}")
    )
    return f"{name}.{activation}"
