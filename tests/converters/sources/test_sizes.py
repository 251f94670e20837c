"""Sizes that a model leaves open and the pipeline knows."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgeinfer_converters.graph.shapes import shape_of
from edgeinfer_converters.sources.sizes import fix_sizes
from tests.fixtures.data import IMAGE_TOML, WINDOW_TOML, pipeline

LARGE = IMAGE_TOML.replace("size = [16, 16]", "size = [32, 24]")


def fixed(toml: str, *shapes: tuple[int | str | None, ...]) -> list[tuple[int, ...]]:
    inputs = [
        helper.make_tensor_value_info(f"x{number}", TensorProto.FLOAT, shape)
        for number, shape in enumerate(shapes)
    ]
    model = helper.make_model(helper.make_graph([], "g", inputs, []))
    return [shape_of(value) for value in fix_sizes(model, pipeline(toml)).graph.input]


@pytest.mark.parametrize(
    ("toml", "shape", "expected"),
    [
        (LARGE, ("N", 3, "h", "w"), (-1, 3, 24, 32)),
        (LARGE, (1, None, None, 3), (1, 24, 32, 3)),
        (LARGE, (1, None, None, None), (1, 3, 24, 32)),
        (LARGE.replace("size", 'layout = "nhwc"\nsize'), (1, None, None, None), (1, 24, 32, 3)),
        (LARGE.replace("size", 'color = "gray"\nsize'), (1, 1, None, None), (1, 1, 24, 32)),
        (LARGE, (1, 3, 20, None), (1, 3, 20, 32)),
        (LARGE, (None, None), (-1, -1)),
        (WINDOW_TOML, ("N", "T", None), (-1, 8, 2)),
        (WINDOW_TOML.replace("window", "tensor"), (1, None, 2), (1, -1, 2)),
    ],
)
def test_sizes(toml: str, shape: tuple[int | str | None, ...], expected: tuple[int, ...]) -> None:
    if 'kind = "tensor"' in toml:
        toml = "\n".join(line for line in toml.splitlines() if line.split(" ")[0] not in KEYS)
    assert fixed(toml, shape) == [expected]


KEYS = {"columns", "length", "stride", "label"}


def test_another_number_of_inputs_is_left_for_the_error_that_says_so() -> None:
    assert fixed(LARGE, (1, 3, None, None), (1, None)) == [(1, 3, -1, -1), (1, -1)]


def test_constants_are_no_inputs() -> None:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, 3, None, None))
    weights = helper.make_tensor_value_info("w", TensorProto.FLOAT, (2,))
    tensor = onnx.numpy_helper.from_array(np.zeros(2, np.float32), "w")
    model = helper.make_model(helper.make_graph([], "g", [weights, image], [], [tensor]))
    assert shape_of(fix_sizes(model, pipeline(LARGE)).graph.input[1]) == (1, 3, 24, 32)
