"""The benchmark of the pipeline: its table and what it passes on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest

from edgeinfer.errors import EdgeInferError
from scripts.benchmarks import pipeline
from scripts.benchmarks.pipeline import DEMO_KEY, HEADER, Measured, measure, options_of, row

MEASURED = Measured(
    pipeline_fps=1234.5,
    bare_fps=2345.6,
    ratio=0.526,
    latency_ms={"preprocess": 0.25, "infer": 0.5, "postprocess": 0.031, "other": 0.02},
)


def _arguments(*bundles: Path, key: Path | None = None) -> argparse.Namespace:
    return argparse.Namespace(source="synthetic:", frames=7, bundles=list(bundles), public_key=key)


def _program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path = tmp_path / "edgeinfer"
    path.write_text(f"#!{sys.executable}\nimport sys\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setattr(pipeline, "program", lambda _: path)


def test_rows_stand_under_their_headings_and_fit_the_terminal() -> None:
    line = row("a-bundle-with-a-very-long-name-indeed", MEASURED)
    assert line == "a-bundle-with-a-very-lo     1234.5    2345.6   0.526   0.25 + 0.50 + 0.03"
    assert line.index("1234.5") + 6 == HEADER.index("pipeline") + len("pipeline")
    assert max(len(line), len(HEADER)) <= 80


def test_the_demos_key_goes_with_the_demos_bundle_only() -> None:
    common = ["--source", "synthetic:", "--frames", "7"]
    assert options_of(_arguments()) == [*common, "--public-key", str(DEMO_KEY)]
    assert options_of(_arguments(Path("mine.eib"))) == common
    assert options_of(_arguments(Path("mine.eib"), key=Path("k.pem"))) == [*common, "--public-key", "k.pem"]


def test_the_report_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = (
        '{"schema": 1, "pipeline_fps": 10.0, "bare_fps": 20.0, "ratio": 0.5,'
        ' "latency_ms": {"preprocess": 1.0}}'
    )
    _program(
        tmp_path, monkeypatch, f"assert sys.argv[1:4] == ['bench', 'x.eib', '--json']; print('''{report}''')"
    )
    assert measure(Path("x.eib"), []).ratio == 0.5


def test_a_failure_says_what_the_command_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path, monkeypatch, "sys.exit('edgeinfer: not signed')")
    with pytest.raises(EdgeInferError, match=r"x\.eib: edgeinfer: not signed"):
        measure(Path("x.eib"), [])
