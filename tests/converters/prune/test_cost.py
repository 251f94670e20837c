"""The cost of a network with fewer channels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.cost import macs_cost
from edgeinfer_converters.prune.selection import macs_of
from tests.fixtures.branches import KINDS
from tests.fixtures.pruning import branches, grouping_of


@settings(max_examples=60)
@given(kinds=st.lists(st.sampled_from(KINDS), max_size=6), seed=st.integers(0, 1000))
def test_counts_say_what_the_smaller_graph_costs(kinds: list[str], seed: int) -> None:
    """Wherever each channel lies at as many positions as any other of its group."""
    model = branches("conv", *kinds, tail="pooled", seed=seed)
    view, grouping = GraphView(model), grouping_of(model)
    rng = np.random.default_rng(seed)
    even = [
        group
        for group in grouping.groups
        if all(
            len(set(np.bincount(lane.channels, minlength=group.channels))) == 1
            for lane in (*group.tensors, *(member.activation for member in group.consumers))
        )
    ]
    kept = {group.name: list(range(int(rng.integers(1, group.channels + 1)))) for group in even}
    found = macs_cost(view, grouping)({name: len(one) for name, one in kept.items()})
    assert found == pytest.approx(macs_of(view, grouping, kept))


def test_all_channels_cost_what_the_model_does() -> None:
    model = branches("conv", "relu", "conv", tail="pooled")
    view = GraphView(model)
    assert macs_cost(view, grouping_of(model))({}) == sum(count_macs(view.model).values())
