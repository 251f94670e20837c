"""Which of several formats is taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import helper

from edgeinfer.errors import BudgetError, ModelError
from edgeinfer.profile import load_profile
from edgeinfer_converters.emitting import rivals
from edgeinfer_converters.emitting.choose import Candidate, Plan
from edgeinfer_converters.emitting.emit import Outcome, emit_best
from edgeinfer_converters.emitting.rivals import emit_fastest
from edgeinfer_converters.emitting.workshop import Workshop
from edgeinfer_converters.judging.measure import Timing
from edgeinfer_converters.shelf import shelve
from edgeinfer_converters.sources.source import read_source, serialized
from tests.converters.emitting.test_workshop import a_workshop

PI = load_profile("raspberry-pi-4")
FLOAT = (Candidate("float32", "asked for"),)
PLANS = (Plan("tflite", PI.runtime[0], FLOAT, ()), Plan("onnx", PI.runtime[1], FLOAT, ()))


def shops(folder: Path, *, timed: bool = False) -> tuple[Workshop, ...]:
    shop = replace(a_workshop(folder), timed=timed)
    return tuple(replace(shop, model_format=plan.model_format) for plan in PLANS)


def with_positions(shop: Workshop, folder: Path) -> Workshop:
    """The model has an operator that TFLite has no equal for, and a result of it."""
    graph = shop.graph
    assert graph is not None
    graph.graph.node.append(helper.make_node("NonZero", [graph.graph.output[0].name], ["positions"], "where"))
    graph.graph.output.append(helper.make_tensor_value_info("positions", onnx.TensorProto.INT64, [2, "n"]))
    onnx.save(graph, folder / "positions.onnx")
    source = read_source(folder / "positions.onnx")
    return replace(shop, source=source, prepared=shelve(serialized(graph)))


def timing(*, slower: bool) -> Callable[..., Timing]:
    return lambda *_, threads: Timing(
        reference_ms=1.0, converted_ms=2.0 if slower else 1.0, slower=slower, rounds=5, threads=threads
    )


def test_the_first_is_taken_where_nothing_can_be_measured(tmp_path: Path) -> None:
    plan, shop, outcome = emit_fastest(PLANS, shops(tmp_path))
    assert plan.model_format == shop.model_format == outcome.chosen.file.model_format == "tflite"
    assert [one.what for one in outcome.decisions] == ["precision"]


def test_what_has_no_equal_is_passed_over_and_named(tmp_path: Path) -> None:
    workshops = [with_positions(shop, tmp_path) for shop in shops(tmp_path)]
    plan, _, outcome = emit_fastest(PLANS, workshops)
    assert plan.model_format == "onnx"
    assert (outcome.decisions[0].what, outcome.decisions[0].choice) == ("passed over", "tflite")
    assert "NonZero `where`" in outcome.decisions[0].reason
    assert "\n" not in outcome.decisions[0].reason


def test_what_has_no_equal_and_no_alternative_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="NonZero `where`"):
        emit_fastest(PLANS[:1], [with_positions(shops(tmp_path)[0], tmp_path)])


@pytest.mark.parametrize("slower", [True, False])
def test_where_it_can_be_measured_the_next_one_has_to_be_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, slower: bool
) -> None:
    monkeypatch.setattr(rivals, "measure", timing(slower=slower))
    plan, _, outcome = emit_fastest(PLANS, shops(tmp_path, timed=True))
    assert plan.model_format == ("onnx" if slower else "tflite")
    decision = outcome.decisions[0]
    assert decision.what == "passed over"
    if slower:
        assert (decision.choice, decision.reason) == ("tflite", "slower here than onnx, as measured")
    else:
        assert (decision.choice, decision.reason) == ("onnx", "no faster here than tflite")


@pytest.mark.parametrize("missed", [{"tflite"}, {"tflite", "onnx"}])
def test_a_format_that_misses_the_budget_is_passed_over_while_there_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missed: set[str]
) -> None:
    def strict(shop: Workshop, plan: Plan) -> Outcome:
        if plan.model_format in missed:
            raise BudgetError(f"the {plan.model_format} model loses too much")
        return emit_best(shop, plan)

    monkeypatch.setattr(rivals, "emit_best", strict)
    if "onnx" in missed:
        with pytest.raises(BudgetError, match="the onnx model"):
            emit_fastest(PLANS, shops(tmp_path))
        return
    plan, _, outcome = emit_fastest(PLANS, shops(tmp_path))
    assert plan.model_format == "onnx"
    assert outcome.decisions[0].reason == "the tflite model loses too much"
