"""What waits on disk."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer_converters.shelf import Shelf, shelve


@given(st.lists(st.binary(max_size=100), max_size=8))
def test_what_is_read_is_what_was_put(parts: list[bytes]) -> None:
    shelf = Shelf()
    shelved = [shelf.put(part) for part in parts]
    for one, part in reversed(list(zip(shelved, parts, strict=True))):
        assert one.read() == one.read() == part


def test_putting_after_reading_overwrites_nothing() -> None:
    shelf = Shelf()
    first = shelf.put(b"first")
    shelf.put(b"second")
    assert first.read() == b"first"
    third = shelf.put(b"third")
    assert (first.read(), third.read()) == (b"first", b"third")


def test_several_threads_read_and_put() -> None:
    shelf = Shelf()
    parts = [bytes([number]) * (10_000 + number) for number in range(32)]

    def put_and_read(part: bytes) -> bool:
        shelved = shelf.put(part)
        return all(shelved.read() == part for _ in range(20))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(put_and_read, parts))


def test_arrays_are_their_bytes() -> None:
    array = np.arange(12.0).reshape(3, 4)
    assert Shelf().put(array).read() == array.tobytes()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_the_file_has_no_name_and_is_gone_with_what_lies_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = open_files()
    shelved = shelve(b"something")
    assert not list(tmp_path.iterdir())
    assert open_files() == before + 1
    assert shelved.read() == b"something"
    del shelved
    gc.collect()
    assert open_files() == before


def test_partial_writes_and_reads_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        """A file that takes and gives three bytes at a time, as real ones do with gigabytes."""

        def __init__(self) -> None:
            self.data, self.position = bytearray(), 0

        def seek(self, position: int) -> None:
            self.position = position

        def write(self, view: memoryview) -> int:
            part = bytes(view[:3])
            self.data[self.position : self.position + len(part)] = part
            self.position += len(part)
            return len(part)

        def read(self, size: int) -> bytes:
            part = bytes(self.data[self.position : self.position + min(size, 3)])
            self.position += len(part)
            return part

        def close(self) -> None:
            self.data.clear()

    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: Slow())
    shelf = Shelf()
    one, other = shelf.put(b"0123456789"), shelf.put(b"abcdefgh")
    assert (one.read(), other.read()) == (b"0123456789", b"abcdefgh")


def test_an_empty_array_is_no_bytes() -> None:
    assert Shelf().put(np.zeros((0, 3))).read() == b""
