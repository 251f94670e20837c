"""What a TFLite model is made of."""

from __future__ import annotations

import numpy as np
import pytest

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.parts import (
    FlatModel,
    NoEqualError,
    Operator,
    Options,
    Tensor,
)


def tensor(kind: str = "FLOAT32", *, index: int = 0, scaled: bool = False) -> Tensor:
    return Tensor(index, "t", kind, (-1, 4, 3), (1, 4, 3), scaled=scaled)


def test_sizes_and_axes() -> None:
    one = tensor()
    assert (one.rank, one.size(1), one.size(-1), one.axis(-3)) == (3, 4, 3, 0)
    with pytest.raises(NoEqualError, match="size of axis 0 of `t` is not fixed"):
        one.size(0)
    for axis in (3, -4):
        with pytest.raises(ModelError, match=f"has no axis {axis}"):
            one.axis(axis)


@pytest.mark.parametrize(
    ("kind", "scaled", "quantized"),
    [
        ("INT8", True, True),
        ("UINT8", True, True),
        ("INT16", True, True),
        ("INT4", True, True),
        ("INT8", False, False),
        ("INT32", True, False),
        ("FLOAT32", True, False),
    ],
)
def test_which_numbers_stand_for_others(kind: str, scaled: bool, quantized: bool) -> None:
    assert tensor(kind, scaled=scaled).is_quantized is quantized


def test_a_model_is_quantized_if_what_is_used_is() -> None:
    tensors = (tensor(), tensor("INT8", index=1, scaled=True))
    alone = FlatModel(tensors, (Operator(0, "RELU", (0,), (0,)),), (0,), (0,))
    assert not alone.is_quantized
    read = FlatModel(tensors, (Operator(0, "CONV_2D", (0, 1, -1), (0,)),), (0,), (0,))
    assert read.is_quantized
    assert FlatModel(tensors, (), (1,), (0,)).is_quantized


def test_options() -> None:
    options = Options(
        {
            "axis": np.int32(-1),
            "beta": 0.5,
            "keepDims": True,
            "dims": np.array([1, 2]),
            "none": None,
            "b": b"x",
        }
    )
    assert (options.whole("axis"), options.whole("gone"), options.whole("gone", 7)) == (-1, 0, 7)
    assert (options.number("beta"), options.number("gone", 1.0), options.number("axis")) == (0.5, 1.0, -1.0)
    assert (options.flag("keepDims"), options.flag("gone")) == (True, False)
    assert (options.wholes("dims"), options.wholes("none"), options.wholes("gone")) == ((1, 2), None, None)
    assert options.whole("b", 3) == 3
    assert options.number("none", 2.0) == 2.0
