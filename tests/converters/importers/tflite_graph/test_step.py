"""One operator on its way into the graph."""

from __future__ import annotations

import numpy as np
import pytest

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.assembly import Assembly
from edgeinfer_converters.importers.tflite_graph.parts import FlatModel, NoEqualError, Operator, Tensor
from edgeinfer_converters.importers.tflite_graph.step import Step, moved, permuted

SHAPE = (1, 4, 5, 3)


def step(inputs: tuple[int, ...] = (0, 1, -1), outputs: tuple[int, ...] = (2,)) -> Step:
    """On an input, a constant and one that is left out."""
    value = np.array([3, 4], np.int32)
    tensors = (
        Tensor(0, "x", "FLOAT32", SHAPE, SHAPE),
        Tensor(1, "c", "INT32", (2,), (2,), value),
        Tensor(2, "y", "FLOAT32", SHAPE, SHAPE),
    )
    return Step(Assembly(FlatModel(tensors, (), (0,), (2,))), Operator(7, "ADD", inputs, outputs))


def test_inputs() -> None:
    one = step()
    assert [one.has(place) for place in range(4)] == [True, True, False, False]
    assert (one.tensor(1).name, one.out().name, one.rows(0), one.planes(0)) == ("c", "y", "x", "x/planes")
    assert one.read(0, planes=True) == "x/planes"
    assert one.known(0) is None
    assert one.known(2) is None
    assert one.wholes(1, "size") == [3, 4]


def test_inputs_that_are_not_there() -> None:
    for place in (2, 3):
        with pytest.raises(ModelError, match=rf"operator 7 \(ADD\) has no input {place}"):
            step().rows(place)
    with pytest.raises(ModelError, match="has no output 1"):
        step().out(1)


def test_constants_that_are_computed_or_of_another_kind() -> None:
    with pytest.raises(NoEqualError, match=r"^it is given its size only while the model runs$"):
        step().wholes(0, "size")
    with pytest.raises(ModelError, match="its size is 2 numbers, not one"):
        step().whole(1, "size")
    one = step()
    one.assembly.fold(1, np.array([1.0], np.float32))
    with pytest.raises(ModelError, match="its size is float32, not integers"):
        one.wholes(1, "size")


def test_integers_that_are_too_large() -> None:
    with pytest.raises(ModelError, match="beyond 64 bits"):
        step().constant([2**63])


def test_planes_of_more_axes() -> None:
    shape = (1, 1, 2, 2, 1)
    tensor = Tensor(0, "c", "FLOAT32", shape, shape, np.zeros(shape, np.float32))
    one = Step(Assembly(FlatModel((tensor,), (), (), ())), Operator(0, "CONV_2D", (0,), ()))
    with pytest.raises(ModelError, match="`c` has rank 5, not 4"):
        one.planes(0)


def test_the_last_node_takes_the_outputs_name() -> None:
    one = step()
    name = one.emit("Relu", one.emit("Neg", one.rows(0)))
    one.write(name)
    first, last = one.assembly.nodes
    assert (list(first.output), list(last.input)) == (["y/neg"], ["y/neg"])
    assert (list(last.output), last.name) == (["y"], "y")


def test_a_value_that_something_in_the_step_reads_too() -> None:
    one = step()
    name = one.emit("Neg", one.rows(0))
    one.emit("Abs", name)
    one.write(name)
    assert [list(node.input) for node in one.assembly.nodes] == [["x"], ["y"]]


def test_an_input_that_passes_through() -> None:
    one = step()
    one.write(one.rows(0))
    (node,) = one.assembly.nodes
    assert (node.op_type, list(node.input), list(node.output)) == ("Identity", ["x"], ["y"])


def test_planes() -> None:
    one = step()
    one.write(one.emit("Relu", one.planes(0)), planes=True)
    assert one.assembly.nodes[-1].output == ["y/planes"]
    assert one.assembly.in_planes(2)


def test_axes_move() -> None:
    assert permuted([0, 1, 2, 3], planes=True) == [0, 3, 1, 2]
    assert permuted([0, 1, 2], planes=False) == [0, 1, 2]
    assert [moved(axis, planes=True) for axis in range(4)] == [0, 2, 3, 1]
    assert moved(2, planes=False) == 2
