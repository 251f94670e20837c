"""In which layout an operator works."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer_converters.graph.prepare import prepare
from edgeinfer_converters.importers.tflite_graph.assembly import Assembly
from edgeinfer_converters.importers.tflite_graph.graph import import_graph
from edgeinfer_converters.importers.tflite_graph.layouts import prefers_planes
from edgeinfer_converters.importers.tflite_graph.parts import FlatModel, Operator, Tensor
from edgeinfer_converters.importers.tflite_graph.step import Step
from tests.fixtures.tflite_graphs import (
    Writer,
    agree,
    assert_near,
    options,
    random_inputs,
    run_litert,
    run_onnx,
)

PICTURE, CONSTANT, VECTOR, FIVE, OTHER = range(5)
SHAPES = ((1, 4, 5, 3), (3,), (1, 3), (1, 1, 4, 5, 3), (1, 4, 5, 3))


def step(*inputs: int, convolved: bool = True) -> Step:
    """An operator on these tensors, of which PICTURE was written in planes if `convolved`."""
    tensors = tuple(
        Tensor(n, f"t{n}", "FLOAT32", shape, shape, np.zeros(3, np.float32) if n == CONSTANT else None)
        for n, shape in enumerate(SHAPES)
    )
    assembly = Assembly(FlatModel(tensors, (), (VECTOR, FIVE, OTHER), ()))
    assembly.write(PICTURE, planes=convolved)
    return Step(assembly, Operator(0, "ADD", inputs, ()))


@pytest.mark.parametrize(
    ("inputs", "planes"),
    [
        ((PICTURE,), True),
        ((PICTURE, CONSTANT), True),
        ((PICTURE, OTHER), True),
        ((PICTURE, -1), True),
        ((OTHER,), False),
        ((CONSTANT,), False),
        ((PICTURE, VECTOR), False),
        ((PICTURE, FIVE), False),
    ],
)
def test_planes_where_one_is_in_planes_and_all_can_be(inputs: tuple[int, ...], planes: bool) -> None:
    assert prefers_planes(step(*inputs)) is planes


def test_rows_where_none_is_in_planes() -> None:
    assert not prefers_planes(step(PICTURE, OTHER, convolved=False))


def test_only_the_named_inputs_count() -> None:
    assert prefers_planes(step(PICTURE, VECTOR), 0)
    assert not prefers_planes(step(OTHER, PICTURE), 0)


CHANNELS = 4


def convolve(writer: Writer, name: int, rng: np.random.Generator) -> int:
    channels = 3 if name == 0 else CHANNELS
    kernel = rng.normal(size=(CHANNELS, 2, 3, channels)) / 3
    weights = [writer.constant(kernel), writer.constant(rng.normal(size=4))]
    return writer.operator("CONV_2D", [name, *weights], options("Conv2D", strideH=1, strideW=1))


def pool(writer: Writer, name: int, rng: np.random.Generator) -> int:
    made = options("Pool2D", strideH=1, strideW=1, filterHeight=2, filterWidth=3)
    return writer.operator("MAX_POOL_2D", [name], made)


def scale(writer: Writer, name: int, rng: np.random.Generator) -> int:
    return writer.operator("MUL", [name, writer.constant(rng.normal(size=CHANNELS))], options("Mul"))


def weigh(writer: Writer, name: int, rng: np.random.Generator) -> int:
    """As squeeze and excitation do."""
    means = writer.operator("MEAN", [name, writer.whole(1, 2)], options("Reducer", keepDims=True))
    return writer.operator("MUL", [name, writer.operator("LOGISTIC", [means])], options("Mul"))


def weigh_by_a_vector(writer: Writer, name: int, rng: np.random.Generator) -> int:
    means = writer.operator("MEAN", [name, writer.whole(1, 2)], options("Reducer"))
    return writer.operator("SUB", [name, means], options("Sub"))


def skip(writer: Writer, name: int, rng: np.random.Generator) -> int:
    return writer.operator("ADD", [convolve(writer, name, rng), name], options("Add"))


def join(writer: Writer, name: int, rng: np.random.Generator) -> int:
    """The two halves of the channels, the other way round."""
    halves = writer.operators(
        "SPLIT", [writer.constant(3, "int32"), name], options("Split", numSplits=2), dtypes=["float32"] * 2
    )
    return writer.operator("CONCATENATION", halves[::-1], options("Concatenation", axis=-1))


def frame(writer: Writer, name: int, rng: np.random.Generator) -> int:
    """One more row, and without it."""
    sides = writer.constant([[0, 0], [1, 0], [0, 0], [0, 0]], "int32")
    padded = writer.operator("PAD", [name, sides], options("Pad"))
    bounds = [writer.whole(0, 1, 0, 0), writer.whole(0, 0, 0, 0), writer.whole(1, 1, 1, 1)]
    made = options("StridedSlice", beginMask=13, endMask=15)
    return writer.operator("STRIDED_SLICE", [padded, *bounds], made)


def turn(writer: Writer, name: int, rng: np.random.Generator) -> int:
    """In TFLite's own layout, twice."""
    for order in ((0, 3, 1, 2), (0, 2, 3, 1)):
        name = writer.operator("TRANSPOSE", [name, writer.whole(*order)], options("Transpose"))
    return name


def flatten(writer: Writer, name: int, rng: np.random.Generator) -> int:
    flat = writer.operator("RESHAPE", [name, writer.whole(1, -1)])
    return writer.operator("RESHAPE", [flat, writer.whole(1, 5, 6, CHANNELS)])


def enlarge(writer: Writer, name: int, rng: np.random.Generator) -> int:
    made = options("ResizeNearestNeighbor")
    large = writer.operator("RESIZE_NEAREST_NEIGHBOR", [name, writer.whole(10, 12)], made)
    made = options("Pool2D", strideH=2, strideW=2, filterHeight=2, filterWidth=2)
    return writer.operator("AVERAGE_POOL_2D", [large], made)


def deepen(writer: Writer, name: int, rng: np.random.Generator) -> int:
    flat = writer.operator("DEPTH_TO_SPACE", [name], options("DepthToSpace", blockSize=2))
    return writer.operator("SPACE_TO_DEPTH", [flat], options("SpaceToDepth", blockSize=2))


def choose(writer: Writer, name: int, rng: np.random.Generator) -> int:
    zero = writer.constant(0.0)
    positive = writer.operator("GREATER", [name, zero], dtype="bool")
    other = writer.operator("SOFTMAX", [name], options("Softmax", beta=1.0))
    return writer.operator("SELECT_V2", [positive, name, other])


PARTS = (
    convolve,
    pool,
    scale,
    weigh,
    weigh_by_a_vector,
    skip,
    join,
    frame,
    turn,
    flatten,
    enlarge,
    deepen,
    choose,
)


@settings(max_examples=60)
@given(chosen=st.lists(st.sampled_from(PARTS), min_size=1, max_size=7), seed=st.integers(0, 2**31))
def test_any_chain_computes_the_same_as_in_rows(
    chosen: list[Callable[[Writer, int, np.random.Generator], int]], seed: int
) -> None:
    """Also when it is prepared, as for a build."""
    rng, writer = np.random.default_rng(seed), Writer()
    name = convolve(writer, writer.input(1, 5, 6, 3), rng)
    for part in chosen:
        name = part(writer, name, rng)
    data = writer.finish(name)
    agree(data, tolerance=1e-4, delegates=False)
    inputs = random_inputs(data, 1)
    prepared = prepare(import_graph(data), max_opset=18, max_ir_version=10)
    (found,), (wanted,) = (
        run_onnx(prepared, inputs).values(),
        run_litert(data, inputs, delegates=False).values(),
    )
    assert_near(found, wanted, 1e-4)
