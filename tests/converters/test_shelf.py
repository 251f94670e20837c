"""What waits on disk."""

from __future__ import annotations

import errno
import gc
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeinfer_converters.shelf import ReadLater, Shelf, kept, put_aside, shelve, told_where


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


def test_what_is_reserved_is_zero_until_it_is_replaced() -> None:
    shelf = Shelf()
    first, place, last = shelf.put(b"ab"), shelf.reserve(4), shelf.put(b"yz")
    assert place.read() == bytes(4)
    shelf.replace(place.offset + 1, b"12")
    assert (first.read(), place.read(), last.read()) == (b"ab", b"\x0012\x00", b"yz")
    for offset in (-1, 7):
        with pytest.raises(ValueError, match="nothing lies there"):
            shelf.replace(offset, b"12")


@pytest.mark.parametrize("on_shelf", [False, True])
def test_kept_arrays(on_shelf: bool) -> None:
    shelf = Shelf() if on_shelf else None
    array, other = (kept((4, 2), "float32", shelf) for _ in range(2))
    rows = np.arange(6, dtype=np.float32).reshape(2, 3).T
    array.write(rows, 1)
    array.add(np.ones((4, 2), np.float32))
    np.testing.assert_array_equal(array.read(), [[1, 1], [1, 4], [2, 5], [3, 6]])
    np.testing.assert_array_equal(array.read(2), [[1, 1], [1, 4]])
    assert array.read(0).shape == (0, 2)
    assert array.read(9).shape == (4, 2)
    assert not other.read().any()
    assert (array.shape, array.dtype.name) == ((4, 2), "float32")


@pytest.mark.parametrize("on_shelf", [False, True])
@pytest.mark.parametrize(
    ("rows", "start"),
    [
        (np.zeros((2, 2), np.float32), 3),
        (np.zeros((2, 2), np.float32), -1),
        (np.zeros((2, 3), np.float32), 0),
        (np.zeros((2, 2)), 0),
        (np.zeros((), np.float32), 0),
    ],
)
def test_rows_that_do_not_fit(rows: np.ndarray, start: int, on_shelf: bool) -> None:
    array = kept((4, 2), "float32", Shelf() if on_shelf else None)
    with pytest.raises(ValueError, match="rows that do not fit"):
        array.write(rows, start)


def test_a_file_that_was_cut_off() -> None:
    shelf = Shelf()
    shelved = shelf.put(b"0123456789")
    shelf._file.truncate(4)
    with pytest.raises(OSError, match="shorter than what was written"):
        shelved.read()


@pytest.mark.parametrize(("number", "is_told"), [(errno.ENOSPC, True), (errno.EIO, False)])
def test_a_full_disk_is_told_with_its_folder(
    number: int, is_told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with (
        pytest.raises(OSError, match="TMPDIR can name another folder" if is_told else "odd") as caught,
        told_where(),
    ):
        raise OSError(number, "odd")
    assert caught.value.errno == number
    assert (str(tmp_path) in str(caught.value)) is is_told


def test_what_does_not_fit_on_the_disk() -> None:
    """A limit of this process alone, which no file may pass."""
    program = (
        "import numpy, resource, signal; from edgeinfer_converters.shelf import Shelf; "
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); Shelf().put(numpy.zeros(1000))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "no room for temporary files in" in done.stderr


def test_arrays_that_are_read_later() -> None:
    asked = []

    def read() -> np.ndarray:
        asked.append(1)
        return np.zeros(3)

    arrays = ReadLater({"a": read, "b": read})
    assert (list(arrays), len(arrays), asked) == (["a", "b"], 2, [])
    assert [value.shape for value in arrays.values()] == [(3,), (3,)]
    assert len(asked) == 2
    with pytest.raises(KeyError):
        arrays["c"]


@given(
    array=hnp.arrays(
        st.sampled_from(["float32", "float64", "int64", "uint8", "bool", "float16"]),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    )
)
def test_arrays_that_were_put_aside(array: np.ndarray) -> None:
    shelf = Shelf()
    aside = put_aside({"a": array, "b": array.T, "c": array[..., None][..., ::-1]}, shelf)
    for name, wanted in (("a", array), ("b", array.T), ("c", array[..., None])):
        assert (aside[name].dtype, aside[name].shape) == (wanted.dtype, wanted.shape)
        assert np.array_equal(aside[name], wanted, equal_nan=array.dtype.kind == "f")
