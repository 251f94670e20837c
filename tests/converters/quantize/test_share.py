"""How much of a model is integer when it runs."""

from __future__ import annotations

import pytest

from edgeinfer.errors import ModelError
from edgeinfer.profile import Integer
from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.quantize.share import IntegerShare, integer_share, stated_share
from edgeinfer_converters.quantize.static import quantize_int8
from tests.fixtures.graphs import classifier, ranges_of
from tests.fixtures.models import doubler


def test_a_float_model_has_none() -> None:
    model = classifier()
    share = integer_share(model)
    assert share.share == 0.0
    assert share.float_nodes == ("conv1", "conv2", "linear")
    assert share.macs == sum(count_macs(model).values())


def test_a_model_with_a_float_island() -> None:
    model = classifier()
    result = quantize_int8(model, ranges_of(model), Integer(activation="uint8"), exclude=frozenset({"conv1"}))
    share = integer_share(result)
    assert share.float_nodes == ("conv1",)
    assert share.share == pytest.approx(1 - count_macs(model)["conv1"] / share.macs)
    assert share.kernels["QLinearConv"] == 1
    assert sum(count for name, count in share.kernels.items() if "Conv" in name and "QL" not in name) == 1


def test_a_model_that_multiplies_nothing() -> None:
    assert integer_share(doubler()) == IntegerShare(0, 0, (), {"Add": 1})
    assert integer_share(doubler()).share == 1.0


def test_a_model_that_cannot_be_loaded() -> None:
    model = doubler()
    model.graph.node[0].op_type = "Frobnicate"
    with pytest.raises(ModelError, match="cannot load"):
        integer_share(model)


def test_what_an_accelerator_reads_from_the_graph() -> None:
    model = classifier()
    form = Integer(activation="int8", symmetric_activation=True)
    share = stated_share(quantize_int8(model, ranges_of(model), form, exclude=frozenset({"conv1"})))
    assert share.float_nodes == ("conv1",)
    assert share.share == pytest.approx(1 - count_macs(model)["conv1"] / share.macs)
    assert share.kernels == {}
    assert stated_share(model).share == 0.0
