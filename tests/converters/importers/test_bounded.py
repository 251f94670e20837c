"""Reading a file that someone else made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.bounded import read_bounded


def test_reads_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"abc")
    assert read_bounded(path) == b"abc"
    assert read_bounded(path, limit_bytes=3) == b"abc"


def test_follows_a_link_that_the_user_named(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("model")
    assert read_bounded(tmp_path / "link") == b"abc"


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model file"):
        read_bounded(tmp_path / "absent.onnx")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is a folder"):
        read_bounded(tmp_path)


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelError, match="not a regular file"):
        read_bounded(tmp_path / "pipe")


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.touch()
    with pytest.raises(ModelError, match="is empty"):
        read_bounded(path)


def test_too_large(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"abcd")
    with pytest.raises(ModelError, match="has 4 bytes; 3 is the most") as caught:
        read_bounded(path, limit_bytes=3)
    assert caught.value.hint


def test_a_huge_sparse_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model"
    with path.open("wb") as stream:
        stream.truncate(2**31)
    with pytest.raises(ModelError, match="is the most that a model may have"):
        read_bounded(path)


def test_a_name_that_no_file_can_have() -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        read_bounded(Path("a\0b"))


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        read_bounded(tmp_path / ("a" * 300))
