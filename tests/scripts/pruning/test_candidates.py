"""The candidates of the pruning benchmark, on one small task."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.cost import macs_cost
from edgeinfer_converters.prune.magnitude import smallest_removed
from scripts.pruning.candidates import ACROSS, CORRECTED, FLOAT, MAGNITUDE, OURS, Bench, pruned_to, samples_of
from scripts.quantization.tasks import open_zoo
from tests.fixtures.pruning import branches, grouping_of


def test_inputs_come_one_by_one_and_again() -> None:
    inputs = np.arange(12, dtype=np.float32).reshape(3, 4)
    samples = samples_of("x", inputs)
    for _ in range(2):
        found = [one["x"] for one in samples()]
        np.testing.assert_array_equal(np.concatenate(found), inputs)
        assert all(one.shape == (1, 4) for one in found)


def test_magnitude_leaves_the_share() -> None:
    model = branches("conv", "relu", "conv", tail="pooled")
    view, grouping = GraphView(model), grouping_of(model)
    kept = smallest_removed(view, grouping, 0.4, macs_cost(view, grouping))
    smaller = pruned_to(model, grouping, kept)
    whole, left = (sum(count_macs(one).values()) for one in (model, smaller))
    assert left <= 0.6 * whole


@pytest.mark.zoo
def test_one_task_at_one_share(zoo: Path, tmp_path: Path) -> None:
    found = Bench(open_zoo(zoo), tmp_path, (0.2,), 3, 4).run("resnet8")
    rows = {row.candidate: row for row in found.rows}
    assert list(rows) == [FLOAT, OURS, CORRECTED, MAGNITUDE, ACROSS]
    assert all(row.score is not None and row.latency is not None for row in found.rows)
    ours, plain = (rows[name].score for name in (OURS, MAGNITUDE))
    assert ours is not None
    assert plain is not None
    assert ours.drop < plain.drop / 3
    assert 0.2 <= rows[OURS].share_removed < 0.25
