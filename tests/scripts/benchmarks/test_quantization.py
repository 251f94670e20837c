"""The benchmark of the quantizers: its command line, and one task for real."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeinfer.errors import UsageError
from edgeinfer.exits import Exit
from edgeinfer.strict import decode_json
from scripts.benchmarks import quantization
from scripts.benchmarks.quantization import main, parse, versions
from scripts.quantization.peers import PEERS
from scripts.quantization.results import Report


def _call(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["bench", *words])
    return main()


def test_defaults_are_everything() -> None:
    arguments = parse([])
    assert (arguments.task, arguments.peer, arguments.quick, arguments.s8) == (None, None, False, False)
    assert arguments.effort == "default"


def test_tasks_and_peers_may_be_repeated() -> None:
    arguments = parse(["--task", "resnet8", "--task", "squeezenet", "--peer", "nncf", "--peer", "onnx2tf"])
    assert arguments.task == ["resnet8", "squeezenet"]
    assert arguments.peer == ["nncf", "onnx2tf"]


def test_none_stands_alone() -> None:
    with pytest.raises(UsageError, match="stands alone"):
        parse(["--peer", "none", "--peer", "nncf"])


def test_versions_name_each_tool_once() -> None:
    found = versions(tuple(PEERS.values()))
    assert found["onnxruntime"] == "1.31.1"
    assert set(found) == {"edgeinfer", "timed with onnxruntime", "onnxruntime", "nncf", "onnx2tf"}


def test_without_the_zoo_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("EDGEINFER_ZOO", str(tmp_path))
    assert _call(monkeypatch, "--quick") == Exit.USAGE
    assert "EDGEINFER_ZOO" in capsys.readouterr().err


@pytest.mark.zoo
@pytest.mark.parametrize("words", [[], ["--s8"]])
def test_one_task_without_peers(
    words: list[str],
    zoo: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("EDGEINFER_ZOO", str(zoo))
    monkeypatch.setattr(quantization, "QUICK_ROUNDS", 3)
    options = ["--task", "kws_dscnn", "--peer", "none", "--quick", "--json", *words]
    assert _call(monkeypatch, *options) == Exit.DONE
    report = decode_json(capsys.readouterr().out.encode(), Report, "report")
    result = report.tasks[0]
    assert [row.candidate for row in result.rows] == ["float", "edgeinfer"]
    ours = result.rows[1]
    assert ours.score is not None
    assert ours.score.sqnr_db > 25
    assert ours.integer_share == 1.0
    assert report.profile == ("raspberry-pi-4" if words else "x86-64-vnni")


@pytest.mark.zoo
def test_limits_of_one_task(
    zoo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EDGEINFER_ZOO", str(zoo))
    assert _call(monkeypatch, "--task", "kws_dscnn", "--limits", "--json") == Exit.DONE
    found = decode_json(capsys.readouterr().out.encode(), Report, "report").limits[0]
    assert found.plain_weights_db == pytest.approx(37.3, abs=0.1)
    # Both together are corrected in their biases, each alone is not: errors may cancel a little.
    assert found.both_db < min(found.weights_db, found.activations_db) + 1.0
    assert found.activations_db == pytest.approx(found.both_db, abs=1.5)
