"""Pruning within a build."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import BudgetError, ModelError
from edgeinfer.profile import Profile, load_profile
from edgeinfer.strict import replace as with_changes
from edgeinfer_converters.emitting import pruning
from edgeinfer_converters.emitting.choose import Candidate, Plan
from edgeinfer_converters.emitting.pruning import (
    FINENESS,
    LEAST_AGREEMENT,
    MOST_PERCENT,
    emit_pruned,
    largest,
)
from edgeinfer_converters.emitting.rivals import emit_fastest
from edgeinfer_converters.emitting.workshop import Workshop
from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.judging.estimate import find_estimator
from edgeinfer_converters.judging.evaluate import Accuracy
from edgeinfer_converters.judging.verify import Comparison
from tests.converters.emitting.test_workshop import a_workshop

PI = load_profile("raspberry-pi-4")
PLANS = (Plan("onnx", PI.runtime[1], (Candidate("float32", "asked for"),), ()),)


def shop(folder: Path) -> tuple[Workshop, ...]:
    """The classifier's layers have eight channels: multiples of four leave something to remove."""
    made = a_workshop(folder)
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


@pytest.mark.parametrize("bearable", [0.2, 0.55, 0.0])
def test_auto_takes_the_largest_share_that_the_budget_bears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bearable: float
) -> None:
    workshops = shop(tmp_path)
    whole = macs(workshops[0].graph)
    removed: list[float] = []
    attempt = pruning._attempt

    def remembered(*arguments: Any) -> Any:
        made = attempt(*arguments)
        removed.append(made.pruned.share_removed)
        return made

    compared = pruning._compared
    shares: dict[float | None, float] = {}

    def noted(attempt: Any) -> Any:
        floats = compared(attempt)
        shares[floats.comparison.worst_sqnr_db] = attempt.pruned.share_removed
        return floats

    def judged(comparison: Comparison, _: float) -> str:
        return "" if shares[comparison.worst_sqnr_db] <= bearable else "loses too much"

    monkeypatch.setattr(pruning, "_attempt", remembered)
    monkeypatch.setattr(pruning, "_compared", noted)
    monkeypatch.setattr(pruning, "_fault", judged)
    _, _, outcome = emit_pruned("auto", PLANS, workshops)
    # Each choice of channels is tried once, however many shares lead to it.
    assert len(set(removed)) == len(removed)
    words = [(one.what, one.choice) for one in outcome.decisions]
    for share in removed:
        assert (("passed over", f"{share:.1%} pruned") in words) == (share > bearable)
    gone = 1 - macs(outcome.chosen.graph) / whole
    assert gone == pytest.approx(max((one for one in removed if one <= bearable), default=0.0))
    assert ("pruning" in dict(words)) == (gone > 0)
    assert all("pruned" in one.note for one in outcome.rejected)


def test_auto_backs_off_where_the_quantized_model_loses_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The float models would all do."""
    emitted = emit_fastest
    shares: list[float] = []

    def limited(plans: Any, workshops: Any) -> Any:
        result = emitted(plans, workshops)
        whole, left = macs(workshops[0].whole_graph), macs(workshops[0].graph)
        if left < 0.7 * whole:
            shares.append(1 - left / whole)
            raise BudgetError("the int8 model loses 0.0300 top-1", hint="")
        return result

    monkeypatch.setattr(pruning, "_fault", lambda *_: "")
    monkeypatch.setattr(pruning, "emit_fastest", limited)
    _, _, outcome = emit_pruned("auto", PLANS, shop(tmp_path))
    passed_over = [one for one in outcome.decisions if one.what == "passed over"]
    assert [one.choice for one in passed_over] == [f"{share:.1%} pruned" for share in shares]
    assert all("loses 0.0300" in one.reason for one in passed_over)
    (removed,) = [one.choice for one in outcome.decisions if one.what == "pruning"]
    assert 0 < float(removed.split("%")[0]) <= 30


@given(limit=st.integers(0, 63))
def test_the_largest_number_that_is_borne_is_nearly_found(limit: int) -> None:
    tried: list[int] = []

    def bears(number: int) -> bool:
        tried.append(number)
        return number <= limit

    found = largest(bears, MOST_PERCENT)
    assert found <= limit <= found + max(1, found // FINENESS)
    assert len(tried) == len(set(tried)) <= 6
    assert all(0 < number < MOST_PERCENT for number in tried)


def test_damage_is_weighed_against_time_where_the_profile_states_costs(tmp_path: Path) -> None:
    estimator = find_estimator(PI, "tflite")
    workshops = tuple(replace(one, estimator=estimator) for one in shop(tmp_path))
    _, _, outcome = emit_pruned("0.3", PLANS, workshops)
    assert "of the time, as estimated" in outcome.decisions[0].reason
    _, _, plain = emit_pruned("0.3", PLANS, shop(tmp_path))
    assert "of the time" not in plain.decisions[0].reason


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


@pytest.mark.parametrize(
    ("drop", "agreement", "told"),
    [(0.005, 1.0, []), (None, 1.0, ["98% of equal answers"]), (None, None, ["SQNR of 20 dB"])],
)
def test_auto_says_what_it_kept_to_without_labels(
    drop: float | None, agreement: float | None, told: list[str]
) -> None:
    accuracy = None
    if drop is not None:
        accuracy = Accuracy(metric="top-1", samples=9, converted=0.9 - drop, reference=0.9, drop=drop)
    found = Comparison(samples=9, sqnr_db={"y": 40.0}, agreement=agreement, accuracy=accuracy)
    assert [one.choice for one in pruning._bound(found)] == told


def test_the_same_data_give_the_same_model(tmp_path: Path) -> None:
    first, second = (emit_pruned("0.3", PLANS, shop(tmp_path))[2].chosen.data for _ in range(2))
    assert first == second
    assert np.frombuffer(first, np.uint8).size > 0
