"""Convolutions against LiteRT."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.graph import import_graph
from tests.fixtures.tflite_graphs import Writer, agree, one_operator, options, run_onnx

SAME, VALID = 0, 1
Pair = tuple[int, int]
RNG = np.random.default_rng(1)


def weights(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def convolution(
    size: Pair,
    kernel: Pair,
    stride: Pair,
    dilation: Pair,
    pad: int,
) -> bytes:
    made = options(
        "Conv2D",
        padding=pad,
        strideH=stride[0],
        strideW=stride[1],
        dilationHFactor=dilation[0],
        dilationWFactor=dilation[1],
    )
    return one_operator("CONV_2D", [(2, *size, 3), weights(5, *kernel, 3), weights(5)], made)


sides = st.tuples(st.integers(1, 9), st.integers(1, 9))
small = st.tuples(st.integers(1, 3), st.integers(1, 3))


def fits(size: Pair, kernel: Pair, dilation: Pair) -> bool:
    return all(s >= (k - 1) * d + 1 for s, k, d in zip(size, kernel, dilation, strict=True))


@settings(max_examples=60)
@given(size=sides, kernel=small, stride=small, dilation=small, pad=st.sampled_from([SAME, VALID]))
def test_conv_2d(
    size: Pair,
    kernel: Pair,
    stride: Pair,
    dilation: Pair,
    pad: int,
) -> None:
    assume(pad == SAME or fits(size, kernel, dilation))
    assume(stride == (1, 1) or dilation == (1, 1))
    agree(convolution(size, kernel, stride, dilation, pad))


@settings(max_examples=60)
@given(
    size=sides,
    kernel=small,
    stride=st.integers(1, 3),
    dilation=small,
    pad=st.sampled_from([SAME, VALID]),
    multiplier=st.integers(1, 3),
)
def test_depthwise(
    size: Pair,
    kernel: Pair,
    stride: int,
    dilation: Pair,
    pad: int,
    multiplier: int,
) -> None:
    assume(pad == SAME or fits(size, kernel, dilation))
    assume(stride == 1 or dilation == (1, 1))
    made = options(
        "DepthwiseConv2D",
        padding=pad,
        strideH=stride,
        strideW=stride,
        depthMultiplier=multiplier,
        dilationHFactor=dilation[0],
        dilationWFactor=dilation[1],
    )
    channels = 4 * multiplier
    given_ = [(1, *size, 4), weights(1, *kernel, channels), weights(channels)]
    agree(one_operator("DEPTHWISE_CONV_2D", given_, made))


@settings(max_examples=60)
@given(
    size=sides,
    kernel=small,
    stride=small,
    pad=st.sampled_from([SAME, VALID]),
    more=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    biased=st.booleans(),
)
def test_transpose_conv(
    size: Pair,
    kernel: Pair,
    stride: Pair,
    pad: int,
    more: Pair,
    biased: bool,
) -> None:
    """All output sizes that belong to the input's size: several do if the stride is more than 1."""
    least = [(s - 1) * d + (1 if pad == SAME else k) for s, d, k in zip(size, stride, kernel, strict=True)]
    out = [one + min(extra, d - 1) for one, extra, d in zip(least, more, stride, strict=True)]
    shape = np.array([2, *out, 5], np.int32)
    made = options("TransposeConv", padding=pad, strideH=stride[0], strideW=stride[1])
    bias = [weights(5)] if biased else []
    agree(one_operator("TRANSPOSE_CONV", [shape, weights(5, *kernel, 3), (2, *size, 3), *bias], made))


@pytest.mark.parametrize("activation", [0, 1, 2, 3])
def test_fused_activations(activation: int) -> None:
    made = options("Conv2D", strideH=1, strideW=1, fusedActivationFunction=activation)
    agree(one_operator("CONV_2D", [(1, 5, 5, 3), weights(4, 3, 3, 3) * 3, weights(4)], made))


def test_groups() -> None:
    made = options("Conv2D", strideH=1, strideW=1)
    agree(one_operator("CONV_2D", [(1, 5, 5, 6), weights(4, 3, 3, 3), weights(4)], made))


def test_biases_that_are_absent_or_have_more_axes() -> None:
    """LiteRT's own kernel insists on a bias."""
    made, kernel = options("Conv2D", strideH=1, strideW=1), weights(4, 3, 3, 3)
    found: list[np.ndarray] = []
    for bias in ([np.zeros(4, np.float32)], [np.zeros((1, 4), np.float32)], []):
        writer = Writer()
        name = writer.input(1, 5, 5, 3)
        inputs = [name, *(writer.constant(one) for one in (kernel, *bias))]
        writer.graph.outputs = [writer.operator("CONV_2D", inputs, made)]
        writer.graph.tensors[-1].shape = [1, 5, 5, 4]
        data = writer.pack()
        given_ = {"input_0": weights(1, 5, 5, 3) * 0 + np.arange(3, dtype=np.float32)}
        found.append(*run_onnx(import_graph(data), given_).values())
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_weights_that_are_computed() -> None:
    made = options("Conv2D", strideH=1, strideW=1)
    agree(one_operator("CONV_2D", [(1, 5, 5, 3), (4, 3, 3, 3), weights(4)], made))


def test_no_transposes_between_convolutions() -> None:
    writer = Writer()
    name = writer.input(1, 8, 8, 3)
    skipped = None
    for channels in (3, 4, 4):
        made = options("Conv2D", strideH=1, strideW=1, fusedActivationFunction=1)
        name = writer.operator(
            "CONV_2D", [name, writer.constant(weights(4, 3, 3, channels)), writer.constant(weights(4))], made
        )
        skipped = name if skipped is None else skipped
    name = writer.operator("ADD", [name, skipped], options("Add"))  # type: ignore[list-item]
    name = writer.operator("MUL", [name, writer.constant(weights(4))], options("Mul"))
    data = writer.finish(name)
    agree(data)
    kinds = [node.op_type for node in import_graph(data).graph.node]
    assert kinds.count("Transpose") == 2
    assert (kinds[0], kinds[-1]) == ("Transpose", "Transpose")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strideH": 0}, "a window, stride or dilation of 0"),
        ({"dilationWFactor": -1}, "a window, stride or dilation of -1"),
        ({"padding": 2}, "padding is number 2"),
        ({"fusedActivationFunction": 5}, "fused activation is number 5"),
    ],
)
def test_options_that_cannot_be(change: dict[str, int], message: str) -> None:
    writer = Writer()
    inputs = [writer.input(1, 4, 4, 3), writer.constant(weights(4, 3, 3, 3)), writer.constant(weights(4))]
    made = options("Conv2D", **{"strideH": 1, "strideW": 1, **change})
    writer.graph.outputs = [writer.operator("CONV_2D", inputs, made)]
    with pytest.raises(ModelError, match=message):
        import_graph(writer.pack())


@pytest.mark.parametrize(
    ("kind", "kernel", "message"),
    [
        ("CONV_2D", (4, 3, 3, 2), "3 channels do not fit weights for 2"),
        ("CONV_2D", (4, 3, 3), "have rank 3, not 4"),
        ("DEPTHWISE_CONV_2D", (1, 3, 3, 4), "3 channels do not fit weights"),
        ("DEPTHWISE_CONV_2D", (2, 3, 3, 3), "3 channels do not fit weights"),
    ],
)
def test_weights_that_do_not_fit(kind: str, kernel: tuple[int, ...], message: str) -> None:
    writer = Writer()
    name = "Conv2D" if kind == "CONV_2D" else "DepthwiseConv2D"
    inputs = [writer.input(1, 4, 4, 3), writer.constant(weights(*kernel))]
    writer.graph.outputs = [writer.operator(kind, inputs, options(name, strideH=1, strideW=1))]
    with pytest.raises(ModelError, match=message):
        import_graph(writer.pack())


def test_an_output_that_its_input_cannot_fill() -> None:
    writer = Writer()
    inputs = [writer.whole(1, 90, 90, 4), writer.constant(weights(4, 3, 3, 3)), writer.input(1, 4, 4, 3)]
    made = options("TransposeConv", padding=VALID, strideH=2, strideW=2)
    writer.graph.outputs = [writer.operator("TRANSPOSE_CONV", inputs, made)]
    writer.graph.tensors[-1].shape = [1, 90, 90, 4]
    with pytest.raises(ModelError, match="more than its input of 4 can fill"):
        import_graph(writer.pack())
