"""Tensors put together, and padded, against LiteRT."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.graph import import_graph
from tests.fixtures.tflite_graphs import Writer, agree, one_operator, options

RNG = np.random.default_rng(11)


def sides(*pairs: tuple[int, int]) -> np.ndarray:
    return np.array(pairs, np.int32)


def convolved(writer: Writer, channels: int = 4) -> int:
    inputs = [
        writer.input(1, 6, 5, 3),
        writer.constant(RNG.normal(size=(channels, 1, 1, 3))),
        writer.constant(RNG.normal(size=channels)),
    ]
    return writer.operator("CONV_2D", inputs, options("Conv2D", strideH=1, strideW=1))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_concatenation(axis: int) -> None:
    agree(one_operator("CONCATENATION", [(2, 3, 4), (2, 3, 4)], options("Concatenation", axis=axis)))
    constant = RNG.normal(size=(2, 3, 4)).astype(np.float32)
    made = options("Concatenation", axis=axis, fusedActivationFunction=0)
    agree(one_operator("CONCATENATION", [(2, 3, 4), constant, (2, 3, 4)], made))


@pytest.mark.parametrize("axis", [1, 3, -1])
def test_concatenation_behind_convolutions(axis: int) -> None:
    writer = Writer()
    names = [convolved(writer), convolved(writer)]
    data = writer.finish(writer.operator("CONCATENATION", names, options("Concatenation", axis=axis)))
    agree(data)
    kinds = [node.op_type for node in import_graph(data).graph.node]
    assert (kinds.count("Transpose"), kinds[-1]) == (3, "Transpose")


def test_concatenation_with_a_constant_behind_a_convolution() -> None:
    writer = Writer()
    names = [convolved(writer, 1), writer.constant(RNG.normal(size=(1, 6, 5, 2)))]
    agree(writer.finish(writer.operator("CONCATENATION", names, options("Concatenation", axis=3))))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_pack(axis: int) -> None:
    made = options("Pack", axis=axis, valuesCount=3)
    agree(one_operator("PACK", [(2, 3), (2, 3), RNG.normal(size=(2, 3)).astype(np.float32)], made))


def test_pad() -> None:
    agree(one_operator("PAD", [(2, 3), sides((1, 0), (2, 3))], options("Pad")))
    value = np.array(2.5, np.float32)
    agree(one_operator("PADV2", [(2, 3), sides((1, 0), (2, 3)), value], options("PadV2")))
    agree(one_operator("PADV2", [(2, 3), sides((1, 0), (2, 3)), value.reshape(1)], options("PadV2")))


@pytest.mark.parametrize("mode", [0, 1])
def test_mirror_pad(mode: int) -> None:
    made = options("MirrorPad", mode=mode)
    agree(one_operator("MIRROR_PAD", [(3, 4, 5), sides((1, 2), (0, 0), (2, 1))], made))


@pytest.mark.parametrize("kind", ["PAD", "MIRROR_PAD reflect", "MIRROR_PAD symmetric"])
def test_behind_a_convolution(kind: str) -> None:
    kind, _, mode = kind.partition(" ")
    made: Any = options("MirrorPad", mode=int(mode == "symmetric")) if mode else options("Pad")
    writer = Writer()
    padding = writer.constant(sides((0, 0), (1, 2), (3, 0), (0, 1)), "int32")
    data = writer.finish(writer.operator(kind, [convolved(writer), padding], made))
    agree(data)
    assert [node.op_type for node in import_graph(data).graph.node][-1] == "Transpose"


@pytest.mark.parametrize(
    ("kind", "padding", "made", "message"),
    [
        ("PAD", sides((1, 1)), None, "is no padding of 2 axes"),
        ("PAD", sides((1, 1), (-1, 1)), None, "is no padding of 2 axes"),
        ("PAD", sides((1, 1), (2**30, 1)), None, "is no padding of 2 axes"),
        ("MIRROR_PAD", sides((1, 1), (4, 1)), options("MirrorPad", mode=1), "3 elements cannot be mirrored"),
        ("MIRROR_PAD", sides((1, 1), (1, 1)), options("MirrorPad", mode=2), "its mode is number 2"),
    ],
)
def test_what_cannot_be(kind: str, padding: np.ndarray, made: Any, message: str) -> None:
    writer = Writer()
    names = [writer.input(2, 3), writer.constant(padding, "int32")]
    writer.graph.outputs = [writer.operator(kind, names, made)]
    with pytest.raises(ModelError, match=message):
        import_graph(writer.pack())
