"""The process that cleans large models."""

from __future__ import annotations

import subprocess
from pathlib import Path

import onnx
import pytest

from edgeinfer_converters.graph import slimmer
from edgeinfer_converters.graph.slimmer import slim_apart, started_for
from tests.fixtures.models import image_classifier


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """All processes that were started, in their order."""
    processes: list[subprocess.Popen[bytes]] = []
    start = slimmer._start

    def noted() -> subprocess.Popen[bytes]:
        processes.append(start())
        return processes[-1]

    monkeypatch.setattr(slimmer, "_start", noted)
    return processes


def large(folder: Path, name: str = "model.onnx") -> Path:
    path = folder / name
    path.write_bytes(bytes(slimmer.SMALL_BYTES))
    return path


def test_the_process_that_waits_is_the_one_that_works(
    tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    model = image_classifier().SerializeToString(deterministic=True)
    with started_for(large(tmp_path)):
        assert len(started) == 1
        code, answer, _ = slim_apart(model)
        assert len(started) == 1
        again = slim_apart(model)
    assert code == 0
    assert onnx.load_from_string(answer).graph.output[0].name == "logits"
    assert again[:2] == (code, answer)
    assert [one.returncode for one in started] == [0, 0]


def test_a_process_that_nobody_needs_ends(tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    with pytest.raises(KeyError), started_for(large(tmp_path)):
        raise KeyError("a wrong setting")
    (one,) = started
    assert one.returncode is not None
    assert not slimmer._waiting


def test_none_is_started_where_none_will_be_needed(
    tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    small = tmp_path / "small.onnx"
    small.write_bytes(b"x")
    for path in (small, large(tmp_path, "model.tflite"), tmp_path / "missing.onnx", tmp_path):
        with started_for(path):
            pass
    assert started == []


def test_what_went_wrong_is_told() -> None:
    code, answer, said = slim_apart(b"no model")
    assert code != 0
    assert answer == b""
    assert "Error" in said


def test_interrupted_it_does_not_go_on_alone(
    started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    communicate, calls = subprocess.Popen.communicate, []

    def interrupted(process: subprocess.Popen[bytes], model: bytes | None = None) -> tuple[bytes, bytes]:
        calls.append(process)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return communicate(process, model)

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        slim_apart(b"")
    (one,) = started
    assert one.returncode == -9
