"""Checkpoints on disk: what was written comes back, and nothing else is believed."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeinfer_converters.calibration import checkpoint
from edgeinfer_converters.calibration.checkpoint import MAX_FILES, Checkpoint, DamagedError, Saved, key_of
from tests.fixtures.graphs import classifier

DIGEST = bytes(range(32))
ARRAYS = st.dictionaries(
    st.from_regex(r"[0-9]{1,3}\.[a-z]{1,8}", fullmatch=True),
    hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int64]),
        hnp.array_shapes(min_dims=0, min_side=0, max_side=4),
    ),
    max_size=4,
)


def saved(count: int = 3) -> Saved:
    return Saved(count, DIGEST, {"0.counts": np.arange(6, dtype=np.int64), "1.total": np.ones((2, 3))})


def written(folder: Path, what: Saved | None = None, key: str = "k") -> Checkpoint:
    place = Checkpoint(folder, key)
    assert place.write(what or saved())
    return place


@given(ARRAYS, st.integers(1, 2**40))
def test_what_was_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory, arrays: dict[str, np.ndarray], count: int
) -> None:
    found = written(tmp_path_factory.mktemp("cache"), Saved(count, DIGEST, arrays)).read()
    assert found is not None
    assert (found.count, found.digest) == (count, DIGEST)
    assert list(found.arrays) == list(arrays)
    for name, array in arrays.items():
        assert (found.arrays[name].dtype, found.arrays[name].shape) == (array.dtype, array.shape)
        assert found.arrays[name].tobytes() == array.tobytes()
        assert found.arrays[name].flags.writeable


def test_numpy_reads_it_without_pickles(tmp_path: Path) -> None:
    with np.load(written(tmp_path).path, allow_pickle=False) as found:
        assert int(found["count"]) == 3
        np.testing.assert_array_equal(found["0.counts"], np.arange(6))


def test_nothing_is_there(tmp_path: Path) -> None:
    assert Checkpoint(tmp_path / "nowhere", "k").read() is None


def test_only_the_owner_reads_it(tmp_path: Path) -> None:
    place = written(tmp_path / "a" / "edgeinfer")
    assert stat.S_IMODE(place.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.path.parent.stat().st_mode) == 0o700
    assert list(place.path.parent.iterdir()) == [place.path]


def test_what_is_too_large_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "MAX_BYTES", 100)
    assert not Checkpoint(tmp_path, "k").write(saved())
    assert list(tmp_path.iterdir()) == []


def test_removing_what_is_not_there(tmp_path: Path) -> None:
    place = written(tmp_path)
    place.remove()
    place.remove()
    assert place.read() is None


def test_the_oldest_make_room_and_other_files_stay(tmp_path: Path) -> None:
    (tmp_path / "other.npz").write_bytes(b"")
    half = tmp_path / ".calibration-old.npz.x1"
    half.write_bytes(b"of a process that was killed")
    os.utime(half, (1, 1))
    for age in range(MAX_FILES + 2):
        place = written(tmp_path, key=f"{age}")
        os.utime(place.path, (100 + age, 100 + age))
    written(tmp_path, key="new")
    names = {f"calibration-{key}.npz" for key in ("new", 5, 4, 3)}
    assert {path.name for path in tmp_path.iterdir()} == {"other.npz", *names}


def npz(arrays: dict[str, np.ndarray], compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.save(member, array, allow_pickle=True)
            archive.writestr(f"{name}.npy", member.getvalue())
    return stream.getvalue()


HEAD: dict[str, np.ndarray] = {
    "count": np.array(1, np.int64),
    "digest": np.zeros(32, np.uint8),
    "arrays": np.array(1, np.int64),
}
LYING = npz({**HEAD, "0.counts": np.zeros(1000)}).replace(b"(1000,)", b"(9999,)")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a zip file"),
        (b"PK\x05\x06" + bytes(18), "no number of samples"),
        (npz({}), "no number of samples"),
        (npz({"count": np.array(0, np.int64)}), "no number of samples"),
        (npz({"count": np.array(1.5)}), "no number of samples"),
        (npz({"count": np.array([1], np.int64)}), "no number of samples"),
        (npz({"count": np.array(1, np.int64)}), "no digest"),
        (npz({**HEAD, "digest": np.zeros(31, np.uint8)}), "no digest"),
        (npz(HEAD), "not all of the arrays"),
        (npz({**HEAD, "arrays": np.array(0.0)}), "not all of the arrays"),
        (npz({**HEAD, "0.x": np.array([{}], object)}), "another size"),
        (npz(HEAD, zipfile.ZIP_DEFLATED), "compressed"),
        (LYING, "another size"),
    ],
)
def test_what_is_no_checkpoint(tmp_path: Path, data: bytes, message: str) -> None:
    place = Checkpoint(tmp_path, "k")
    place.path.write_bytes(data)
    with pytest.raises(DamagedError, match=message):
        place.read()


def test_a_name_twice(tmp_path: Path) -> None:
    place = Checkpoint(tmp_path, "k")
    place.path.write_bytes(npz({**HEAD, "digesu": HEAD["digest"]}).replace(b"digesu", b"digest"))
    with pytest.raises(DamagedError, match="twice"):
        place.read()


def test_a_file_larger_than_any_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = written(tmp_path)
    monkeypatch.setattr(checkpoint, "MAX_BYTES", 100)
    with pytest.raises(DamagedError, match="possible size"):
        place.read()


def test_neither_links_nor_pipes_are_opened(tmp_path: Path) -> None:
    real = written(tmp_path, key="real")
    link, pipe = Checkpoint(tmp_path, "link"), Checkpoint(tmp_path, "pipe")
    link.path.symlink_to(real.path)
    os.mkfifo(pipe.path)
    with pytest.raises(OSError, match="symbolic links"):
        link.read()
    with pytest.raises(DamagedError, match="possible size"):
        pipe.read()


@given(st.data())
def test_damage_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    place = written(tmp_path_factory.mktemp("cache"))
    whole = bytearray(place.path.read_bytes())
    position = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        del whole[position:]
    else:
        whole[position] ^= data.draw(st.integers(1, 255))
    place.path.write_bytes(whole)
    try:
        found = place.read()
    except DamagedError:
        return
    # Dates in the archive may change unnoticed: nobody reads them.
    assert found is not None
    assert (found.count, found.digest) == (3, DIGEST)
    assert {name: array.tobytes() for name, array in found.arrays.items()} == {
        name: array.tobytes() for name, array in saved().arrays.items()
    }


def test_a_shortened_directory_is_found(tmp_path: Path) -> None:
    """What zipfile takes for the archive's comment instead is no fault to it."""
    place = written(tmp_path)
    whole = place.path.read_bytes()
    shortened = whole.replace(b"PK\x01\x02", b"\0\0\0\0")
    assert whole.count(b"PK\x01\x02") == 5
    place.path.write_bytes(shortened)
    with pytest.raises(DamagedError, match="magic"):
        place.read()
    last = whole.rindex(b"PK\x01\x02")
    end = bytearray(whole[whole.rindex(b"PK\x05\x06") :])
    size = whole.rindex(b"PK\x05\x06") - last
    end[12:16] = (int.from_bytes(end[12:16], "little") - size).to_bytes(4, "little")
    place.path.write_bytes(whole[:last] + end)
    with pytest.raises(DamagedError, match="not all of the arrays"):
        place.read()


def test_the_key_is_that_of_graph_number_of_samples_and_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    model = classifier()
    key = key_of(model, 8)
    assert key == key_of(onnx.load_from_string(model.SerializeToString()), 8)
    other = classifier()
    weights = other.graph.initializer[0]
    weights.raw_data = bytes([weights.raw_data[0] ^ 1]) + weights.raw_data[1:]
    renamed = classifier()
    renamed.graph.node[0].name = "another"
    keys = {key, key_of(other, 8), key_of(renamed, 8), key_of(model, 9)}
    monkeypatch.setattr(checkpoint, "tool_versions", lambda: {"numpy": "0.0"})
    assert len(keys | {key_of(model, 8)}) == 5
