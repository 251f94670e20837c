"""Pruning within a build."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from edgeinfer.errors import ModelError
from edgeinfer.profile import Profile, load_profile
from edgeinfer.strict import replace as with_changes
from edgeinfer_converters import pruning
from edgeinfer_converters.choose import Candidate, Plan
from edgeinfer_converters.emit import Workshop
from edgeinfer_converters.evaluate import Accuracy
from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.pruning import LEAST_AGREEMENT, SHARES, emit_pruned
from edgeinfer_converters.verify import Comparison
from tests.converters.test_emit import workshop

PI = load_profile("raspberry-pi-4")
PLANS = (Plan("onnx", PI.runtime[1], (Candidate("float32", "asked for"),), ()),)


def shop(folder: Path) -> tuple[Workshop, ...]:
    """The classifier's layers have eight channels: multiples of four leave something to remove."""
    made = workshop(folder)
    profile = replace_limits(made)
    return (replace(made, profile=profile),)


def replace_limits(made: Workshop) -> Profile:
    limits = with_changes(made.profile.limits, channel_multiple=2)
    return with_changes(made.profile, limits=limits)


def macs(graph: onnx.ModelProto | None) -> int:
    assert graph is not None
    return sum(count_macs(infer_shapes(graph)).values())


def test_none_is_the_model_as_it_is(tmp_path: Path) -> None:
    workshops = shop(tmp_path)
    _, used, outcome = emit_pruned("none", PLANS, workshops)
    assert used is workshops[0]
    assert [one.what for one in outcome.decisions] == ["precision"]


def test_a_share_is_removed_and_told(tmp_path: Path) -> None:
    workshops = shop(tmp_path)
    _, used, outcome = emit_pruned("0.3", PLANS, workshops)
    assert used.prepared is not workshops[0].prepared
    assert macs(outcome.chosen.graph) <= 0.7 * macs(workshops[0].graph)
    decision = outcome.decisions[0]
    assert decision.what == "pruning"
    assert "of the multiply-accumulates removed" in decision.choice
    assert "->" in decision.reason
    assert outcome.chosen.comparison.worst_sqnr_db is not None
    assert outcome.chosen.comparison.worst_sqnr_db < 100
    # Speed is compared with the model that was given.
    assert macs(used.whole_graph) == macs(workshops[0].graph) > macs(used.graph)


def test_a_share_that_cannot_be_removed(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        emit_pruned("0.999", PLANS, shop(tmp_path))


@pytest.mark.parametrize("bearable", [0.2, 0.5, 0.0])
def test_auto_takes_the_largest_share_that_the_budget_bears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bearable: float
) -> None:
    workshops = shop(tmp_path)
    whole = macs(workshops[0].graph)
    tried: list[float] = []

    def judged(comparison: Comparison, _: float) -> str:
        share = tried[-1]
        return "" if share <= bearable else "loses too much"

    attempt = pruning._attempt

    def remembered(found: object, share: float, shops: tuple[Workshop, ...]) -> object:
        tried.append(share)
        return attempt(found, share, shops)  # type: ignore[arg-type]

    monkeypatch.setattr(pruning, "_attempt", remembered)
    monkeypatch.setattr(pruning, "_fault", judged)
    _, _, outcome = emit_pruned("auto", PLANS, workshops)
    assert tried == [share for share in SHARES if share >= bearable]
    words = [(one.what, one.choice) for one in outcome.decisions]
    for share in tried[:-1]:
        assert ("passed over", f"{share:.0%} pruned") in words
    removed = 1 - macs(outcome.chosen.graph) / whole
    if bearable:
        assert removed >= bearable - 0.02
        assert "pruning" in dict(words)
    else:
        assert removed == 0.0
        assert "pruning" not in dict(words)
    assert all("pruned" in one.note for one in outcome.rejected)


@pytest.mark.parametrize(
    ("drop", "agreement", "sqnr_db", "fault"),
    [
        (0.005, 0.5, 5.0, ""),
        (0.02, 1.0, 40.0, "loses 0.0200 top-1, more than --max-drop 0.01"),
        (None, LEAST_AGREEMENT, 5.0, ""),
        (None, 0.9, 40.0, "agrees with the float model on 90.0% of the samples"),
        (None, None, 30.0, ""),
        (None, None, 10.0, "SQNR 10.0 dB; without labelled data 20 dB"),
    ],
)
def test_what_a_pruned_model_is_held_to(
    drop: float | None, agreement: float | None, sqnr_db: float, fault: str
) -> None:
    accuracy = None
    if drop is not None:
        accuracy = Accuracy(metric="top-1", samples=9, converted=0.9 - drop, reference=0.9, drop=drop)
    found = Comparison(samples=9, sqnr_db={"y": sqnr_db}, agreement=agreement, accuracy=accuracy)
    assert pruning._fault(found, 0.01).startswith(fault)
    assert bool(pruning._fault(found, 0.01)) is bool(fault)


def test_the_same_data_give_the_same_model(tmp_path: Path) -> None:
    first, second = (emit_pruned("0.3", PLANS, shop(tmp_path))[2].chosen.data for _ in range(2))
    assert first == second
    assert np.frombuffer(first, np.uint8).size > 0
