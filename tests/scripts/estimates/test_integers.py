"""The integer form of a network."""

from __future__ import annotations

import pytest

from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.quantize.work import work_of
from scripts.estimates.architectures import NETWORKS
from scripts.estimates.integers import integer_form
from scripts.estimates.layers import Network


@pytest.mark.parametrize("name", NETWORKS)
def test_all_of_a_network_becomes_integer_but_its_ends(name: str) -> None:
    network = NETWORKS[name]()
    floats, integers = (work_of(infer_shapes(one)) for one in (network, integer_form(network)))
    first, *inner, last = integers
    assert (first.operator, last.operator) == ("QuantizeLinear", "DequantizeLinear")
    assert [one.operator for one in inner] == [one.operator for one in floats]
    assert {one.arithmetic for one in inner} == {"int8"}
    assert [one.macs for one in inner] == [one.macs for one in floats]
    moved = [sum(one.moved_bytes for one in those) for those in (floats, inner)]
    assert 3.8 < moved[0] / moved[1] <= 4


def test_the_network_itself_stays_float() -> None:
    net = Network(8)
    model = net.model(net.conv("image", 4))
    before = model.SerializeToString()
    integer_form(model)
    assert model.SerializeToString() == before
