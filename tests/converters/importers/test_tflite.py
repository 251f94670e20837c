"""Reading TFLite files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers import tflite
from edgeinfer_converters.importers.tflite import read_tflite
from tests.fixtures.tflite import doubler


def test_the_bytes_come_as_they_are(tmp_path: Path) -> None:
    data = b"\x1c\0\0\0TFL3" + bytes(40)
    (tmp_path / "m.tflite").write_bytes(data)
    assert read_tflite(tmp_path / "m.tflite", runnable=False) == data


def test_a_model_that_runs(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(doubler())
    assert read_tflite(tmp_path / "m.tflite") == doubler()


def test_a_damaged_model_is_refused_before_the_runtime_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreached(model: bytes, model_format: str) -> None:
        pytest.fail("the model was loaded")

    monkeypatch.setattr(tflite, "rehearse", unreached)
    (tmp_path / "m.tflite").write_bytes(doubler()[:-8])
    with pytest.raises(ModelError, match=r"m\.tflite: a damaged TensorFlow Lite model"):
        read_tflite(tmp_path / "m.tflite")


def test_what_fails_in_the_child_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(model: bytes, model_format: str) -> None:
        raise ModelError("the runtime crashed with the model (SIGSEGV)", hint="another version")

    monkeypatch.setattr(tflite, "rehearse", crash)
    (tmp_path / "m.tflite").write_bytes(doubler())
    with pytest.raises(ModelError, match=r"m\.tflite: the runtime crashed") as caught:
        read_tflite(tmp_path / "m.tflite")
    assert caught.value.hint == "another version"


@given(data=st.binary(min_size=1, max_size=64))
def test_anything_else_is_refused(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("tflite") / "m.tflite"
    path.write_bytes(data)
    if data[4:8] == b"TFL3":
        assert read_tflite(path, runnable=False) == data
    else:
        with pytest.raises(ModelError, match="not a TFLite model"):
            read_tflite(path)


def test_absent_and_empty(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model file"):
        read_tflite(tmp_path / "m.tflite")
    (tmp_path / "m.tflite").touch()
    with pytest.raises(ModelError, match="is empty"):
        read_tflite(tmp_path / "m.tflite")


@pytest.mark.zoo
def test_the_zoo_can_be_read(zoo: Path) -> None:
    files = sorted((zoo / "models").rglob("*.tflite"))
    assert files
    assert all(read_tflite(path)[4:8] == b"TFL3" for path in files)
