"""The trial on this very device."""

from __future__ import annotations

import dataclasses
import logging
import math
from pathlib import Path
from typing import Any

import pytest

from edgeinfer.bundle.golden import GoldenReport, parse_golden
from edgeinfer.bundle.keys import TrustStore
from edgeinfer.bundle.manifest import GOLDEN_NAME
from edgeinfer.bundle.reader import open_bundle
from edgeinfer.bundle.writer import write_bundle
from edgeinfer.errors import CompatibilityError, FormatError, MissingRuntimeError, ModelError
from edgeinfer.store import trial
from edgeinfer.store.trial import describe_report, try_bundle
from edgeinfer.strict import replace
from tests.fixtures.bundles import classifier_members, manifest_of


def test_a_good_bundle_passes(bundles: dict[str, Path], trust: TrustStore) -> None:
    report = try_bundle(open_bundle(bundles["classifier"], trust))
    assert report is not None
    assert report.passed
    assert report.sqnr_db["logits"] > 100.0


def test_without_golden_data_it_is_loaded_and_said(
    bundles: dict[str, Path], trust: TrustStore, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert try_bundle(open_bundle(bundles["1.0.0"], trust)) is None
    assert "has no golden data" in caplog.text


def test_other_results_are_refused(tmp_path: Path, key: Any, trust: TrustStore) -> None:
    members = classifier_members()
    golden = parse_golden(members[GOLDEN_NAME])
    file = golden.outputs[0].file
    members[file] = members[file][::-1]
    write_bundle(tmp_path / "a.eib", manifest_of(members), members, key)
    with pytest.raises(CompatibilityError, match=r"computes something else .* 60 dB are needed"):
        try_bundle(open_bundle(tmp_path / "a.eib", trust))


def test_a_model_that_is_not_as_described_is_refused(tmp_path: Path, key: Any, trust: TrustStore) -> None:
    members = classifier_members()
    manifest = manifest_of(members)
    wrong = replace(manifest, model=replace(manifest.model, operators={"Conv": 3}))
    write_bundle(tmp_path / "a.eib", wrong, members, key)
    with pytest.raises(FormatError, match="2 Conv, not 3"):
        try_bundle(open_bundle(tmp_path / "a.eib", trust))


def test_a_device_that_cannot_read_descriptions_still_tries(
    bundles: dict[str, Path],
    trust: TrustStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def lacking(*_: object) -> None:
        raise MissingRuntimeError("no schema here")

    monkeypatch.setattr(trial, "check_model", lacking)
    with caplog.at_level(logging.WARNING):
        report = try_bundle(open_bundle(bundles["classifier"], trust))
    assert report is not None
    assert report.passed
    assert "no schema here" in caplog.text


def test_a_report_in_words() -> None:
    report = GoldenReport({"a": 48.25, "b": math.inf}, same_top_class=True, passed=True)
    assert describe_report(report) == "a 48.2 dB, b equal, top class the same"
    other = GoldenReport({"a": -math.inf}, same_top_class=False, passed=False)
    assert describe_report(other) == "a -inf dB, top class another"


def test_a_tflite_model_that_crashes_in_a_child_is_refused_before_it_is_loaded_here(
    bundles: dict[str, Path], trust: TrustStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(model: bytes, model_format: str) -> None:
        raise ModelError(f"the runtime crashed with the model ({model_format})")

    monkeypatch.setattr(trial, "rehearse", crash)
    monkeypatch.setattr(trial, "_check_file", lambda bundle: None)
    monkeypatch.setattr(trial, "options_for", lambda *_, **__: None)
    monkeypatch.setattr(trial, "open_backend", lambda *_: pytest.fail("it was loaded"))
    bundle = open_bundle(bundles["classifier"], trust)
    manifest = replace(bundle.manifest, model=replace(bundle.manifest.model, format="tflite"))
    with pytest.raises(ModelError, match=r"crashed with the model \(tflite\)"):
        try_bundle(dataclasses.replace(bundle, manifest=manifest))
