"""Images as spatial kernels want them."""

from __future__ import annotations

import pytest

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.images import (
    ordered,
    pad_image,
    read_image,
    two_axes,
    with_height,
    write_image,
)
from edgeinfer_converters.tflite.lowering import Lowering
from edgeinfer_converters.tflite.tensors import Quant
from edgeinfer_converters.tflite.windows import Window
from tests.converters.tflite.test_lowering import codes, lowering_of
from tests.fixtures.lite import node_model, normal


def lowering(*shape: int) -> Lowering:
    at = lowering_of(node_model("Relu", {"x": normal(*shape)}))
    at.write("x", at.graph.tensor("x", shape, "float32"))
    return at


def test_signals_get_a_height() -> None:
    at = lowering(1, 4, 9)
    image = read_image(at, "x")
    assert at.graph.tensors[image].shape == (1, 1, 9, 4)
    write_image(at, "y", image)
    assert at.layout("y") == (0, 2, 1)
    assert with_height((2, 9, 4)) == (2, 1, 9, 4)
    assert two_axes(Window((3,), (2,), (1,), ((1, 0),))) == Window((1, 3), (1, 2), (1, 1), ((0, 0), (1, 0)))


def test_volumes_and_other_ranks() -> None:
    at = lowering(1, 2, 3, 4, 5)
    assert at.graph.tensors[read_image(at, "x")].shape == (1, 3, 4, 5, 2)
    with pytest.raises(UnsupportedError, match="has 2 axes"):
        read_image(lowering(3, 4), "x")


def test_borders() -> None:
    at = lowering(1, 2, 3, 4)
    image = read_image(at, "x")
    assert pad_image(at, image, ((0, 0), (0, 0))) == image
    padded = pad_image(at, image, ((1, 0), (0, 2)))
    assert at.graph.tensors[padded].shape == (1, 4, 6, 2)
    assert codes(at)[-1] == "PAD"
    pad_image(at, image, ((1, 0), (0, 2)), -1.0)
    assert codes(at)[-1] == "PADV2"


def test_borders_of_8_bits_keep_the_scale() -> None:
    at = lowering(1, 2, 3, 4)
    image = at.graph.tensor("i", (1, 3, 4, 2), "int8", Quant.whole(0.1, 5))
    assert at.graph.tensors[pad_image(at, image, ((1, 1), (1, 1)))].quant == Quant.whole(0.1, 5)


def test_only_padding_that_tflite_lacks_is_written() -> None:
    at = lowering(1, 2, 8, 8)
    image = read_image(at, "x")
    assert ordered(at, image, Window((3, 3), (1, 1), (1, 1), ((1, 1), (1, 1)))) == (image, "SAME")
    assert ordered(at, image, Window((3, 3), (1, 1), (1, 1), ((0, 0), (0, 0)))) == (image, "VALID")
    other, padding = ordered(at, image, Window((3, 3), (2, 2), (1, 1), ((1, 1), (1, 1))))
    assert padding == "VALID"
    assert at.graph.tensors[other].shape == (1, 10, 10, 2)
