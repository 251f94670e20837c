"""How many samples a step looks at."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from edgeinfer_converters.quantize import affordable as module
from edgeinfer_converters.quantize.affordable import FEWEST, MOST, affordable, is_costly
from tests.fixtures.graphs import GRAPHS, graph_of


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_small_networks_get_the_most(name: str) -> None:
    assert affordable(GRAPHS[name](), 1000) == MOST


def test_never_more_than_there_are() -> None:
    assert affordable(GRAPHS["residual"](), 3) == 3


@pytest.mark.parametrize(("macs", "samples"), [(1.0, FEWEST), (400.0, FEWEST), (6_000.0, 50), (1e9, MOST)])
def test_a_large_network_gets_what_it_can_afford(
    macs: float, samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MACS", macs)
    product = helper.make_node("Gemm", ["x", "w"], ["y"], "product")
    model = graph_of([product], (1, 12), {"w": np.ones((10, 12), np.float32)}, shape=(1, 10))
    assert affordable(model, 1000) == samples
    assert is_costly(model) == (samples < MOST)


def test_without_products() -> None:
    model = graph_of([helper.make_node("Relu", ["x"], ["y"], "relu")], (1, 4, 8, 8), {})
    assert affordable(model, 1000) == MOST
