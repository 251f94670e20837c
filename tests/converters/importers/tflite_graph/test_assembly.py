"""The graph in the making."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph import assembly as module
from edgeinfer_converters.importers.tflite_graph.assembly import Assembly, planes_of
from edgeinfer_converters.importers.tflite_graph.parts import FlatModel, NoEqualError, Tensor

SHAPE = (1, 4, 5, 3)


def tensors(*names: str) -> tuple[Tensor, ...]:
    return tuple(Tensor(n, name, "FLOAT32", SHAPE, SHAPE) for n, name in enumerate(names))


def assembly(*names: str, value: np.ndarray | None = None) -> Assembly:
    """The first tensor is the input, the last the output; the second a constant if there is a value."""
    made = list(tensors(*names))
    if value is not None:
        made[1] = Tensor(1, names[1], "FLOAT32", value.shape, value.shape, value)
    return Assembly(FlatModel(tuple(made), (), (0,), (len(names) - 1,)))


def test_each_layout_is_made_once() -> None:
    made = assembly("x", "y")
    assert made.rows(0) == "x"
    assert made.planes(0) == made.planes(0) == "x/planes"
    (node,) = made.nodes
    assert (node.op_type, list(node.attribute[0].ints)) == ("Transpose", [0, 3, 1, 2])
    assert made.write(1, planes=True) == "y/planes"
    assert made.in_planes(1)
    assert not made.in_planes(0)
    assert made.rows(1) == made.rows(1) == made.result(1) == "y"
    assert [list(one.attribute[0].ints) for one in made.nodes[1:]] == [[0, 2, 3, 1]]


def test_names_are_unique_and_those_of_the_ends_stay() -> None:
    made = assembly("x", "y", "y", "x_1", "y")
    with pytest.raises(ModelError, match="two inputs or outputs of the model are called `x`"):
        assembly("x", "x")
    written = [made.write(index, planes=False) for index in (1, 2, 3, 4)]
    assert written[-1] == "y"
    assert len(set(written)) == 4


def test_many_tensors_of_one_name_are_numbered_quickly() -> None:
    many = tuple(Tensor(n, "t", "FLOAT32", (), ()) for n in range(50_000))
    made = Assembly(FlatModel(many, (), (0,), ()))
    assert made.name(49_999) == "t_49999"


def test_names_of_fused_operators_are_short() -> None:
    made = assembly("x", "a/Relu;b/BiasAdd;c/Conv2D", "a/Relu;d", "z" * 100, "y;y")
    assert [made.name(index) for index in range(5)] == ["x", "a/Relu", "a/Relu_1", "z" * 64, "y;y"]


def test_constants_take_names_last() -> None:
    made = assembly("x", "a", "a", "y", value=np.ones(3, np.float32))
    assert [made.name(index) for index in (1, 2)] == ["a_1", "a"]


def test_only_outputs_keep_their_name_for_rows() -> None:
    made = assembly("x", "a", "y")
    assert [made.write(index, planes=True) for index in (1, 2)] == ["a", "y/planes"]
    assert [made.rows(index) for index in (1, 2)] == ["a/rows", "y"]


def test_ends_that_are_listed_twice() -> None:
    with pytest.raises(ModelError, match="`y` is listed twice"):
        Assembly(FlatModel(tensors("x", "y"), (), (0,), (1, 1)))


def test_constants_in_both_layouts() -> None:
    value = np.arange(60, dtype=np.float32).reshape(1, 4, 5, 3)
    made = assembly("x", "c", "y", value=value)
    assert made.planes(1) == "c/planes"
    assert made.rows(1) == "c"
    planes, rows = (numpy_helper.to_array(one) for one in made.initializers)
    assert np.array_equal(planes, value.transpose(0, 3, 1, 2))
    assert np.array_equal(rows, value)
    assert not made.nodes


def test_constants_of_lower_rank_beside_planes() -> None:
    assert planes_of(np.zeros(3)).shape == (1, 3, 1, 1)
    assert planes_of(np.zeros((5, 3))).shape == (1, 3, 1, 5)
    assert planes_of(np.zeros((1, 1))).shape == ()
    assert planes_of(np.zeros((1, 1, 1, 1))).shape == (1, 1, 1, 1)


def test_small_constants_are_stored_once() -> None:
    made = assembly("x", "y")
    assert made.constant(np.array([1, 2]), "a") == made.constant(np.array([1, 2]), "b") == "a"
    assert made.constant(np.array([1, 2], np.int32), "a") == "a_1"
    assert made.constant(np.array([[1, 2]]), "a") == "a_2"
    large = np.zeros(1000)
    assert made.constant(large, "l") != made.constant(large, "l")


def test_a_scalar_stays_one() -> None:
    made = assembly("x", "y")
    made.constant(np.array(1.5), "a")
    assert list(made.initializers[0].dims) == []


def test_too_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_MODEL_BYTES", 100)
    made = assembly("x", "y")
    made.constant(np.zeros(10), "a")
    with pytest.raises(ModelError, match="more than 100 bytes"):
        made.constant(np.ones(10), "b")


def test_what_is_folded_is_a_constant() -> None:
    made = assembly("x", "f", "y")
    made.fold(1, np.ones(3, np.float32))
    assert made.array(1) is not None
    assert made.rows(1) == "f"
    assert [one.name for one in made.initializers] == ["f"]


def test_an_output_that_is_a_constant() -> None:
    value = np.ones(3, np.float32)
    made = Assembly(FlatModel((Tensor(0, "y", "FLOAT32", (3,), (3,), value),), (), (), (0,)))
    assert made.result(0) == made.result(0) == "y"
    assert [node.op_type for node in made.nodes] == ["Identity"]


def test_what_nothing_has_written() -> None:
    made = assembly("x", "y")
    with pytest.raises(ModelError, match="`y` is read before anything has written it"):
        made.rows(1)
    made.forgive([1])
    assert made.rows(1) == "y"


def test_what_is_written_twice() -> None:
    made = assembly("x", "y")
    made.write(1, planes=False)
    for index in (0, 1):
        with pytest.raises(ModelError, match="is written twice"):
            made.write(index, planes=True)


def test_element_types() -> None:
    made = Assembly(FlatModel((Tensor(0, "s", "STRING", (1,), (1,)),), (), (), (0,)))
    with pytest.raises(NoEqualError, match="`s` holds string values"):
        made.rows(0)
    with pytest.raises(NoEqualError, match="`s` holds string values"):
        made.value_info(0, "s")


def test_the_batch_has_a_name_and_other_open_sizes_have_none() -> None:
    shape = (-1, -1, 3)
    made = Assembly(FlatModel((Tensor(0, "x", "INT32", shape, (1, 1, 3)),), (), (0,), ()))
    info = made.value_info(0, "x")
    assert info.type.tensor_type.elem_type == onnx.TensorProto.INT32
    dims = info.type.tensor_type.shape.dim
    assert [(dim.dim_param, dim.dim_value) for dim in dims] == [("batch", 0), ("", 0), ("", 3)]
