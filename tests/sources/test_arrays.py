"""Arrays of .npz files."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp

from edgeinfer.errors import SourceError
from edgeinfer.processing.spec import TensorInput
from edgeinfer.sources.arrays import ArraysSource
from edgeinfer.sources.fake import ManualClock
from edgeinfer.sources.options import ArrayOptions
from tests.fixtures.npz import forge


def source_of(path: Path, name: str = "", *, loop: bool = False) -> ArraysSource:
    return ArraysSource(path, ArrayOptions(loop=loop), TensorInput(name=name), ManualClock())


def save(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the arrays for its own option
    return path


def samples(source: ArraysSource) -> list[np.ndarray]:
    found = []
    while frame := source.read():
        found.append(frame.data)
    return found


@pytest.mark.parametrize("name", ["", "input", "another"])
def test_a_lonely_array_will_do_whatever_its_name(name: str, tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.int8).reshape(4, 2, 3)
    with source_of(save(tmp_path / "a.npz", input=array), name) as source:
        assert source.live is False
        found = samples(source)
    assert np.array_equal(np.stack(found), array)
    assert found[0].dtype == np.int8


def test_the_name_chooses_among_several(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", x=np.zeros((2, 3)), labels=np.arange(2))
    with source_of(path, "x") as source:
        assert samples(source)[1].shape == (3,)
    for name, message in (("y", "no array is named `y`"), ("", "which array is the input?")):
        with pytest.raises(SourceError) as caught, source_of(path, name):
            pass
        assert message in caught.value.message
        assert "it holds: x, labels" in caught.value.hint


def test_frames_are_numbered_by_their_index(tmp_path: Path) -> None:
    with source_of(save(tmp_path / "a.npz", x=np.zeros((2, 3))), loop=True) as source:
        frames = [frame for _ in range(5) if (frame := source.read())]
    assert [(frame.sequence, frame.name) for frame in frames] == [
        (0, "0"),
        (1, "1"),
        (2, "0"),
        (3, "1"),
        (4, "0"),
    ]


@pytest.mark.parametrize("array", [np.float32(1.0), np.zeros((0, 3))])
def test_an_array_without_samples_is_an_error(array: np.ndarray, tmp_path: Path) -> None:
    with (
        pytest.raises(SourceError, match="the array holds no samples"),
        source_of(save(tmp_path / "a.npz", x=array)),
    ):
        pass


def test_objects_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", x=np.array([{"a": 1}], object))
    with pytest.raises(SourceError, match=r"not an \.npz file of plain arrays"), source_of(path):
        pass


def test_a_header_that_promises_too_much_is_an_error(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**50,)})
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header.getvalue())
    with pytest.raises(SourceError, match=r"not an \.npz file of plain arrays"), source_of(path):
        pass


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"nonsense", b"\x93NUMPY\x01\x00"])
def test_what_is_no_npz_is_an_error(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(data)
    with pytest.raises(SourceError, match=str(path)), source_of(path):
        pass


@pytest.mark.parametrize(
    "shape", [f"(1, {2**70})", f"(1, {2**32}, {2**32})", f"({2**40}, 4)", f"({10**12}, 0)", "-" * 5000]
)
def test_a_header_that_lies_is_an_expected_failure(shape: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"a\.npz"), source_of(forge(tmp_path / "a.npz", shape)):
        pass


def test_an_encrypted_file_is_an_expected_failure(tmp_path: Path) -> None:
    data = bytearray(save(tmp_path / "a.npz", x=np.zeros((2, 3))).read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(SourceError, match="encrypted"), source_of(tmp_path / "a.npz"):
        pass


def test_an_npy_file_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with path.open("wb") as stream:
        np.save(stream, np.zeros(3))
    with pytest.raises(SourceError, match="it holds one array without a name"), source_of(path):
        pass


def test_absence_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"), source_of(tmp_path / "a.npz"):
        pass


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(at=st.integers(0, 10_000), value=st.integers(0, 255), end=st.integers(1, 10_000))
def test_a_damaged_file_is_read_or_refused(at: int, value: int, end: int, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=np.arange(100.0).reshape(10, 10))
    data = bytearray(path.read_bytes())
    data[at % len(data)] = value
    path.write_bytes(data[: max(1, end % (2 * len(data)))])
    try:
        with source_of(path) as source:
            found = samples(source)
    except SourceError as error:
        found = [np.zeros(1)] if str(path) in error.message else []
    assert found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(array=stnp.arrays(stnp.scalar_dtypes(), stnp.array_shapes(min_dims=1, max_dims=4)))
def test_every_array_comes_as_it_is(array: np.ndarray, tmp_path: Path) -> None:
    with source_of(save(tmp_path / "a.npz", x=array)) as source:
        found = samples(source)
    assert len(found) == len(array)
    for index, got in enumerate(found):
        assert isinstance(got, np.ndarray)
        assert got.dtype == array.dtype
        assert got.tobytes() == array[index, ...].tobytes()


@pytest.mark.zoo
def test_the_features_of_a_real_set_are_read(zoo: Path) -> None:
    path = zoo / "datasets" / "kws_test.npz"
    with np.load(path) as found:
        count = len(found["features"])
    with source_of(path, "features") as source:
        assert len(samples(source)) == count
