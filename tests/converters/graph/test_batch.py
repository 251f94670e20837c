"""The batch dimension."""

from __future__ import annotations

import pytest
from onnx import TensorProto, ValueInfoProto, helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.batch import fix_batch
from edgeinfer_converters.graph.shapes import shape_of
from tests.fixtures.models import doubler


def value(name: str, *shape: int | str | None) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def fixed(*inputs: ValueInfoProto) -> list[tuple[int, ...]]:
    model = helper.make_model(helper.make_graph([], "g", list(inputs), []))
    return [shape_of(one) for one in fix_batch(model).graph.input]


def test_an_open_batch_becomes_one() -> None:
    assert fixed(value("x", "N", 3, 8, 8)) == [(1, 3, 8, 8)]
    assert fixed(value("x", None, 3)) == [(1, 3)]
    assert fixed(value("x", -1, 3)) == [(1, 3)]


def test_a_fixed_batch_stays() -> None:
    assert fixed(value("x", 1, 3), value("y", 4, 3)) == [(1, 3), (4, 3)]


def test_the_same_symbol_is_the_batch_elsewhere_too() -> None:
    shapes = fixed(value("x", "N", 3), value("state", 2, "N", 8), value("lengths", "N"))
    assert shapes == [(1, 3), (2, 1, 8), (1,)]


def test_every_other_open_dimension_is_named() -> None:
    with pytest.raises(ModelError) as caught:
        fixed(value("x", "N", 3, "height", None), value("rows", "T"))
    for part in (
        "`x` leaves dimension 2 (height)",
        "`x` leaves dimension 3 (?)",
        "`rows` leaves dimension 0",
    ):
        assert part in caught.value.message
    assert "fixed" in caught.value.hint


def test_an_input_without_a_shape() -> None:
    bare = helper.make_tensor_value_info("x", TensorProto.FLOAT, None)
    with pytest.raises(ModelError, match="`x` is not a tensor with a shape"):
        fixed(bare)


def test_shapes_that_followed_from_the_batch_are_forgotten() -> None:
    model = doubler()
    model.graph.output[0].CopyFrom(value("y", "N", 4))
    model.graph.value_info.append(value("inner", "N", 4))
    fix_batch(model)
    assert shape_of(model.graph.output[0]) == (-1, 4)
    assert not model.graph.value_info
