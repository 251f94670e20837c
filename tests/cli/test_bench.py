"""`edgeinfer bench`, from words to figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeinfer.bundle.keys import development_key
from edgeinfer.cli.main import main
from tests.fixtures.bundles import write_classifier, write_small


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = write_classifier(tmp_path / "parts.eib", development_key())
    assert main(["bench", str(bundle), "--allow-foreign", "--frames", "3", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["schema"] == 1
    assert record["model"] == "parts@1.0.0"
    assert record["source"] == "synthetic:"
    assert record["frames"] == 3
    assert record["pipeline_fps"] > 0
    assert record["ratio"] == pytest.approx(record["pipeline_fps"] / record["bare_fps"], abs=0.01)


def test_tensor_models_need_frames_from_somewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = write_small(tmp_path / "double.eib", development_key())
    assert main(["bench", str(bundle), "--allow-foreign"]) == 2
    assert "no golden inputs" in capsys.readouterr().err
