"""Reading TFLite files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite import read_tflite


def test_the_bytes_come_as_they_are(tmp_path: Path) -> None:
    data = b"\x1c\0\0\0TFL3" + bytes(40)
    (tmp_path / "m.tflite").write_bytes(data)
    assert read_tflite(tmp_path / "m.tflite") == data


@given(data=st.binary(min_size=1, max_size=64))
def test_anything_else_is_refused(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("tflite") / "m.tflite"
    path.write_bytes(data)
    if data[4:8] == b"TFL3":
        assert read_tflite(path) == data
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
