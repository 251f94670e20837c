"""Spectra against LiteRT's own transforms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph import spectra
from edgeinfer_converters.importers.tflite_graph.graph import import_graph
from tests.fixtures.tflite_graphs import Writer, agree, options


def transformed(writer: Writer, *shape: int, length: int | None = None, lead: int = 1) -> int:
    """The spectrum of the last axis of an input."""
    lengths = writer.whole(lead, length or shape[-1])
    return writer.operator("RFFT2D", [writer.input(*shape), lengths], options("Rfft2d"), dtype="complex64")


@pytest.mark.parametrize("shape", [(1, 2), (3, 1, 64), (2, 3, 1, 512)])
def test_magnitudes(shape: tuple[int, ...]) -> None:
    writer = Writer()
    name = transformed(writer, *shape)
    agree(writer.finish(writer.operator("COMPLEX_ABS", [name])))


@pytest.mark.parametrize(("width", "length"), [(6, 8), (8, 4), (700, 2048)])
def test_frames_of_another_length(width: int, length: int) -> None:
    """Zeros are appended, or numbers left out."""
    writer = Writer()
    name = transformed(writer, 2, 1, width, length=length)
    agree(writer.finish(writer.operator("COMPLEX_ABS", [name])))


@pytest.mark.parametrize("kind", ["REAL", "IMAG", "CAST"])
@pytest.mark.parametrize("length", [16, 2048, 4096])
def test_parts(kind: str, length: int) -> None:
    writer = Writer()
    name = transformed(writer, 2, 1, length)
    agree(writer.finish(writer.operator(kind, [name])))


def test_long_frames_take_two_small_products(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer()
    name = transformed(writer, 2, 3, 1, 2048)
    data = writer.finish(writer.operator("COMPLEX_ABS", [name]))
    agree(data)
    sizes = [len(one.raw_data) for one in import_graph(data).graph.initializer]
    assert sum(sizes) < 100_000
    monkeypatch.setattr(spectra, "MAX_DIRECT", 2048)
    agree(data)
    sizes = [len(one.raw_data) for one in import_graph(data).graph.initializer]
    assert sum(sizes) == 2 * 4 * 2048 * 1025


def test_one_part_of_long_frames_is_one_product() -> None:
    """What follows may be a filter bank, which becomes one with it."""
    writer = Writer()
    name = transformed(writer, 2, 1, 2048)
    graph = import_graph(writer.finish(writer.operator("REAL", [name]))).graph
    assert [node.op_type for node in graph.node if node.op_type != "Identity"] == ["MatMul"]


def test_the_longest_frames_take_little_memory() -> None:
    """A small file must not ask for gigabytes, whatever part of the spectrum is read."""
    writer = Writer()
    name = transformed(writer, 1, 1, 2**16)
    graph = import_graph(writer.finish(writer.operator("REAL", [name]))).graph
    assert sum(len(one.raw_data) for one in graph.initializer) < 4_000_000


@pytest.mark.parametrize(
    ("kind", "others", "made"),
    [
        ("SQUEEZE", (), options("Squeeze", squeezeDims=[1])),
        ("RESHAPE", ([2, 9],), None),
        ("TRANSPOSE", ([2, 1, 0],), options("Transpose")),
        ("EXPAND_DIMS", ([0],), options("ExpandDims")),
    ],
)
def test_spectra_are_moved(kind: str, others: tuple[Any, ...], made: Any) -> None:
    writer = Writer()
    name = transformed(writer, 2, 1, 16)
    moved = writer.operator(kind, [name, *(writer.whole(*one) for one in others)], made, dtype="complex64")
    agree(writer.finish(writer.operator("COMPLEX_ABS", [moved])))


@pytest.mark.parametrize(
    ("shape", "lead", "length", "message"),
    [
        ((2, 4, 8), 4, 8, "it transforms two axes"),
        ((2, 4, 8), 1, 8, "it transforms two axes"),
        ((2, 1, 8), 1, 2**17, "frames of 131072 numbers"),
    ],
)
def test_what_has_no_equal(shape: tuple[int, ...], lead: int, length: int, message: str) -> None:
    writer = Writer()
    name = transformed(writer, *shape, lead=lead, length=length)
    data = writer.finish(writer.operator("COMPLEX_ABS", [name]))
    with pytest.raises(ModelError, match=message):
        import_graph(data)


def test_arithmetic_with_complex_numbers_has_no_equal() -> None:
    writer = Writer()
    name = transformed(writer, 2, 1, 8)
    product = writer.operator("MUL", [name, name], options("Mul"), dtype="complex64")
    writer.graph.outputs = [writer.operator("REAL", [product])]
    with pytest.raises(ModelError, match="REAL"):
        import_graph(writer.pack())


@pytest.mark.parametrize("size", [3, 12])
def test_the_matrices_are_those_of_numpys_transform(size: int) -> None:
    """Of any length, though LiteRT knows powers of two alone."""
    length = 64 * size
    turns = spectra._transform(length, length, length // 2 + 1)
    frames = np.random.default_rng(1).normal(size=(2, length))
    wanted = np.fft.rfft(frames)
    np.testing.assert_allclose(frames @ turns[0], wanted.real, atol=1e-9)
    np.testing.assert_allclose(frames @ turns[1], wanted.imag, atol=1e-9)
