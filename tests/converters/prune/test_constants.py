"""Lists of integers that nodes have as attributes or as inputs."""

from __future__ import annotations

import numpy as np
import pytest

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.constants import integers, listed
from edgeinfer_converters.prune.flow import Flow
from tests.fixtures.pruning import between, one


@pytest.fixture
def flow() -> Flow:
    model = between([one("Pad", ["a", "sides"])], {"sides": np.zeros(8, np.int64), "axis": np.array(-1)})
    return Flow(GraphView(model))


def test_a_constant_input_is_a_list(flow: Flow) -> None:
    assert integers(one("Pad", ["a", "sides"]), 1, flow) == [0] * 8
    assert integers(one("Pad", ["a", "axis"]), 1, flow) == [-1]


def test_no_input_is_an_empty_list(flow: Flow) -> None:
    assert integers(one("Pad", ["a", "", "axis"]), 1, flow) == []
    assert integers(one("Pad", ["a"]), 3, flow) == []


def test_a_computed_input_is_none(flow: Flow) -> None:
    assert integers(one("Pad", ["a", "x"]), 1, flow) is None


def test_an_attribute_comes_before_an_input(flow: Flow) -> None:
    assert listed(one("ReduceSum", ["a", "axis"], axes=[2, 3]), "axes", 1, flow) == [2, 3]
    assert listed(one("ReduceSum", ["a", "axis"]), "axes", 1, flow) == [-1]
    assert listed(one("ReduceSum", ["a"]), "axes", 1, flow) == []
    assert listed(one("ReduceSum", ["a", "x"]), "axes", 1, flow) is None
