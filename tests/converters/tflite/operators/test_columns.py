"""Blocks added up to an image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, node_model, normal


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_blocks(data: st.DataObject) -> None:
    number = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    rank = number(1, 3)
    block, strides = [number(1, 3) for _ in range(rank)], [number(1, 3) for _ in range(rank)]
    dilations, pads = [number(1, 2) for _ in range(rank)], [number(0, 1) for _ in range(2 * rank)]
    counts = [number(1, 3) for _ in range(rank)]
    image = [
        (count - 1) * stride + (size - 1) * step + 1 + number(0, stride - 1) - pads[axis] - pads[axis + rank]
        for axis, (count, stride, size, step) in enumerate(
            zip(counts, strides, block, dilations, strict=True)
        )
    ]
    if min(image) < 1:
        return
    inputs = {"x": normal(2, 2 * int(np.prod(block)), int(np.prod(counts)))}
    constants = {"image": np.array(image), "block": np.array(block)}
    model = node_model(
        "Col2Im", inputs, constants=constants, strides=strides, dilations=dilations, pads=pads, opset=18
    )
    check_agrees(model, inputs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("late", "block", "message"), [(True, [2, 2], "only when the model runs"), (False, [9, 9], "81 places")]
)
def test_what_has_no_equal_is_named(late: bool, block: list[int], message: str) -> None:
    image = {"i": np.array([9, 9])}
    sides = {"b": np.array(block)}
    count = (10 - block[0]) * (10 - block[1])
    values = {"x": normal(1, block[0] * block[1], count)}
    inputs, constants = ({**values, **sides}, image) if late else (values, {**image, **sides})
    model = node_model("Col2Im", inputs, constants=constants, order=["x", "i", "b"], opset=18)
    with pytest.raises(ModelError, match=message):
        to_tflite(model)
