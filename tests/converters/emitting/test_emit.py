"""Trying one candidate after the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from edgeinfer.backends import Backend, BackendOptions, ModelFormat, open_backend
from edgeinfer.errors import BudgetError, DataError
from edgeinfer.host import detect_host
from edgeinfer.strict import replace
from edgeinfer_converters.building.resolve import PipelineFile, resolve_pipeline
from edgeinfer_converters.emitting import emit, model_file
from edgeinfer_converters.emitting.choose import Candidate, Emitted, Plan
from edgeinfer_converters.emitting.data import open_data
from edgeinfer_converters.emitting.emit import EmittedModel, Outcome, emit_best
from edgeinfer_converters.emitting.model_file import ModelFile
from edgeinfer_converters.emitting.workshop import Workshop
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.judging.estimate import Estimator, Forecast
from edgeinfer_converters.judging.evaluate import Accuracy
from edgeinfer_converters.judging.measure import Timing
from edgeinfer_converters.judging.verify import Comparison
from edgeinfer_converters.quantize.share import integer_share
from edgeinfer_converters.shelf import shelve
from edgeinfer_converters.sources.source import prepared_graph, read_source, serialized
from tests.converters.emitting.test_workshop import LABELS, PI, RUNTIME, a_workshop
from tests.fixtures.costs import product_cost
from tests.fixtures.data import IMAGE_TENSOR, IMAGE_TOML, pipeline
from tests.fixtures.tflite_graphs import network

NOTHING = ModelFile(b"", "onnx")


def tflite_workshop(folder: Path) -> Workshop:
    """The float model is a TFLite one; what is emitted is ONNX."""
    (folder / "m.tflite").write_bytes(network())
    source = read_source(folder / "m.tflite")
    image = replace(IMAGE_TENSOR, shape=(1, 16, 16, 3))
    spec = resolve_pipeline(
        PipelineFile(folder / "p.toml", pipeline(IMAGE_TOML), LABELS),
        (image,),
        (replace(IMAGE_TENSOR, name="logits", shape=(1, 3)),),
    )
    images = np.random.default_rng(0).normal(0, 1, (20, 16, 16, 3)).astype(np.float32)
    np.savez(folder / "cal.npz", image=images)
    data = open_data(folder / "cal.npz", None, spec, LABELS, (image,), effort="default", seed=0)
    prepared = shelve(serialized(prepared_graph(source, RUNTIME)))
    return Workshop(source, prepared, spec, LABELS, PI, detect_host(), data, 0.01, timed=True)


def plan(*precisions: Emitted) -> Plan:
    candidates = tuple(Candidate(one, f"reason for {one}") for one in precisions)
    return Plan("onnx", RUNTIME, candidates, ())


def compared(*, drop: float = 0.0, slower: bool = False) -> tuple[Comparison, Timing]:
    accuracy = Accuracy(metric="top-1", samples=9, converted=0.9 - drop, reference=0.9, drop=drop)
    timing = Timing(reference_ms=1.0, converted_ms=1.0, slower=slower, rounds=5, threads=1)
    return Comparison(samples=9, sqnr_db={"y": 30.0}, accuracy=accuracy), timing


def outcome_of(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    trials: dict[Emitted, tuple[Comparison, Timing]],
) -> Outcome:
    """What is chosen if the candidates turn out like this."""

    def fake(_: Workshop, candidate: Candidate) -> EmittedModel:
        return EmittedModel(candidate.precision, NOTHING, *trials[candidate.precision])

    monkeypatch.setattr(emit, "_emit", fake)
    return emit_best(a_workshop(folder), plan(*trials))


def test_the_first_good_one_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = outcome_of(tmp_path, monkeypatch, {"int8": compared(drop=0.01), "float32": compared()})
    assert found.chosen.precision == "int8"
    assert found.rejected == ()
    assert [one.reason for one in found.decisions] == ["reason for int8"]


@pytest.mark.parametrize(
    ("trial", "reason"),
    [
        (compared(drop=0.02), "loses 0.0200 top-1, more than --max-drop 0.01"),
        (compared(slower=True), "slower than float here"),
    ],
)
def test_what_is_not_good_enough_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trial: tuple[Comparison, Timing], reason: str
) -> None:
    found = outcome_of(
        tmp_path, monkeypatch, {"int8": trial, "float16": trial, "float32": compared(drop=-0.1)}
    )
    assert found.chosen.precision == "float32"
    assert [one.precision for one in found.rejected] == ["int8", "float16"]
    assert [one.what for one in found.decisions] == ["passed over", "passed over", "precision"]
    assert reason in found.decisions[0].reason


def with_forecast(precision: Emitted, *, slower: bool) -> EmittedModel:
    forecast = Forecast(
        reference_ms=10.0, converted_ms=11.0, slower=slower, runtime="tflite", threads=4, worst_ratio=1.5
    )
    return EmittedModel(precision, NOTHING, compared()[0], forecast=forecast)


@pytest.mark.parametrize(("slower", "precision"), [(True, "float32"), (False, "int8")])
def test_what_is_estimated_to_be_slower_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, slower: bool, precision: str
) -> None:
    monkeypatch.setattr(emit, "_emit", lambda _, one: with_forecast(one.precision, slower=slower))
    found = emit_best(a_workshop(tmp_path), plan("int8", "float32"))
    assert found.chosen.precision == precision
    reasons = [one.reason for one in found.decisions if one.what == "passed over"]
    expected = "slower than float there, as estimated from published times"
    assert reasons == ([expected] if slower else [])


def test_what_was_asked_for_may_be_estimated_to_be_slower(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emit, "_emit", lambda _, one: with_forecast(one.precision, slower=True))
    found = emit_best(a_workshop(tmp_path), plan("int8"))
    assert (found.chosen.precision, found.rejected) == ("int8", ())


def made_up(int8_gigamacs_per_s: float) -> Estimator:
    """Float products do a gigamac in a second."""
    costs = [product_cost("tflite", "float32", 1.0), product_cost("tflite", "int8", int8_gigamacs_per_s)]
    return Estimator({cost.precision: cost for cost in costs})


@pytest.mark.parametrize(("speed", "precision"), [(0.5, "float32"), (2.0, "int8")])
def test_real_candidates_are_estimated(tmp_path: Path, speed: float, precision: str) -> None:
    shop = dataclasses.replace(a_workshop(tmp_path), estimator=made_up(speed))
    found = emit_best(shop, plan("int8", "float32"))
    assert found.chosen.precision == precision
    tried = {one.precision: one for one in (*found.rejected, found.chosen)}
    int8 = tried["int8"].forecast
    assert int8 is not None
    assert int8.converted_ms == pytest.approx(int8.reference_ms / speed, rel=0.01)
    assert int8.slower == (speed < 1)
    assert tried["int8"].timing is None
    assert not any(" ms" in one.reason for one in found.decisions)
    if precision == "float32":
        chosen = found.chosen.forecast
        assert chosen is not None
        assert chosen.converted_ms == chosen.reference_ms == int8.reference_ms


def test_what_is_timed_is_not_estimated_and_float16_never_is(tmp_path: Path) -> None:
    shop = dataclasses.replace(a_workshop(tmp_path), estimator=made_up(2.0))
    assert emit_best(shop, plan("float16")).chosen.forecast is None
    timed = dataclasses.replace(shop, timed=True)
    found = emit_best(timed, plan("int8")).chosen
    assert found.timing is not None
    assert found.forecast is None
    assert emit_best(dataclasses.replace(shop, estimator=None), plan("float32")).chosen.forecast is None


def test_the_last_one_may_be_slow_but_keeps_the_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert outcome_of(tmp_path, monkeypatch, {"int8": compared(slower=True)}).chosen.precision == "int8"
    with pytest.raises(BudgetError, match=r"loses 0.0300 top-1 \(0.9000 -> 0.8700 on 9 samples\)"):
        outcome_of(tmp_path, monkeypatch, {"int8": compared(drop=0.03)})


def test_calibrated_is_once_and_only_if_needed(tmp_path: Path) -> None:
    shop = a_workshop(tmp_path)
    assert emit_best(shop, plan("float32")).chosen.comparison.worst_sqnr_db is not None
    assert shop.calibrated_on is None
    found = emit_best(shop, plan("int8")).chosen
    assert shop.calibrated_on is shop.data.calibration
    assert shop.graph is not None
    assert shop.calibration() is shop.calibration()
    assert shop.write(shop.int8().quantized).data == found.data
    assert found.comparison.samples == 2
    assert found.timing is None


def test_an_imported_model_is_compared_with_the_source_and_timed_against_its_own_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could be had instead of int8 ONNX is float ONNX, however fast the source is in its own runtime."""
    opened: list[str] = []

    def watched(data: bytes, model_format: ModelFormat, options: BackendOptions) -> Backend:
        opened.append(model_format)
        return open_backend(data, model_format, options)

    def timed(reference: Callable[[], object], converted: Callable[[], object], *, threads: int) -> Timing:
        for run in (reference, converted):
            run()
        return Timing(reference_ms=1.0, converted_ms=1.0, slower=False, rounds=5, threads=threads)

    monkeypatch.setattr(emit, "open_backend", watched)
    monkeypatch.setattr(model_file, "open_backend", watched)
    monkeypatch.setattr(emit, "measure", timed)
    chosen = emit_best(tflite_workshop(tmp_path), plan("int8")).chosen
    assert opened == ["onnx", "tflite", "onnx"]
    assert chosen.timing is not None
    assert chosen.comparison.sqnr_db["logits"] > 20


@pytest.mark.parametrize(
    ("int8", "tried"),
    [
        (compared(drop=0.02), ["int8", "mixed", "mixed"]),
        (compared(slower=True), ["int8"]),
    ],
)
def test_mixed_is_tried_only_for_the_sake_of_accuracy(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    int8: tuple[Comparison, Timing],
    tried: list[Emitted],
) -> None:
    trials = {"int8": int8, "mixed": compared(drop=0.02), "float32": compared()}

    def fake(_: Workshop, candidate: Candidate) -> EmittedModel:
        return EmittedModel(candidate.precision, NOTHING, *trials[candidate.precision])

    monkeypatch.setattr(emit, "_emit", fake)
    mixed = tuple(Candidate("mixed", "more accurate", share, for_accuracy=True) for share in (0.05, 0.2))
    candidates = (Candidate("int8", "fast"), *mixed, Candidate("float32", "safe"))
    found = emit_best(a_workshop(tmp_path), Plan("onnx", RUNTIME, candidates, ()))
    assert [one.precision for one in found.rejected] == tried
    assert found.chosen.precision == "float32"


def unlabelled(sqnr_db: float) -> tuple[Comparison, Timing]:
    """One output is as good as equal, the other has this."""
    _, timing = compared()
    return Comparison(samples=9, sqnr_db={"y": 80.0, "z": sqnr_db}), timing


def test_without_labels_what_is_hardly_like_the_float_model_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials: dict[Emitted, tuple[Comparison, Timing]]
    trials = {"int8": unlabelled(4.2), "mixed": unlabelled(12.0), "float32": unlabelled(200.0)}
    found = outcome_of(tmp_path, monkeypatch, trials)
    assert found.chosen.precision == "mixed"
    assert found.decisions[0].reason == "output `z` has an SQNR of 4.2 dB only"


def test_without_labels_what_was_asked_for_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = outcome_of(tmp_path, monkeypatch, {"int8": unlabelled(-3.0)})
    assert found.chosen.precision == "int8"


def test_labels_decide_where_there_are_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labelled, timing = compared()
    comparison = replace(labelled, sqnr_db={"y": 4.2})
    found = outcome_of(tmp_path, monkeypatch, {"int8": (comparison, timing), "float32": compared()})
    assert found.chosen.precision == "int8"


def test_mixed_that_was_asked_for_may_be_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emit, "_emit", lambda *_: EmittedModel("mixed", NOTHING, *compared(slower=True)))
    candidates = (Candidate("mixed", "asked for", 0.05), Candidate("mixed", "asked for", 0.2, True))
    found = emit_best(a_workshop(tmp_path), Plan("onnx", RUNTIME, candidates, ()))
    assert found.rejected == ()


def test_a_mixed_model_says_what_stays_float(tmp_path: Path) -> None:
    shop = a_workshop(tmp_path)
    candidates = (Candidate("mixed", "asked for", 0.9),)
    found = emit_best(shop, Plan("onnx", RUNTIME, candidates, ()))
    assert found.chosen.precision == "mixed"
    assert [one.what for one in found.decisions[:2]] == ["precision", "quantization"]
    assert "operators in float" in found.decisions[1].choice
    assert all("ranges" in one.choice for one in found.decisions[2:])
    model = onnx.load_from_string(found.chosen.data)
    assert 0 < integer_share(infer_shapes(model)).share < 1


def test_int8_without_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="needs calibration data"):
        emit_best(a_workshop(tmp_path, calibrated=False), plan("int8"))
