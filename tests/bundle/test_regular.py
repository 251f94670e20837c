"""Opening and creating members without following links."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from edgeinfer.bundle.regular import new_member, open_member, open_regular
from edgeinfer.errors import FormatError


def write(root: Path, path: str, data: bytes) -> None:
    with new_member(root, path) as stream:
        stream.write(data)


def test_members_are_written_and_read_back(tmp_path: Path) -> None:
    write(tmp_path, "a.json", b"one")
    write(tmp_path, "golden/a.bin", b"two")
    write(tmp_path, "golden/b.bin", b"")
    for path, data in (("a.json", b"one"), ("golden/a.bin", b"two"), ("golden/b.bin", b"")):
        with open_member(tmp_path, path) as stream:
            assert stream.read() == data
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) == 0o644


def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        write(tmp_path, "a.json", b"")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o644


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    write(tmp_path, "a.json", b"one")
    with pytest.raises(FileExistsError):
        write(tmp_path, "a.json", b"two")
    assert (tmp_path / "a.json").read_bytes() == b"one"


@pytest.mark.parametrize("dangling", [True, False])
def test_a_link_is_neither_written_through_nor_read(tmp_path: Path, *, dangling: bool) -> None:
    outside = tmp_path / "outside"
    if not dangling:
        outside.write_bytes(b"secret")
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.json").symlink_to(outside)
    with pytest.raises(OSError):  # noqa: PT011 - ELOOP has no class of its own
        open_member(root, "a.json")
    with pytest.raises(FileExistsError):
        write(root, "a.json", b"evil")
    assert outside.exists() is not dangling


def test_a_folder_that_is_a_link_is_not_entered(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    (outside / "a.bin").write_bytes(b"secret")
    (root / "golden").symlink_to(outside)
    with pytest.raises(OSError):  # noqa: PT011 - ENOTDIR or ELOOP, by kernel
        open_member(root, "golden/a.bin")
    with pytest.raises(OSError):  # noqa: PT011 - as above
        write(root, "golden/b.bin", b"evil")
    assert [path.name for path in outside.iterdir()] == ["a.bin"]


def test_what_is_not_a_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    for name in ("fifo", "folder"):
        with pytest.raises((FormatError, IsADirectoryError)):
            open_member(tmp_path, name)
    with pytest.raises(FormatError, match="not a regular file"):
        open_regular(tmp_path / "fifo")
