"""Elements and rows picked by constant indices and by indices that the model computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, model_of, node_model, normal, run_lite


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("indices", [2, [0, 2], [[-1, 0], [1, 1]], [1, 2], [-2]])
def test_gather(axis: int, indices: Any) -> None:
    values, picked = normal(3, 4, 5), np.array(indices, np.int64)
    check_agrees(node_model("Gather", {"x": values}, constants={"i": picked}, axis=axis), {"x": values})
    inputs = {"x": values, "i": picked}
    check_agrees(node_model("Gather", inputs, axis=axis), inputs)


def test_neighbours_are_cut_out() -> None:
    model = node_model("Gather", {"x": normal(2, 6, 3)}, constants={"i": np.array([2, 3, 4])}, axis=1)
    assert set(check_agrees(model, {"x": normal(2, 6, 3)}).operators) == {"SLICE"}
    scalar = node_model("Gather", {"x": normal(2, 6, 3)}, constants={"i": np.array(-1)}, axis=1)
    assert "GATHER" not in check_agrees(scalar, {"x": normal(2, 6, 3)}).operators


def test_rows_of_a_table() -> None:
    rows = np.array([[3, 0, -1]], np.int32)
    model = node_model("Gather", {"i": rows}, constants={"table": normal(5, 4)}, order=["table", "i"])
    check_agrees(model, {"i": rows})


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int64", "float16", "float64", "uint16"])
def test_types(dtype: str) -> None:
    values = np.arange(12).reshape(3, 4).astype(dtype)
    inputs = {"x": values, "i": np.array([[2], [-3]])}
    check_agrees(node_model("Gather", inputs), inputs)
    elements = {"x": values, "i": np.array([[2, 0, 1, -1]])}
    check_agrees(node_model("GatherElements", elements), elements)


@pytest.mark.parametrize("kind", ["Gather", "GatherElements"])
@pytest.mark.parametrize("axis", [1, 2, 3])
def test_images_stay_channels_last(kind: str, axis: int) -> None:
    image = normal(1, 3, 5, 4)
    indices = np.random.default_rng(axis).integers(-3, 3, image.shape)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node(kind, ["c", "i"], ["y"], axis=axis),
    ]
    weights = {"w": normal(3, 3, 1, 1, seed=1), "i": np.array([2, 0, -2]) if kind == "Gather" else indices}
    made = check_agrees(model_of(nodes, {"x": image}, ["y"], constants=weights), {"x": image})
    assert kind != "Gather" or "TRANSPOSE" not in made.operators


def test_an_index_out_of_range_is_told() -> None:
    model = node_model("Gather", {"x": normal(3, 4)}, constants={"i": np.array([0, 3])})
    with pytest.raises(ModelError, match="in the range"):
        to_tflite(model)


@pytest.mark.parametrize(
    ("batch", "shape"), [(0, (2, 2)), (0, (2, 1)), (0, (1, 3, 3)), (1, (2, 2)), (2, (2, 3, 1))]
)
@pytest.mark.parametrize("fixed", [True, False])
def test_gather_nd(batch: int, shape: tuple[int, ...], fixed: bool) -> None:
    values = normal(2, 3, 4)
    rng = np.random.default_rng(1)
    sides = np.array(values.shape[batch : batch + shape[-1]])
    indices = rng.integers(-sides, sides, shape)
    inputs = {"x": values} if fixed else {"x": values, "i": indices}
    constants = {"i": indices} if fixed else {}
    model = node_model("GatherND", inputs, constants=constants, batch_dims=batch)
    check_agrees(model, inputs)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_elements(data: st.DataObject) -> None:
    rank = data.draw(st.integers(1, 6))
    shape = tuple(data.draw(st.integers(1, 4)) for _ in range(rank))
    axis = data.draw(st.integers(-rank, rank - 1))
    sides = [data.draw(st.integers(1, side)) for side in shape]
    sides[axis] = data.draw(st.integers(1, 5))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    values = rng.standard_normal(shape).astype(np.float32)
    indices = rng.integers(-shape[axis], shape[axis], sides)
    # the reference evaluator wants the other axes alike
    expected = np.take_along_axis(
        values[tuple(slice(None) if one == axis % rank else slice(side) for one, side in enumerate(sides))],
        indices,
        axis,
    )
    inputs: dict[str, np.ndarray] = {"x": values, "i": indices}
    model = node_model("GatherElements", inputs, axis=axis)
    np.testing.assert_array_equal(run_lite(to_tflite(model), inputs)["y"], expected)


def _declared(kind: str, inputs: dict[str, np.ndarray], shape: tuple[int, ...], **attributes: Any) -> Any:
    """A model whose output has a shape that onnx cannot infer."""
    model = node_model(kind, inputs, **attributes)
    output = model.graph.output[0].type.tensor_type.shape
    del output.dim[:]
    for side in shape:
        output.dim.add().dim_value = side
    return model


def test_compress() -> None:
    values, kept = normal(3, 4), np.array([True, False, True])
    check_agrees(node_model("Compress", {"x": values}, constants={"k": kept}, axis=0), {"x": values})
    flat = np.array([False, True, True, False, True])
    inputs = {"x": values, "k": flat}
    check_agrees(_declared("Compress", inputs, (3,)), inputs)
    rows = {"x": values, "k": np.array([False, True])}
    check_agrees(_declared("Compress", rows, (3, 1), axis=-1), rows)


def test_non_zero() -> None:
    values = np.array([[0.0, 2.0, 0.0], [np.nan, 0.0, -1.0]], np.float32)
    check_agrees(_declared("NonZero", {"x": values}, (2, 3)), {"x": values})
    flags = np.array([[[True, False], [False, True]]])
    check_agrees(_declared("NonZero", {"x": flags}, (3, 2)), {"x": flags})


def test_how_many_must_be_known() -> None:
    for kind, inputs in (
        ("NonZero", {"x": normal(3, 4)}),
        ("Compress", {"x": normal(3), "k": np.array([True, False, True])}),
    ):
        with pytest.raises(ModelError, match="known only when the model runs"):
            to_tflite(node_model(kind, inputs))
