"""Matrix products in a row."""

from __future__ import annotations

import itertools

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from edgeinfer_converters.graph.chained import join_products
from edgeinfer_converters.graph.naming import name_nodes
from edgeinfer_converters.graph.shapes import infer_shapes
from tests.fixtures.graphs import node, run
from tests.fixtures.models import model_of

RNG = np.random.default_rng(0)
CONSTANTS: dict[str, np.ndarray] = {
    "wide": RNG.normal(0, 0.3, (16, 40)),
    "mel": RNG.normal(0, 0.3, (40, 5)),
    "mel_t": RNG.normal(0, 0.3, (5, 40)),
    "down": RNG.normal(0, 0.3, (16, 2)),
    "up": RNG.normal(0, 0.3, (2, 16)),
    "bias": RNG.normal(0, 1, 5),
    "by_row": RNG.normal(0, 1, (12, 1)),
    "rows": np.array([12, 40]),
    "other": np.array([24, 20]),
    "axes": np.array([2]),
    "half": RNG.normal(0, 0.3, (20, 5)),
}


def network(*nodes: onnx.NodeProto, rank: int, outputs: tuple[str, ...] = ("y",)) -> onnx.ModelProto:
    """A graph from frames (3, 4, 1, 16) to `y`."""
    used = {name for one in nodes for name in one.input}
    constants = {
        name: value.astype(np.int64 if value.dtype.kind == "i" else np.float32)
        for name, value in CONSTANTS.items()
        if name in used
    }
    float_ = onnx.TensorProto.FLOAT
    ends = [helper.make_tensor_value_info(name, float_, list("abcd"[:rank])) for name in outputs]
    model = model_of(
        list(nodes), [helper.make_tensor_value_info("x", float_, (3, 4, 1, 16))], ends, constants
    )
    return infer_shapes(name_nodes(model))


def joined(*nodes: onnx.NodeProto, rank: int, outputs: tuple[str, ...] = ("y",)) -> list[str]:
    """The operators that are left of a network; it still computes the same."""
    model = network(*nodes, rank=rank, outputs=outputs)
    inputs = {"x": RNG.normal(size=(3, 4, 1, 16)).astype(np.float32)}
    wanted = run(model, inputs)
    found = join_products(model)
    onnx.checker.check_model(found, full_check=True)
    for one, other in zip(run(found, inputs), wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    return [one.op_type for one in found.graph.node]


def test_a_transform_and_a_filter_bank() -> None:
    nodes = [
        node("MatMul", "x", "wide", "a"),
        node("Squeeze", "a", "axes", "b"),
        node("Reshape", "b", "rows", "c"),
        node("Gemm", "c", "mel_t", "bias", "y", transB=1),
    ]
    assert joined(*nodes, rank=2) == ["Reshape", "Gemm"]


def test_with_nothing_between() -> None:
    assert joined(node("MatMul", "x", "wide", "a"), node("MatMul", "a", "mel", "y"), rank=4) == ["MatMul"]


def test_three_in_a_row() -> None:
    nodes = [
        node("MatMul", "x", "down", "a"),
        node("MatMul", "a", "up", "b"),
        node("MatMul", "b", "wide", "c"),
        node("MatMul", "c", "mel", "y"),
    ]
    assert joined(*nodes, rank=4) == ["MatMul", "MatMul"]


def test_a_product_of_low_rank_stays() -> None:
    assert joined(node("MatMul", "x", "down", "a"), node("MatMul", "a", "up", "y"), rank=4) == ["MatMul"] * 2


def test_what_is_read_twice_stays() -> None:
    nodes = [
        node("MatMul", "x", "wide", "a"),
        node("MatMul", "a", "mel", "b"),
        node("MatMul", "a", "mel", "c"),
    ]
    assert joined(*nodes, node("Add", "b", "c", "y"), rank=4) == ["MatMul"] * 3 + ["Add"]
    nodes = [node("MatMul", "x", "wide", "a"), node("MatMul", "a", "mel", "y")]
    assert joined(*nodes, rank=4, outputs=("y", "a")) == ["MatMul"] * 2


@pytest.mark.parametrize("kind", ["Relu", "Neg"])
def test_anything_else_between_them(kind: str) -> None:
    nodes = [node("MatMul", "x", "wide", "a"), node(kind, "a", "b"), node("MatMul", "b", "mel", "y")]
    assert joined(*nodes, rank=4) == ["MatMul", kind, "MatMul"]


def test_rows_that_are_cut() -> None:
    nodes = [
        node("MatMul", "x", "wide", "a"),
        node("Reshape", "a", "other", "b"),
        node("MatMul", "b", "half", "y"),
    ]
    assert joined(*nodes, rank=2) == ["MatMul", "Reshape", "MatMul"]


def test_a_bias_for_each_row() -> None:
    nodes = [
        node("MatMul", "x", "wide", "a"),
        node("Reshape", "a", "rows", "b"),
        node("Gemm", "b", "mel_t", "by_row", "y", transB=1),
    ]
    assert joined(*nodes, rank=2) == ["MatMul", "Reshape", "Gemm"]


@pytest.mark.parametrize("attributes", [{"alpha": 2.0}, {"beta": 0.5}])
def test_scaled_products_stay(attributes: dict[str, float]) -> None:
    nodes = [
        node("MatMul", "x", "wide", "a"),
        node("Reshape", "a", "rows", "b"),
        node("Gemm", "b", "mel_t", "bias", "y", transB=1, **attributes),
    ]
    assert joined(*nodes, rank=2) == ["MatMul", "Reshape", "Gemm"]


@given(sizes=st.lists(st.integers(1, 12), min_size=3, max_size=5), seed=st.integers(0, 2**16))
def test_any_chain_computes_the_same_with_less(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    float_ = onnx.TensorProto.FLOAT
    weights = {
        f"w{place}": rng.normal(size=pair).astype(np.float32)
        for place, pair in enumerate(itertools.pairwise(sizes))
    }
    names = ["x", *(f"t{place}" for place in range(len(weights) - 1)), "y"]
    nodes = [node("MatMul", names[place], f"w{place}", names[place + 1]) for place in range(len(weights))]
    ends = [
        helper.make_tensor_value_info(name, float_, (2, size))
        for name, size in (("x", sizes[0]), ("y", sizes[-1]))
    ]
    model = infer_shapes(name_nodes(model_of(nodes, ends[:1], ends[1:], weights)))
    before = sum(one.size for one in weights.values())
    inputs = {"x": rng.normal(size=(2, sizes[0])).astype(np.float32)}
    (wanted,) = run(model, inputs)
    found = join_products(model)
    (value,) = run(found, inputs)
    np.testing.assert_allclose(value, wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max())
    assert sum(int(np.prod(one.dims)) for one in found.graph.initializer) <= before
