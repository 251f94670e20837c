"""Layers, one at a time."""

from __future__ import annotations

import pytest

from edgeinfer_converters.graph.shapes import infer_shapes, known_shapes
from scripts.estimates.layers import Network, rounded


def shape(net: Network, x: str) -> tuple[int, ...]:
    return known_shapes(infer_shapes(net.model(x)))[x]


def test_a_convolution_keeps_the_size_at_stride_1() -> None:
    net = Network(32)
    x = net.conv("image", 8, 5)
    assert shape(net, x) == (1, 8, 32, 32)
    assert shape(net, net.conv(x, 16, 3, 2)) == (1, 16, 16, 16)
    assert shape(net, net.conv(x, 4, 7, 2, pad=0)) == (1, 4, 13, 13)


def test_an_activation_may_follow_or_not() -> None:
    net = Network(8)
    x = net.depthwise(net.conv("image", 8, act=""), act="HardSwish")
    assert [node.op_type for node in net.model(x).graph.node] == ["Conv", "Conv", "HardSwish"]
    assert net.channels(x) == 8


def test_halves_shuffled_and_side_by_side() -> None:
    net = Network(8, channels=6)
    left, right = net.halves("image")
    assert shape(net, right) == (1, 3, 8, 8)
    assert shape(net, net.shuffle(net.concat([right, left]), 8)) == (1, 6, 8, 8)


def test_sums_and_gates_and_pools() -> None:
    net = Network(9)
    x = net.sum("image", "image", act="Relu")
    assert shape(net, net.product(x, net.mean(x))) == (1, 3, 9, 9)
    assert shape(net, net.max_pool(x)) == (1, 3, 4, 4)
    assert shape(net, net.max_pool(x, 2, ceil=True)) == (1, 3, 5, 5)
    assert shape(net, net.linear(net.mean(x), 7)) == (1, 7)


@pytest.mark.parametrize(
    ("channels", "there"), [(3, 8), (18, 24), (20, 24), (28, 32), (72, 72), (240 / 4, 64)]
)
def test_channels_are_rounded_as_mobilenets_do(channels: float, there: int) -> None:
    assert rounded(channels) == there
