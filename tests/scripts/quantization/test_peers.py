"""The peers: their command lines, their environments, and what is said when one cannot be had."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgeinfer.errors import UsageError
from scripts.quantization import peers
from scripts.quantization.measured_run import ToolError
from scripts.quantization.peers import (
    PEERS,
    S8_PEERS,
    STAMP,
    Environment,
    choose_peers,
    find_python,
    ready_environment,
)

TINY = Environment("tiny", ("tiny==1.0",))
EVERY = {**PEERS, **S8_PEERS}


def test_every_peer_has_a_worker_and_exact_versions() -> None:
    for name, peer in EVERY.items():
        assert peer.name == name
        assert (peers.WORKERS / peer.worker).is_file()
        assert all("==" in one for one in peer.environment.requirements)


def test_an_environment_is_one_of_the_ignored_folders(tmp_path: Path) -> None:
    assert TINY.folder(tmp_path) == tmp_path / ".venv-peers-tiny"
    assert Environment("tiny", (), prefix=".venv-").folder(tmp_path) == tmp_path / ".venv-tiny"


def test_command_lines() -> None:
    python, model, data, out = (Path(name) for name in ("py", "m.onnx", "c.npz", "o.onnx"))
    worker = peers.WORKERS / "quantize_onnxruntime.py"
    assert PEERS["ort_percentile"].command(python, model, data, out) == [
        *(python, "-P", worker, model, data, out),
        *("Percentile", "QUInt8"),
    ]
    assert S8_PEERS["ort_minmax_s8"].command(python, model, data, out)[-2:] == ["MinMax", "QInt8"]
    assert PEERS["nncf_full"].command(python, model, data, out)[-1] == "full"
    assert PEERS["onnx2tf"].command(python, model, data, out)[-1] == out


def test_peers_are_chosen_by_name_or_by_form() -> None:
    assert choose_peers(None, s8=False) == tuple(PEERS.values())
    assert choose_peers(None, s8=True) == tuple(S8_PEERS.values())
    assert choose_peers(["nncf", "ort_minmax_s8"], s8=False) == (PEERS["nncf"], S8_PEERS["ort_minmax_s8"])
    assert choose_peers(["none"], s8=False) == ()


def test_an_unknown_peer_is_named() -> None:
    with pytest.raises(UsageError, match="no peer `nobody`") as caught:
        choose_peers(["nncf", "nobody"], s8=False)
    assert "ort_minmax" in (caught.value.hint or "")


def test_an_environment_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        made.append([str(part) for part in command])
        (tmp_path / ".venv-peers-tiny").mkdir(exist_ok=True)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    python = ready_environment(TINY, tmp_path)
    assert python == tmp_path / ".venv-peers-tiny" / "bin" / "python"
    assert made[0][1:3] == ["-m", "venv"]
    assert made[1][1:4] == ["-m", "pip", "install"]
    assert made[1][-1] == "tiny==1.0"
    assert ready_environment(TINY, tmp_path) == python
    assert len(made) == 2
    ready_environment(Environment("tiny", ("tiny==2.0",)), tmp_path)
    assert len(made) == 4


def test_a_failing_pip_is_told_and_leaves_no_stamp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        installs = "pip" in command
        return subprocess.CompletedProcess(command, int(installs), "", "WARNING: x\nERROR: no such version\n")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(ToolError, match="not installed: ERROR: no such version"):
        ready_environment(TINY, tmp_path)
    assert not (TINY.folder(tmp_path) / STAMP).exists()


def test_pip_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        raise subprocess.TimeoutExpired(command, 1.0)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(ToolError, match="not installed after"):
        ready_environment(TINY, tmp_path)


def test_this_python_is_used_where_it_is_new_enough() -> None:
    assert find_python((3, 11)) == sys.executable


def test_another_python_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _interpreter(tmp_path / "python3.12", "echo not active >&2; exit 127")
    _interpreter(tmp_path / "python3.13", "echo 3 99")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert find_python((3, 99)) == str(tmp_path / "python3.13")


def test_a_python_may_be_too_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _interpreter(tmp_path / "python3.12", "echo 3 5")
    _interpreter(tmp_path / "python3.13", "echo 3 7")
    _interpreter(tmp_path / "python3.11", "echo 3 4")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert find_python((3, 3), (3, 4)) == str(tmp_path / "python3.11")
    with pytest.raises(ToolError, match=r"needs Python 3\.1 to 3\.3, which"):
        find_python((3, 1), (3, 3))
    with pytest.raises(ToolError, match=r"needs Python 3\.3, which"):
        find_python((3, 3), (3, 3))


def test_a_python_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"needs Python 3\.99"):
        find_python((3, 99))


def _interpreter(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
